"""The engine's answers are those of transformers' own generation, whatever is shared, cut, batched or out of memory."""

import random
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from critic_eval.critics.checkpoints import Checkpoint, EncodedPrompt, load_checkpoint
from critic_eval.critics.conversations import Message
from critic_eval.critics.embedded import resolve_pretrained
from critic_eval.critics.engines.engine import Group, Request
from critic_eval.critics.engines.local import shared_attention, stems
from critic_eval.critics.engines.local.branches import Branches, placed, prefill
from critic_eval.critics.engines.local.engine import LocalEngine
from critic_eval.critics.engines.local.plain import answer_plainly
from critic_eval.critics.engines.local.prefixes import split
from critic_eval.critics.engines.local.preprocessing import Preprocessor
from critic_eval.critics.engines.local.shared_attention import _attend_in_pieces, attend
from critic_eval.critics.engines.opening import compile_parts
from critic_eval.critics.generation import GenerationSettings
from critic_eval.errors import ArgumentError
from tests.critics.conftest import SETTINGS, answers, grouped, texts


@pytest.fixture(scope="module")
def plain(checkpoint: Checkpoint, pairs: list[dict[str, Any]]) -> dict[int, str]:
    """What transformers' `generate` says to each prompt alone."""
    requests = [request for group in grouped(pairs) for request in group.requests]
    prompts = [checkpoint.encoder.encode(request.conversation) for request in requests]
    return {
        request.number: answer_plainly(checkpoint, [prompt], SETTINGS)[0].text
        for request, prompt in zip(requests, prompts, strict=True)
    }


@pytest.mark.parametrize(
    "arguments",
    [{}, {"batch_size": 1}, {"batch_size": 3}, {"share_prefixes": False}, {"share_prefixes": False, "batch_size": 1}],
)
def test_answers_are_those_of_plain_generation(
    arguments: dict[str, Any], checkpoint: Checkpoint, pairs: list[dict[str, Any]], plain: dict[int, str]
) -> None:
    assert texts(answers(LocalEngine(checkpoint, **arguments), grouped(pairs))) == plain


@pytest.mark.parametrize("seed", range(3))
def test_answers_do_not_depend_on_the_order_of_requests_and_groups(
    seed: int, checkpoint: Checkpoint, pairs: list[dict[str, Any]], plain: dict[int, str]
) -> None:
    rng = random.Random(seed)
    groups = [replace(group, requests=tuple(rng.sample(group.requests, 2))) for group in grouped(pairs)]
    rng.shuffle(groups)
    assert texts(answers(LocalEngine(checkpoint), groups)) == plain


def test_groups_of_many_requests_with_stems_of_their_own_keep_their_answers(
    checkpoint: Checkpoint, pairs: list[dict[str, Any]]
) -> None:
    """All ordered pairs of four responses to one image share a trunk; those with the same first share a stem."""
    said = [text for item in pairs[:2] for text in item["responses"]]
    prompts = [f"{a} " * 4 + f"Or: {b}" for a in said for b in said if a != b]
    requests = [
        Request(number, [Message("user", (pairs[0]["image"], f"Which is right? {prompt}"))])
        for number, prompt in enumerate(sorted(prompts))
    ]
    cut = split([checkpoint.encoder.encode(one.conversation).input_ids.tolist() for one in requests])
    assert max(len(stem.members) for stem in cut.stems) >= 3
    alone = answers(LocalEngine(checkpoint, share_prefixes=False, batch_size=1), [Group(SETTINGS, tuple(requests))])
    uneven = [Group(SETTINGS, tuple(requests[:7])), Group(SETTINGS, tuple(requests[7:]))]
    assert texts(answers(LocalEngine(checkpoint), uneven)) == texts(alone)


def test_images_in_the_middle_of_the_text_and_no_images_at_all_are_answered_too(
    checkpoint: Checkpoint, pairs: list[dict[str, Any]]
) -> None:
    image = pairs[0]["image"]
    contents = [("A", image, "which digit?"), ("B", image, "which digit?"), ("Hello",), ("Hello you",)]
    requests = [Request(number, [Message("user", content)]) for number, content in enumerate(contents)]
    groups = [Group(SETTINGS, tuple(requests[:2])), Group(SETTINGS, tuple(requests[2:]))]
    alone = answers(LocalEngine(checkpoint, share_prefixes=False, batch_size=1), groups)
    assert texts(answers(LocalEngine(checkpoint), groups)) == texts(alone)


def test_workers_prepare_the_same(checkpoint: Checkpoint, pairs: list[dict[str, Any]], plain: dict[int, str]) -> None:
    engine = LocalEngine(checkpoint, workers=1)
    try:
        assert texts(answers(engine, grouped(pairs))) == plain
    finally:
        engine.close()


def test_an_answer_ends_at_a_stop_string(
    checkpoint: Checkpoint, pairs: list[dict[str, Any]], plain: dict[int, str]
) -> None:
    settings = GenerationSettings(24, until=("]",))
    assert texts(answers(LocalEngine(checkpoint), grouped(pairs, settings))) == {
        number: text.split("]")[0] for number, text in plain.items()
    }


def test_an_answer_that_ends_with_its_verdict_has_the_same_verdict(
    checkpoint: Checkpoint, pairs: list[dict[str, Any]], plain: dict[int, str]
) -> None:
    groups = grouped(pairs, replace(SETTINGS, mode="to_verdict"))
    short = texts(answers(LocalEngine(checkpoint), groups))
    for group in groups:
        for request in group.requests:
            assert request.reading is not None
            assert request.reading.verdict(short[request.number]) == request.reading.verdict(plain[request.number])
    assert sum(map(len, short.values())) < 0.9 * sum(map(len, plain.values()))


def test_a_batch_that_does_not_fit_is_halved_until_it_does(
    checkpoint: Checkpoint, pairs: list[dict[str, Any]], plain: dict[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []

    def short_of_memory(checkpoint: Checkpoint, trunks: Any) -> Any:
        sizes.append(len(trunks))
        if len(trunks) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return prefill(checkpoint, trunks)

    monkeypatch.setattr(stems, "prefill", short_of_memory)
    assert texts(answers(LocalEngine(checkpoint), grouped(pairs))) == plain
    assert max(sizes) > 2
    assert sizes[-1] <= 2


def test_a_request_that_never_fits_is_an_error_of_its_own(
    checkpoint: Checkpoint, pairs: list[dict[str, Any]], plain: dict[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    groups = grouped(pairs[:3])
    long = Request(99, [Message("user", (pairs[0]["image"], "Which? " * 300))])
    groups.append(Group(SETTINGS, (long,)))

    def short_of_memory(checkpoint: Checkpoint, trunks: Any) -> Any:
        if max(len(trunk.input_ids) for trunk in trunks) > 500:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return prefill(checkpoint, trunks)

    monkeypatch.setattr(stems, "prefill", short_of_memory)
    found = answers(LocalEngine(checkpoint), groups)
    error = found.pop(99).error
    assert error is not None
    assert "out of memory with a prompt of" in error
    assert texts(found) == {number: plain[number] for number in range(6)}


def test_other_errors_are_not_taken_for_a_lack_of_memory(
    checkpoint: Checkpoint, pairs: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(checkpoint: Checkpoint, trunks: Any) -> Any:
        raise RuntimeError("shapes differ")

    monkeypatch.setattr(stems, "prefill", broken)
    with pytest.raises(RuntimeError, match="shapes differ"):
        answers(LocalEngine(checkpoint), grouped(pairs))


def test_verdicts_alone_need_greedy_decoding(checkpoint: Checkpoint, pairs: list[dict[str, Any]]) -> None:
    sampled = GenerationSettings(8, options=(("do_sample", True),), mode="verdict")
    with pytest.raises(ArgumentError, match="the task asks for sampling"):
        answers(LocalEngine(checkpoint), grouped(pairs[:1], sampled))


@given(st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=60), min_size=1, max_size=8))
def test_a_split_gives_every_prompt_back_and_leaves_each_a_token(prompts: list[list[int]]) -> None:
    prompts = sorted(prompts)
    cut = split(prompts)
    assert sorted(member for stem in cut.stems for member in stem.members) == list(range(len(prompts)))
    for stem in cut.stems:
        assert cut.trunk <= stem.length
        first = prompts[stem.members[0]][: stem.length]
        for member in stem.members:
            assert prompts[member][: stem.length] == first
            assert len(prompts[member]) > stem.length
    assert cut.computed(list(map(len, prompts))) <= sum(map(len, prompts))


@pytest.mark.parametrize("padding", [0, 5])
def test_attention_and_its_normalizer_are_softmax(padding: int) -> None:
    torch.manual_seed(0)
    query, key, value = (torch.randn(2, 3, n, 8) for n in (7, 11, 11))
    bias = torch.zeros(2, 1, 1, 11)
    bias[0, ..., :padding] = float("-inf")
    scores = query @ key.transpose(-1, -2) * 0.3 + bias
    for function in (attend, _attend_in_pieces):
        output, normalizer = function(query, key, value, bias, 0.3)
        torch.testing.assert_close(output, scores.softmax(-1) @ value)
        torch.testing.assert_close(normalizer, scores.logsumexp(-1))


def test_in_half_precision_sharing_adds_no_more_than_batching_does(pairs: list[dict[str, Any]]) -> None:
    """Distances between logits: of a prompt alone to the same in a batch, and to the same after a shared prefix."""
    half = load_checkpoint(resolve_pretrained("digits"), dtype="bfloat16")
    groups = list(Preprocessor(half.encoder).encode(grouped(pairs)))
    prompts = [prompt for group in groups for prompt in group.prompts]

    def plain(prompts: list[EncodedPrompt]) -> torch.Tensor:
        batch = {name: placed(tensor, half.model) for name, tensor in half.encoder.collate(prompts).items()}
        with torch.inference_mode():
            logits: torch.Tensor = half.model(**batch).logits[:, -1].float()
        return logits

    trunks = [replace(group.prompts[0], input_ids=group.prompts[0].input_ids[: group.cut.trunk]) for group in groups]
    branches = Branches(half.model, prefill(half, trunks), 2)
    rests = [prompt.input_ids[group.cut.trunk :].tolist() for group in groups for prompt in group.prompts]
    shared = branches.logits(branches.extend(rests)[:, -1])
    alone = torch.cat([plain([prompt]) for prompt in prompts])
    noise = plain(prompts) - alone
    assert (shared - alone).square().mean().sqrt() <= 1.25 * noise.square().mean().sqrt()
    assert (shared - alone).abs().max() <= 1.25 * noise.abs().max()


@pytest.mark.slow
def test_compiled_parts_give_the_same_answers(pairs: list[dict[str, Any]], plain: dict[int, str]) -> None:
    compiled = load_checkpoint(resolve_pretrained("digits"))
    compile_parts(compiled.model)
    assert texts(answers(LocalEngine(compiled), grouped(pairs[:4]))) == {number: plain[number] for number in range(8)}


def test_attention_by_parts_keeps_to_float32_where_scores_are_large() -> None:
    """Keys with a large common part, as Qwen2's have, make scores of hundreds that differ by little."""
    torch.manual_seed(0)
    query, key, value = (torch.randn(1, 2, n, 64).bfloat16() for n in (16, 500, 500))
    key = key + 20
    exact, normalizer = attend(query.float(), key.float(), value.float(), None, 0.125)
    found, found_normalizer = _attend_in_pieces(query, key, value, None, 0.125)
    assert (found.float() - exact).norm() / exact.norm() < 0.01
    torch.testing.assert_close(found_normalizer, normalizer, atol=1e-3, rtol=1e-5)


def test_without_a_fused_kernel_the_answers_are_the_same(
    checkpoint: Checkpoint, pairs: list[dict[str, Any]], plain: dict[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_attention, "_agrees", lambda device, dtype: False)
    foreign = Group(SETTINGS, (Request(90, [Message("user", ("Hello",))]),))
    found = texts(answers(LocalEngine(checkpoint), [*grouped(pairs), foreign]))
    assert found.pop(90)
    assert found == plain


def test_a_checkpoint_that_asks_for_more_than_the_likeliest_token_is_left_to_transformers(
    pairs: list[dict[str, Any]],
) -> None:
    penalized = load_checkpoint(resolve_pretrained("digits"))
    penalized.model.generation_config.repetition_penalty = 3.0
    shared, alone = (
        texts(answers(LocalEngine(penalized, share_prefixes=share), grouped(pairs[:3]))) for share in (True, False)
    )
    assert shared == alone
    with pytest.raises(ArgumentError, match="repetition_penalty"):
        answers(LocalEngine(penalized), grouped(pairs[:1], replace(SETTINGS, mode="verdict")))

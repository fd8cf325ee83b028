"""Every family reads and computes what was written, straight and after conversion.

Oracle: the transformers model whose weights were written, and LLaVA's own rendering of a question.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from transformers import PreTrainedTokenizerFast

from critic_eval.critics.checkpoints import convert_checkpoint, load_checkpoint
from critic_eval.critics.conversations import Conversation, Message
from critic_eval.critics.engines.engine import Group, Request
from critic_eval.critics.engines.local.branches import why_not_shared
from critic_eval.critics.engines.local.engine import LocalEngine
from critic_eval.critics.generation import GenerationSettings
from critic_eval.errors import ArgumentError, CheckpointError

from .conftest import Tiny, judge, noise
from .families import FAMILIES, Family, make

# These are other conversations of what stands beside them.
RARE = ("v1.1", "1.5")
PARAMETERS = [pytest.param(name, marks=pytest.mark.slow) if name in RARE else name for name in FAMILIES]


@pytest.fixture(scope="module", params=PARAMETERS)
def family(request: pytest.FixtureRequest) -> Family:
    return FAMILIES[request.param]


@pytest.fixture(scope="module")
def written(family: Family, tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return make(family, tmp_path_factory.mktemp("family"))


@pytest.fixture(scope="module")
def converted(written: Tiny) -> Path:
    convert_checkpoint(written.folder, written.folder.parent / "converted")
    return written.folder.parent / "converted"


CONVERSATIONS: list[Conversation] = [
    judge("Which answer is better?", noise(60, 40)),
    judge("Both?", noise(20, 70, 1), noise(30, 30, 2)),
    [Message("user", ("First ", noise(28, 28, 3), "second?", noise(40, 30, 4)))],
    [Message("user", ("Only text.",))],
    [Message("system", ("You judge.",)), *judge("Which?", noise(28, 28))],
]


def test_the_conversation_is_that_of_llavas_code(family: Family, written: Tiny) -> None:
    checkpoint = load_checkpoint(written.folder, weights=False)
    assert checkpoint.encoder.render(judge("Which?", noise(28, 28))) == family.rendered
    assert type(checkpoint.model) is family.model_class


def test_the_model_computes_what_was_written(family: Family, written: Tiny) -> None:
    checkpoint = load_checkpoint(written.folder)
    rows = {**family.config, **family.changes}["vocab_size"]
    for conversation in CONVERSATIONS[:2]:
        batch = checkpoint.encoder.collate([checkpoint.encoder.encode(conversation)])
        ids = batch["input_ids"]
        theirs = {**batch, "input_ids": ids.masked_fill(ids == checkpoint.encoder.image_token_id, image_id(written))}
        with torch.no_grad():
            ours = checkpoint.model(**batch).logits[..., :rows]
            torch.testing.assert_close(ours, written.model(**theirs).logits[..., :rows], atol=1e-5, rtol=1e-5)


def image_id(written: Tiny) -> int:
    number: int = written.model.config.image_token_id
    return number


def test_the_converted_checkpoint_reads_and_computes_alike(written: Tiny, converted: Path) -> None:
    ours, theirs = load_checkpoint(written.folder), load_checkpoint(converted)
    assert isinstance(theirs.encoder.tokenizer, PreTrainedTokenizerFast)
    read = [
        [checkpoint.encoder.encode(conversation) for conversation in CONVERSATIONS] for checkpoint in (ours, theirs)
    ]
    assert [prompt.input_ids.tolist() for prompt in read[0]] == [prompt.input_ids.tolist() for prompt in read[1]]
    for conversation in CONVERSATIONS:
        assert ours.encoder.render(conversation) == theirs.encoder.render(conversation)
    batch = ours.encoder.collate(read[0])
    with torch.no_grad():
        together = ours.model(**batch).logits[:, -1]
        torch.testing.assert_close(theirs.model(**batch).logits[:, -1], together, atol=1e-5, rtol=1e-5)
        for row, prompt in zip(together, read[0], strict=True):
            alone = ours.model(**ours.encoder.collate([prompt])).logits[0, -1]
            torch.testing.assert_close(row, alone, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_a_linear_projector_is_exact_in_every_type(tmp_path: Path, dtype: str) -> None:
    written = make(FAMILIES["v0"], tmp_path)
    with safe_open(written.folder / "model.safetensors", framework="pt") as tensors:
        weight, bias = (tensors.get_tensor(f"model.mm_projector.{part}") for part in ("weight", "bias"))
    projector = load_checkpoint(written.folder, dtype=dtype).model.model.multi_modal_projector
    kind = projector.linear_1.weight.dtype
    seen = torch.randn(16, 24, generator=torch.Generator().manual_seed(1)).to(kind) * 9
    assert torch.equal(projector(seen), torch.nn.functional.linear(seen, weight.to(kind), bias.to(kind)))


def test_later_turns_are_read_alike_after_conversion(written: Tiny, converted: Path) -> None:
    turns = [*judge("One?", noise(28, 28)), Message("assistant", ("Two.",)), Message("user", ("Three?",))]
    ours, theirs = (load_checkpoint(folder, weights=False).encoder for folder in (written.folder, converted))
    assert ours.encode(turns).input_ids.tolist() == theirs.encode(turns).input_ids.tolist()


def test_shared_prefixes_give_the_answers_of_generate(written: Tiny) -> None:
    checkpoint = load_checkpoint(written.folder)
    if checkpoint.model.config.text_config.model_type == "mpt":
        assert "its text model is mpt" in str(why_not_shared(checkpoint.model))
    else:
        assert why_not_shared(checkpoint.model) is None
    image, settings = noise(60, 40), GenerationSettings(8)
    requests = [Request(number, judge(f"Which answer is better, {text}?", image)) for number, text in enumerate("ab")]
    answers = []
    for share in (True, False):
        engine = LocalEngine(checkpoint, share_prefixes=share)
        answers.append(dict(pair for batch in engine.answer([Group(settings, tuple(requests))]) for pair in batch))
    assert [answers[0][n].text for n in (0, 1)] == [answers[1][n].text for n in (0, 1)]
    assert answers[0][0].output_tokens > 1


def test_an_answer_ends_where_a_turn_ends_in_text(tmp_path: Path) -> None:
    written = make(FAMILIES["v0"], tmp_path)
    convert_checkpoint(written.folder, tmp_path / "converted")
    for folder in (written.folder, tmp_path / "converted"):
        checkpoint = load_checkpoint(folder)
        marks = checkpoint.encoder.tokenizer("###", add_special_tokens=False).input_ids
        with torch.no_grad():  # a model that says nothing but #
            checkpoint.model.lm_head.weight.zero_()
            checkpoint.model.lm_head.weight[marks[-1]] = checkpoint.model.model.language_model.norm.weight.sign() * 9
        for share in (True, False):
            engine = LocalEngine(checkpoint, share_prefixes=share)
            group = Group(GenerationSettings(40), (Request(0, judge("Which?", noise(28, 28))),))
            ((_, answer),) = next(iter(engine.answer([group])))
            assert "###" not in answer.text
            assert answer.output_tokens <= 40


def test_a_conversation_can_be_set(written: Tiny) -> None:
    checkpoint = load_checkpoint(written.folder, weights=False, conversation="plain")
    assert checkpoint.encoder.render([Message("user", ("Which?",))]) == "Which?\n"
    assert checkpoint.identity["conversation"] == "plain"
    with pytest.raises(ArgumentError, match="conversation=plane is unknown; did you mean plain"):
        load_checkpoint(written.folder, conversation="plane")


def test_parts_are_refused_for_transformers_layout(converted: Path, written: Tiny) -> None:
    with pytest.raises(ArgumentError, match="leave out base and conversation"):
        load_checkpoint(converted, base=written.folder, conversation="plain")


def test_a_conversation_whose_marks_the_vocabulary_lacks_is_refused(tmp_path: Path) -> None:
    written = make(FAMILIES["1.5"], tmp_path)
    with pytest.raises(CheckpointError, match=r"lacks <\|im_start\|>"):
        load_checkpoint(written.folder, conversation="chatml_direct")

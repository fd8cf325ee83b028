"""A verdict read off probabilities: its shares are the model's own, both orders count, and what can't be is refused."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from critic_eval.critics.answer_text import verdict_text
from critic_eval.critics.checkpoints import Checkpoint
from critic_eval.critics.engines.engine import Group, Request
from critic_eval.critics.engines.local.engine import LocalEngine
from critic_eval.critics.generation import Answer, GenerationSettings
from critic_eval.errors import ArgumentError
from critic_eval.judging import (
    Preference,
    Reading,
    Score,
    get_protocol,
    protocol_names,
    read_stated,
    to_canonical,
    verdict_form,
)
from critic_eval.lmms.models.llava_critic import LlavaCritic
from tests.conftest import task_index
from tests.critics.conftest import answers, grouped, presented

ALONE = GenerationSettings(24, mode="verdict")


def logprob_of(checkpoint: Checkpoint, prompt: torch.Tensor, media: Any, text: str) -> float:
    """The log-probability of a text as the beginning of an answer, token by token, by one plain pass."""
    tokens = checkpoint.encoder.tokenizer(text, add_special_tokens=False).input_ids
    ids = torch.cat([prompt, torch.tensor(tokens)])[None]
    with torch.inference_mode():
        logits = checkpoint.model(input_ids=ids, **media).logits[0].log_softmax(-1)
    places = range(len(prompt) - 1, len(prompt) - 1 + len(tokens))
    return float(sum(logits[place, token] for place, token in zip(places, tokens, strict=True)))


def test_shares_are_the_probabilities_of_the_openings(checkpoint: Checkpoint, pairs: list[dict[str, Any]]) -> None:
    groups = grouped(pairs[:3], ALONE)
    found = answers(LocalEngine(checkpoint), groups)
    form = verdict_form(get_protocol("llava_critic_pair"))
    for request in itertools.chain.from_iterable(group.requests for group in groups):
        encoded = checkpoint.encoder.encode(request.conversation)
        logprobs = [logprob_of(checkpoint, encoded.input_ids, encoded.media, text) for text in form.texts()]
        expected = torch.tensor(logprobs).softmax(0).tolist()
        stated = found[request.number].stated
        assert stated is not None
        assert list(stated["shares"].values()) == pytest.approx(expected, abs=1e-3)
        assert 0.5 < stated["coverage"] <= 1.0


def test_numbers_of_several_digits_share_what_their_digits_do(
    checkpoint: Checkpoint, pairs: list[dict[str, Any]]
) -> None:
    conversation, reading = presented(pairs[0], "A", "llava_critic_score")
    found = answers(LocalEngine(checkpoint), [Group(ALONE, (Request(0, conversation, reading),))])
    stated = found[0].stated
    assert stated is not None
    assert sum(stated["shares"].values()) == pytest.approx(1.0)
    encoded = checkpoint.encoder.encode(conversation)
    texts = [f"Score: [{number}]" for number in range(101)]
    logprobs = [logprob_of(checkpoint, encoded.input_ids, encoded.media, text) for text in texts]
    best = max(range(101), key=logprobs.__getitem__)
    assert max(stated["shares"], key=stated["shares"].__getitem__) == str(best)
    assert stated["shares"][str(best)] == pytest.approx(torch.tensor(logprobs).softmax(0)[best].item(), abs=0.02)


def answer(first: float, second: float, equal: float) -> Answer:
    return Answer("", 1, 1, 0.0, {"shares": {"first": first, "second": second, "equal": equal}, "coverage": 0.5})


def test_a_preference_is_the_mean_of_both_orders_and_the_same_in_both() -> None:
    """One order prefers what is first by 0.7, the other what is second (the same response) by 0.4."""
    own, other = answer(0.7, 0.2, 0.1), answer(0.5, 0.4, 0.1)
    stated = read_stated(verdict_text(Reading("llava_critic_pair", "AB"), own, other))
    assert stated is not None
    assert stated.verdict == Preference(0)
    assert stated.logprobs is not None
    shares = {name: round(2.718281828**logprob, 3) for name, logprob in stated.logprobs.items()}
    assert shares == {"A": 0.55, "B": 0.35, "tie": 0.1, "coverage": 0.5}
    turned = read_stated(verdict_text(Reading("llava_critic_pair", "BA"), other, own))
    assert turned is not None
    assert turned.verdict == Preference(1)
    assert turned.logprobs == stated.logprobs


def test_two_responses_of_equal_shares_get_the_same_verdict_in_both_orders() -> None:
    own, turned = answer(0.4, 0.3, 0.3), answer(0.4, 0.3, 0.3)
    verdicts = []
    for order in ("AB", "BA"):
        stated = read_stated(verdict_text(Reading("llava_critic_pair", order), own, turned))
        assert stated is not None
        verdicts.append(to_canonical(stated.verdict, order))
    assert verdicts == [Preference(0)] * 2
    third = 1 / 3
    tied = read_stated(verdict_text(Reading("llava_critic_pair", "AB"), *[answer(third, third, third)] * 2))
    assert tied is not None
    assert tied.verdict == Preference(None)


def test_a_score_is_the_expected_one() -> None:
    shares = {str(number): 0.0 for number in range(1, 6)} | {"2": 0.25, "4": 0.75}
    own = Answer("", 1, 1, 0.0, {"shares": shares, "coverage": 1.0})
    stated = read_stated(verdict_text(Reading("aspect_score", "A"), own, None))
    assert stated is not None
    assert stated.verdict == Score(3.5)


def test_errors_and_other_forms_are_invalid_with_their_reason() -> None:
    reading = Reading("llava_critic_pair", "AB")
    failed = Answer("", 1, 0, 0.0, error="out of memory")
    for own, reason in ((failed, "out of memory"), (Answer("", 1, 1, 0.0, {"shares": {}}), "does not open")):
        stated = read_stated(verdict_text(reading, own, answer(1, 0, 0)))
        assert stated is not None
        assert reason in str(stated.verdict.reason)


FORMS = ("llava_critic_pair", "given_pair", "llava_critic_score", "aspect_score")


@pytest.mark.parametrize("name", protocol_names())
def test_a_form_is_read_by_its_own_parser_and_what_has_none_is_refused_with_a_reason(name: str) -> None:
    protocol = get_protocol(name)
    if name not in FORMS:
        with pytest.raises(
            ArgumentError, match=r"after the reasons|a ranking|several scores|has no verdict_form|write nothing"
        ):
            verdict_form(protocol)
        return
    verdicts = [
        protocol.parse(text, min(2, protocol.n_responses[1])).verdict for text in verdict_form(protocol).texts()
    ]
    assert all(verdict.is_valid for verdict in verdicts)
    assert len(set(verdicts)) >= 2


def test_the_model_answers_whole_tasks_by_verdict_alone(tmp_path: Path) -> None:
    from lmms_eval.evaluator import simple_evaluate

    arguments = f"pretrained=digits,device=cpu,verdict_only=True,journal={tmp_path}/journal.sqlite"
    tasks = ["critic_digits_pair", "critic_digits_score"]
    judge = {"model": "llava_critic", "model_args": arguments}
    results = simple_evaluate(**judge, tasks=tasks, limit=60, log_samples=True, task_manager=task_index())
    pair, score = (results["results"][task] for task in tasks)
    assert pair["order_consistency,none"] == 1.0
    assert pair["accuracy_without_tie,none"] > 0.85
    assert pair["invalid_rate,none"] == score["invalid_rate,none"] == 0.0
    assert score["pearson,none"] > 0.8
    judgment = results["samples"]["critic_digits_pair"][0]["judgment"]
    assert set(judgment["logprobs"]) == {"A", "B", "tie", "coverage"}
    assert json.loads(json.dumps(judgment)) == judgment


def test_tasks_that_have_no_such_verdict_are_refused() -> None:
    from lmms_eval.evaluator import simple_evaluate

    for argument, reason in (
        ("verdict_only=True", "asks for a ranking"),
        ("reasons=False,protocol=verdict_last", "asks for it last"),
    ):
        with pytest.raises(ArgumentError, match=reason):
            simple_evaluate(
                model="llava_critic",
                model_args=f"pretrained=digits,device=cpu,{argument}",
                tasks=["critic_digits_rank"],
                limit=2,
                task_manager=task_index(),
            )
    with pytest.raises(ArgumentError, match="give either it or reasons"):
        LlavaCritic(pretrained="digits", device="cpu", verdict_only=True, reasons=False)

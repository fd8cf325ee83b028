"""Drawn judgments: tokens drawn as transformers draws them, whatever the batch, and several pooled to one."""

import json
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st
from scipy import stats
from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from critic_eval.critics.checkpoints import Checkpoint
from critic_eval.critics.engines.engine import Group
from critic_eval.critics.engines.local.engine import LocalEngine
from critic_eval.critics.engines.local.sampling import Sampler
from critic_eval.critics.generation import GenerationSettings
from critic_eval.errors import ArgumentError
from critic_eval.lmms.models.llava_critic import LlavaCritic
from tests.conftest import task_index
from tests.critics.conftest import answers, grouped, texts


def drawn(logits: list[float], n: int = 20_000, **options: Any) -> np.ndarray:
    """How often each token was drawn."""
    settings = GenerationSettings(1, options=tuple(sorted({"do_sample": True, **options}.items())))
    tokens = Sampler(settings, range(n))(torch.tensor([logits]).expand(n, -1), range(n))
    return np.bincount(tokens.numpy(), minlength=len(logits))


def probabilities(logits: list[float], temperature: float, top_k: int, top_p: float) -> np.ndarray:
    """By transformers' own warpers, in its order."""
    scores = torch.tensor([logits])
    warpers = [TemperatureLogitsWarper(temperature), TopKLogitsWarper(top_k), TopPLogitsWarper(top_p)]
    for warper in warpers:
        scores = warper(None, scores)
    return torch.softmax(scores.double(), -1)[0].numpy()


@pytest.mark.parametrize(
    ("temperature", "top_k", "top_p"), [(1.0, 50, 1.0), (0.6, 50, 0.95), (1.5, 3, 1.0), (0.8, 4, 0.7)]
)
def test_tokens_are_drawn_with_the_probabilities_of_transformers(temperature: float, top_k: int, top_p: float) -> None:
    logits = [1.2, -0.3, 0.9, 2.0, -4.0, 0.1, 1.9]
    expected = probabilities(logits, temperature, top_k, top_p)
    counts = drawn(logits, temperature=temperature, top_k=top_k, top_p=top_p)
    assert not counts[expected == 0].any()
    kept = expected > 0
    assert stats.chisquare(counts[kept], expected[kept] * counts.sum()).pvalue > 1e-4


@given(
    st.lists(st.integers(-60, 60).map(lambda tenths: tenths / 10), min_size=1, max_size=8, unique=True),
    st.floats(0.05, 3),
    st.floats(0.01, 1),
    st.integers(1, 9),
)
@limits(max_examples=60, deadline=None)
def test_no_token_is_drawn_that_transformers_leaves_out(
    logits: list[float], temperature: float, top_p: float, top_k: int
) -> None:
    expected = probabilities(logits, temperature, top_k, top_p)
    # The one at the edge of the nucleus may fall on either side by rounding.
    counts = drawn(logits, 200, temperature=temperature, top_p=top_p, top_k=top_k)
    likeliest = np.sort(probabilities(logits, temperature, top_k, 1.0))[::-1].cumsum()
    if not np.isclose(likeliest, top_p, atol=1e-5).any():
        assert not counts[expected == 0].any()


def test_a_draw_does_not_depend_on_what_else_is_in_the_batch(
    checkpoint: Checkpoint, pairs: list[dict[str, Any]]
) -> None:
    settings = GenerationSettings(24, options=(("do_sample", True), ("temperature", 1.5)))
    groups = [
        Group(settings, tuple(replace(request, seed=100 + request.number) for request in group.requests))
        for group in grouped(pairs[:4], settings)
    ]
    together = answers(LocalEngine(checkpoint), groups)
    one_by_one = answers(LocalEngine(checkpoint, batch_size=1), groups)
    assert texts(together) == texts(one_by_one)
    assert {answer.seed for answer in together.values()} == set(range(100, 108))
    others = [
        Group(settings, tuple(replace(request, seed=request.number) for request in group.requests)) for group in groups
    ]
    assert texts(answers(LocalEngine(checkpoint), others)) != texts(together)


@pytest.fixture
def five_draws(tmp_path: Path) -> dict[str, Any]:
    from lmms_eval.evaluator import simple_evaluate

    arguments = f"pretrained=digits,device=cpu,samples=5,temperature=1.2,journal={tmp_path}/journal.sqlite"
    run = {"model": "llava_critic", "model_args": arguments, "tasks": ["critic_digits_pair"], "limit": 16}
    results: dict[str, Any] = simple_evaluate(**run, log_samples=True, task_manager=task_index())
    again: dict[str, Any] = simple_evaluate(**run, log_samples=True, task_manager=task_index())
    said = [
        [sample["judgment"]["draws"] for sample in run["samples"]["critic_digits_pair"]] for run in (results, again)
    ]
    assert said[0] == said[1]
    return results


def test_several_draws_come_to_their_majority_with_how_far_they_agree(
    five_draws: dict[str, Any], tmp_path: Path
) -> None:
    judged = [sample["judgment"] for sample in five_draws["samples"]["critic_digits_pair"]]
    assert {len(judgment["draws"]) for judgment in judged} == {5}
    assert {judgment["confidence_from"] for judgment in judged} == {"draws"}
    for judgment in judged:
        firsts = sum(text.startswith("The better response: [first]") for text in judgment["draws"])
        if firsts >= 3:
            first = "AB".index(judgment["order"][0])
            assert judgment["verdict"]["value"] == first
            assert judgment["confidence"] >= firsts / 5
    with sqlite3.connect(tmp_path / "journal.sqlite") as db:
        kept = [json.loads(row[0]) for row in db.execute("SELECT answer FROM answers")]
    db.close()
    assert len(kept) == 16 * 5
    assert len({answer["seed"] for answer in kept}) == 16 * 5


def test_what_would_draw_nothing_is_refused_and_a_single_draw_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    from lmms_eval.evaluator import simple_evaluate

    with pytest.raises(ArgumentError, match="samples=3 would be the same answer 3 times"):
        simple_evaluate(
            model="llava_critic",
            model_args="pretrained=digits,device=cpu,samples=3",
            tasks=["critic_digits_pair"],
            limit=2,
            task_manager=task_index(),
        )
    for arguments, said in (
        ({"samples": 0}, "draw from 1 to 1000"),
        ({"samples": 3, "temperature": 1, "pool": "best"}, "pool=best is unknown"),
        ({"samples": 3, "temperature": 1, "verdict_only": True}, "take the likeliest verdict"),
        ({"when_unread": "guess"}, "when_unread=guess is unknown"),
    ):
        with pytest.raises(ArgumentError, match=said):
            LlavaCritic(pretrained="digits", device="cpu", **arguments)
    LlavaCritic(pretrained="digits", device="cpu", temperature=0.7)
    assert "temperature=0.7 draws one answer" in caplog.text


def test_a_critic_that_thinks_is_refused_where_first_words_are_to_tell() -> None:
    for argument in ({"verdict_only": True}, {"reasons": False}):
        with pytest.raises(ArgumentError, match="r1_reward thinks before it answers"):
            LlavaCritic(pretrained="digits", device="cpu", critic="r1_reward", **argument)

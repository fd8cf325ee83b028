"""The same questions through lmms-eval and through Python: equal answers, verdicts and journal keys."""

from pathlib import Path
from typing import Any

import pytest

from critic_eval import Compared, Ranked, Scored, load_critic
from critic_eval.critics.engines.local.engine import LocalEngine
from tests.api.conftest import asked

LIMIT = 12
TASKS = ["critic_digits_pair", "critic_digits_score", "critic_digits_rank"]
LONGEST_ANSWER = 96
"""Tokens that these tasks ask for."""


def judgments(tasks: list[str], limit: int, arguments: str) -> dict[str, list[dict[str, Any]]]:
    """What lmms-eval logs of the first requests of some tasks."""
    from lmms_eval.evaluator import simple_evaluate

    found = simple_evaluate(
        model="llava_critic",
        model_args=f"pretrained=digits,device=cpu,{arguments}",
        tasks=tasks,
        limit=limit,
        log_samples=True,
        bootstrap_iters=0,
    )
    return {task: [sample["judgment"] for sample in found["samples"][task]] for task in tasks}


def test_texts_and_verdicts_are_lmms_evals_and_its_journal_answers_them(
    pairs: list[dict[str, Any]],
    scored: list[dict[str, Any]],
    ranked: list[dict[str, Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    journal = tmp_path / "journal.sqlite"
    theirs = judgments(TASKS, LIMIT, f"journal={journal}")
    items = [*pairs[: LIMIT // 2], *scored, *ranked]
    with load_critic("digits", device="cpu", journal=journal, max_new_tokens=LONGEST_ANSWER) as critic:

        def fail(self: LocalEngine, batch: Any) -> Any:
            raise AssertionError("something is computed that the journal holds")

        monkeypatch.setattr(LocalEngine, "_answer_batch", fail)
        ours = critic.judge(map(asked, items), progress=False)
    compared: dict[tuple[str, str], Any] = {}
    for item, result in zip(items, ours, strict=True):
        if isinstance(result, Compared):
            for judgment in result.judgments:
                compared[item["id"], judgment.order] = judgment
        else:
            assert isinstance(result, Scored | Ranked)
            assert result.judgment is not None
            compared[item["id"], result.judgment.order] = result.judgment
    known = [one for task in TASKS for one in theirs[task] if (one["item_id"], one["order"]) in compared]
    assert len(known) >= LIMIT + len(scored) + len(ranked)
    for one in known:
        judgment = compared[one["item_id"], one["order"]]
        assert (judgment.raw, judgment.verdict.to_record()) == (one["raw"], one["verdict"])


def test_probabilities_are_those_of_verdict_only(critic: Any, pairs: list[dict[str, Any]]) -> None:
    theirs = judgments(TASKS[:1], LIMIT, "verdict_only=True")[TASKS[0]]
    ours = critic.judge(map(asked, pairs[: LIMIT // 2]), probabilities=True, progress=False)
    by_item = {one["item_id"]: one for one in theirs}
    for item, result in zip(pairs, ours, strict=False):
        one = by_item[item["id"]]
        assert {"a": 0, "b": 1, "tie": None}[result.better] == one["verdict"]["value"]
        shares = {name: 2.718281828459045 ** one["logprobs"][key] for name, key in (("a", "A"), ("b", "B"))}
        assert {name: result.probabilities[name] for name in shares} == pytest.approx(shares, abs=1e-4)

"""Pairs without images, run through lmms-eval with the model `llava_critic`."""

import json
from pathlib import Path
from typing import Any

import pytest

from critic_eval.metrics import POOLED
from critic_eval.runs.report import report
from tests.conftest import task_index


def run_pairs(
    folder: Path, monkeypatch: pytest.MonkeyPatch, n: int = 10, task: str = "critic_pairs", **arguments: Any
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Judge n pairs, of which by turns the first and the second response is the right one.

    Returns:
        The task's section of the results, its figures over all items by name; and the samples.
    """
    from lmms_eval.evaluator import simple_evaluate

    with (folder / "pairs.jsonl").open("w") as out:
        for number in range(n):
            responses = ["A right answer.", "Some other answer."]
            item = {"id": f"item-{number}", "question": f"What is item {number}?", "label": "AB"[number % 2]}
            out.write(json.dumps({**item, "responses": responses if number % 2 == 0 else responses[::-1]}) + "\n")
    monkeypatch.setenv("CRITIC_EVAL_PAIRS", str(folder / "pairs.jsonl"))
    given = ",".join(f"{name}={value}" for name, value in arguments.items())
    results = simple_evaluate(
        model="llava_critic", model_args=given, tasks=[task], task_manager=task_index(), log_samples=True
    )
    section = report([task], "llava_critic", given)[task]
    section["figures"] = {figure["name"]: figure for figure in section["figures"] if figure["group"] == POOLED}
    return section, results["samples"][task]

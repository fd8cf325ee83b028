"""One text has one verdict: in a run of the command, from Python, rescored, and given by a recorded judge."""

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from critic_eval.benchmarks.registry import find_benchmark
from critic_eval.judging import Judgment, get_protocol
from critic_eval.lmms.models.planted_judge import PlantedJudge
from critic_eval.lmms.tasks import ITEM_COLUMN, ORDER_COLUMN
from critic_eval.runs.rescore import read_judgments
from tests.conftest import Command, task_index

TEXTS = (
    "The better response: [second]",
    "<think>The better response: [first]? No.</think>The better response: [second]",
    "<think>\nThe first response is better in detail.\n</think>\n\nThe second response is better.",
    "<thinking>[[A]]</thinking>\n[[B]]",
    "<think>The better response: [first]? Let me count again: one, tw",
    "The first one? </think> <answer>2</answer>",
    "<answer>2</answer></s>",
    "\\boxed{Answer 2}",
    '{"reasoning": "It is right.", "winner": "B"}',
    '```json\n{"winner": "B"}\n```\nThat is all.',
    "Both responses are equally good.",
    "**Overall Judgment:** Answer 2 is superior to Answer 1.\r\n",
    "1. Accuracy: Answer 1 is better.\n\nOverall Judgment: Answer 2 is better.",
    "I would not choose [[A]].",
    "[[A]] or [[B]]",
    "",
    "最终判断：[[B]]",
    "I prefer the second response.",
    "<analysis>A is fine.</analysis>\n<verdict>B</verdict>",
    "No idea.",
)
SEEN = {(f"item-{number}", order): text for number, text in enumerate(TEXTS) for order in ("AB", "BA")}


def told(judgments: list[Judgment]) -> dict[tuple[str, str], Any]:
    return {(one.item_id, one.order): (one.verdict, one.read_as) for one in judgments}


def logged(folder: Path) -> list[Judgment]:
    (samples,) = folder.rglob("*_samples_critic_pairs.jsonl")
    return [Judgment.from_record(json.loads(line)["judgment"]) for line in samples.open()]


@pytest.fixture
def pairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "pairs.jsonl").open("w") as out:
        for number in range(len(TEXTS)):
            item = {"id": f"item-{number}", "question": "What is it?", "responses": ["A cat.", "A dog."], "label": "B"}
            out.write(json.dumps(item) + "\n")
    monkeypatch.setenv("CRITIC_EVAL_PAIRS", str(tmp_path / "pairs.jsonl"))

    def answer(self: PlantedJudge, request: Any, document: Mapping[str, Any]) -> str:
        return SEEN[document[ITEM_COLUMN], document[ORDER_COLUMN]]

    monkeypatch.setattr(PlantedJudge, "answer", answer)


@pytest.mark.usefixtures("pairs")
def test_forty_texts_are_read_alike_in_four_ways(command: Command, tmp_path: Path) -> None:
    from lmms_eval.evaluator import simple_evaluate

    run = ("--tasks", "critic_pairs", "--log_samples", "--output_path")
    assert command("--model", "planted_judge", *run, "live") == 0
    by_command = told(logged(tmp_path / "live"))
    assert len(by_command) == 40

    found = simple_evaluate(
        model="planted_judge", model_args="", tasks=["critic_pairs"], task_manager=task_index(), log_samples=True
    )
    from_python = told([Judgment.from_record(one["judgment"]) for one in found["samples"]["critic_pairs"]])

    with (tmp_path / "judge.csv").open("w", newline="") as out:
        table = csv.writer(out)
        table.writerow(("item_id", "order", "text", "label"))
        table.writerows((item, order, text, "B") for (item, order), text in SEEN.items())
    rescored = told(read_judgments(find_benchmark("pairs"), [tmp_path / "judge.csv"])[0])

    assert command("--model", "recorded_judge", "--model_args", "path=judge.csv", *run, "recorded") == 0
    recorded = told(logged(tmp_path / "recorded"))

    assert by_command == from_python == recorded
    # A table without a verdict's text says that none was recorded; in a run the answer itself is empty.
    assert {key: value for key, value in rescored.items() if SEEN[key]} == {
        key: value for key, value in by_command.items() if SEEN[key]
    }
    direct = [get_protocol("llava_critic_pair").parse(SEEN[key], 2) for key in by_command]
    assert [one.read_as for one in direct] == [read_as for _, read_as in by_command.values()]
    assert sum(verdict.is_valid for verdict, _ in by_command.values()) == 30

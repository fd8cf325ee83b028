"""Records that no one here made load, render as recorded, and score by a constant judge as worked out by hand."""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from datasets import load_dataset

from critic_eval.benchmarks.loading.sources import VARIABLE, HubData
from critic_eval.judging import Judgment
from critic_eval.lmms.tasks import JudgeTask
from critic_eval.metrics import compute_figure
from tests.benchmarks.tasks import task
from tests.conftest import SHARED

pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="the recorded data of ../shared are not here")


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "data"
    for name, file in (
        ("mm_rlhf_rewardbench", "mm_rlhf_rewardbench/mm_reward_bench.jsonl"),
        ("perception_bench", "perception/sample_eval_data.jsonl"),
    ):
        (folder / name).mkdir(parents=True)
        shutil.copy(SHARED / "data" / file, folder / name)
    monkeypatch.setenv(VARIABLE, str(folder))
    return folder


def prepared(judging: JudgeTask, tmp_path: Path) -> list[dict[str, Any]]:
    source = judging.benchmark.source
    assert isinstance(source, HubData)
    rows = load_dataset(source.path(), cache_dir=str(tmp_path / "cache"), **source.kwargs())[source.split]
    return list(judging.prepare(rows))


def judge(judging: JudgeTask, rows: list[dict[str, Any]], answer: str) -> list[Judgment]:
    return [Judgment.from_record(judging.results(row, [answer])["judgment"]) for row in rows]


def test_mm_rlhf_rewardbench_under_a_judge_that_always_says_first(data: Path, tmp_path: Path) -> None:
    """Oracle: by hand. The chosen response stands first; the counts are those of facts/benchmarks.md, section 5."""
    judging = task("mm_rlhf_rewardbench")
    rows = prepared(judging, tmp_path)
    records = [json.loads(line) for line in (data / "mm_rlhf_rewardbench/mm_reward_bench.jsonl").open()]
    assert (len(records), len(rows)) == (170, 340)
    assert {row["left_out"] for row in rows} == {""}
    for record, row in zip(records, rows[::2], strict=True):
        prompt = judging.text(row)
        assert f"Question: [{record['prompt']}]" in prompt
        assert f"The first response: [{record['chosen']}]\nThe second response: [{record['rejected']}]" in prompt
    judgments = judge(judging, rows, "The better response: [first]")
    assert Counter(one.group for one in judgments if one.order == "AB") == {
        "mcq": 42,
        "long": 37,
        "short": 34,
        "safety": 32,
        "video": 25,
    }
    figures = {
        name: compute_figure(name, judgments) for name in ("accuracy_with_tie", "cluster_accuracy", "order_consistency")
    }
    assert [figures[name].value for name in figures] == [0.5, 0.0, 0.0]
    assert figures["cluster_accuracy"].n == 46
    one_order = [one for one in judgments if one.order == "AB"]
    assert compute_figure("accuracy_with_tie", one_order).value == 1.0
    assert compute_figure("cluster_accuracy", one_order).value == 1.0


def test_perception_bench_renders_to_the_recorded_instruction(data: Path, tmp_path: Path) -> None:
    judging = task("perception_bench")
    rows = prepared(judging, tmp_path)
    records = [json.loads(line) for line in (data / "perception_bench/sample_eval_data.jsonl").open()]
    assert [judging.text(row) for row in rows] == [record["instruction"] for record in records]
    judgments = judge(judging, rows, "The feedback. So the overall score is 3.\n[RESULT] 3")
    assert [one.verdict.value for one in judgments] == [3.0] * len(records)
    pearson = compute_figure("pearson", judgments)
    assert (pearson.n, pearson.reason) == (0, "no labels")  # these records come without scores


def test_the_trained_records_of_perception_hold_the_same_prompt_and_a_readable_verdict() -> None:
    prompts = json.loads((SHARED / "data/perception/sample_train_data.json").read_text())
    for record in prompts:
        asked, answered = (turn["value"] for turn in record["conversations"])
        frame = task("perception_bench").protocol.template.split("{question}")[0]
        assert asked.replace("<image>\n", "").startswith(frame)
        verdict = task("perception_bench").protocol.parse(answered, 1).verdict
        assert verdict.value == float(answered.rsplit("[RESULT]", 1)[1])


def test_a_recorded_judge_is_measured_by_lmms_eval_itself(data: Path, tmp_path: Path) -> None:
    """The chosen response in both orders for the first ten ids, nothing recorded for the rest."""
    judging = task("mm_rlhf_rewardbench")
    rows = prepared(judging, tmp_path)
    known = sorted({row["judged_item"].split("#")[0] for row in rows})[:10]
    with (tmp_path / "judge.jsonl").open("w") as out:
        for row in rows:
            if row["judged_item"].split("#")[0] in known:
                verdict = "A" if row["presented_order"] == "AB" else "B"
                record = {"item_id": row["judged_item"], "order": row["presented_order"], "verdict": verdict}
                out.write(json.dumps(record) + "\n")
    n_known = sum(row["judged_item"].split("#")[0] in known for row in rows)
    command = [sys.executable, "-m", "critic_eval.lmms.command", "--model", "recorded_judge"]
    command += ["--model_args", f"path={tmp_path / 'judge.jsonl'}", "--tasks", "critic_mm_rlhf_rewardbench"]
    done = subprocess.run(
        [*command, "--output_path", str(tmp_path / "out"), "--log_samples"],
        capture_output=True,
        text=True,
        timeout=300,
        env=dict(os.environ),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    (file,) = (tmp_path / "out").rglob("*results.json")
    found = json.loads(file.read_text())["results"]["critic_mm_rlhf_rewardbench"]
    assert found["accuracy_with_tie,none"] == found["cluster_accuracy,none"] == found["order_consistency,none"] == 1.0
    assert found["invalid_rate,none"] == pytest.approx(1 - n_known / len(rows))
    (samples,) = (tmp_path / "out").rglob("*samples*.jsonl")
    reasons = Counter(json.loads(line)["judgment"]["verdict"].get("reason") for line in samples.open())
    assert reasons == {None: n_known, "not recorded": len(rows) - n_known}

"""Every task runs through lmms-eval on a local copy in its documented form, with its variants."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset
from PIL import Image

from critic_eval.benchmarks.registry import benchmark_names
from tests.benchmarks import test_loaders as rows

IMAGE = Image.new("RGB", (8, 8), "red")


def write_local_copies(folder: Path) -> None:
    def lines(name: str, *records: dict[str, Any]) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("\n".join(json.dumps(record) for record in records))

    def parquet(name: str, *records: dict[str, Any]) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Dataset.from_list(list(records)).to_parquet(folder / name)

    other = {"original_dataset": "ChartQA"}
    lines("mllm_judge/score.jsonl", rows.SCORE, {**rows.SCORE, "human": 2}, {**rows.SCORE, **other, "human": 5})
    lines("mllm_judge/pair.jsonl", {**rows.PAIR, "human": "A"}, rows.PAIR, {**rows.PAIR, **other, "human": "B"})
    lines("mllm_judge/batch.jsonl", rows.BATCH, {**rows.BATCH, **other, "human": "ABC"})
    image = {"image": IMAGE}
    parquet("vl_rewardbench/data/test-0.parquet", {**rows.VLRB, **image}, {**rows.VLRB, **image, "id": "mmmu-1"})
    parquet("mm_rewardbench/test.parquet", {**rows.MMRB, "Image": IMAGE})
    lines("mm_rlhf_rewardbench/mm_reward_bench.jsonl", rows.RLHF, {**rows.RLHF, "prompt": "Why?"})
    parquet("wildvision_arena/battles.parquet", {**rows.BATTLE, **image, "winner": "model_a"})
    parquet("wildvision_bench/test.parquet", {**rows.BENCH, **image})
    lines("vlfeedback/vlfeedback_80k.jsonl", rows.FEEDBACK)
    lines("perception_bench/bench.jsonl", {**rows.PERCEPTION, "image": "1.png"})
    for name in ("coco", "wild", "wilder"):
        lines(f"llava_bench/{name}.jsonl", rows.REVIEW, {**rows.REVIEW, "question_id": 2, "score": 8})
    pair = [
        {"from": "human", "value": "Response A: [3]\nResponse B: [5]"},
        {"from": "gpt", "value": "The better response: [B]"},
    ]
    final = [{"from": "human", "value": "From 0 to 100"}, {"from": "gpt", "value": "Fine.\nFinal Score: 85"}]
    parquet("critic_113k/pairwise-0.parquet", {"id": "1", "source": "s", "conversations": pair, **image})
    parquet("critic_113k/pointwise-0.parquet", {"id": "1", "source": "s", "conversations": final, **image})
    own = {"id": "1", "question": "Which?"}
    lines("own/pairs.jsonl", {**own, "responses": ["a", "b"], "label": "A"})
    lines("own/scores.jsonl", {**own, "responses": ["a"], "label": 70})
    lines("own/ranks.jsonl", {**own, "responses": ["a", "b"], "label": "BA"})


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("local")
    write_local_copies(folder)
    own = {
        f"CRITIC_EVAL_{kind.upper()}": str(folder / "own" / f"{kind}.jsonl") for kind in ("pairs", "scores", "ranks")
    }
    environment = {"CRITIC_EVAL_DATA": str(folder), "HF_HOME": str(folder / "hf"), **own}
    names = benchmark_names(with_variants=True)
    command = [sys.executable, "-m", "critic_eval.lmms.command", "--model", "planted_judge"]
    command += ["--tasks", ",".join(names), "--output_path", str(folder / "out")]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=500, cwd=folder, env={**os.environ, **environment}
    )
    assert done.returncode == 0, done.stderr[-3000:]
    (file,) = (folder / "out").rglob("*results.json")
    found: dict[str, dict[str, Any]] = json.loads(file.read_text())["results"]
    assert sorted(found) == names
    return found


def test_a_judge_that_knows_every_label_is_right_in_every_task(results: dict[str, dict[str, Any]]) -> None:
    for task, found in results.items():
        assert found["invalid_rate,none"] == 0.0, task
        for name, value in found.items():
            figure = name.split(",")[0].removeprefix("mean_")
            if figure in ("accuracy_with_tie", "accuracy_without_tie", "majority_accuracy", "cluster_accuracy"):
                assert value == 1.0, (task, name)
            if figure == "levenshtein":
                assert value == 0.0, (task, name)


def test_what_a_copy_holds_that_can_not_be_used_is_told(results: dict[str, dict[str, Any]]) -> None:
    assert results["critic_vlfeedback_score"]["left_out,none"] == "1: no rating of Helpfulness (1)"
    assert results["critic_vlfeedback_pair"]["left_out,none"] == "3: a response lacks a rating (3)"
    assert float(results["critic_mllm_judge_pair"]["left_out,none"]) == 0

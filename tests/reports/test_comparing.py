"""Runs are read from result files, compared item by item, and the needed number of items is found by simulation."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from critic_eval.cli import main
from critic_eval.errors import ArgumentError, DataError
from critic_eval.judging import Invalid, Judgment, Preference, Score, Scores
from critic_eval.metrics import compute_figure
from critic_eval.reports.compare import compare_runs, item_differences
from critic_eval.reports.power import power, weakened
from critic_eval.runs.results import collect
from tests.factories import judgments
from tests.reports.conftest import TASK, write_run


def test_a_better_critic_is_found_better_and_the_items_are_named(tmp_path: Path) -> None:
    said = judgments(400, 1.0)
    flipped = {0: 1, 1: 0}
    worse = [
        replace(one, verdict=Preference(flipped[one.verdict.value])) if index < 60 else one  # type: ignore[index]
        for index, one in enumerate(said)
    ]
    first = collect([write_run(tmp_path / "good", said, {"checkpoint": "good", "orders": "AB"})]).runs[0]
    second = collect([write_run(tmp_path / "bad", worse, {"checkpoint": "bad", "orders": "AB"})]).runs[0]
    found = compare_runs(first, second, resamples=500)
    accuracy, _ = found.comparisons
    assert accuracy.difference == pytest.approx(0.15)
    assert accuracy.test == "McNemar, exact"
    assert found.corrected[0] < 1e-6
    assert found.differences == ["checkpoint"]
    assert {item.item for item in item_differences(said, worse)} == {str(index) for index in range(60)}
    assert [item.gain for item in found.items] == [1.0] * 10
    assert main(["compare", str(tmp_path / "good"), str(tmp_path / "bad"), "--bootstrap", "100"]) == 0


def test_parts_of_runs_are_compared_on_the_same_items_alone(tmp_path: Path) -> None:
    said = judgments(10, 0.5)
    whole = collect([write_run(tmp_path / "whole", said)]).runs[0]
    parts = [
        collect([write_run(tmp_path / name, said[:n], config={"limit": n})]).runs[0]
        for name, n in (("four", 4), ("four again", 4), ("five", 5))
    ]
    assert all(part.is_partial for part in parts)
    assert compare_runs(parts[0], parts[1], resamples=10).comparisons[0].n == 4
    for first, second in ((whole, parts[0]), (parts[2], parts[0])):
        with pytest.raises(ArgumentError, match=r"--limit.* 4, of which 4 are the same"):
            compare_runs(first, second)


def test_different_tasks_and_runs_without_samples_are_not_compared(tmp_path: Path) -> None:
    whole = collect([write_run(tmp_path / "whole", judgments(10, 0.5))]).runs[0]
    with pytest.raises(ArgumentError, match="different tasks"):
        compare_runs(whole, replace(whole, task="critic_scores"))
    with pytest.raises(DataError, match="--log_samples"):
        compare_runs(whole, replace(whole, samples=None))


def test_files_that_are_no_runs_are_named_and_the_rest_is_read(tmp_path: Path) -> None:
    write_run(tmp_path / "good", judgments(5, 0.5))
    cut, foreign = tmp_path / "cut_results.json", tmp_path / "foreign_results.json"
    cut.write_text('{"results": {"critic_pai')
    foreign.write_text(json.dumps({"results": {"mmmu_val": {"mmmu_acc,none": 0.5}}}))
    collected = collect([tmp_path])
    assert [run.critic for run in collected.runs] == ["good"]
    assert ["cut off" in note for note in sorted(collected.notes)] == [True, False]
    assert "mmmu_val" in sorted(collected.notes)[1]
    with pytest.raises(DataError, match="No run of one of our tasks"):
        collect([foreign])
    with pytest.raises(ArgumentError, match="names no results"):
        collect([tmp_path / "nothing"])


def test_results_older_than_signatures_have_their_columns(tmp_path: Path) -> None:
    file = tmp_path / "old_results.json"
    columns = {
        "alias": TASK,
        "accuracy_with_tie,none": 0.6,
        "accuracy_with_tie_stderr,none": 0.1,
        "mean_pearson,none": 0.3,
    }
    file.write_text(json.dumps({"results": {TASK: columns}, "config": {"model": "m", "model_args": "a=1"}}))
    (run,) = collect([file]).runs
    accuracy = run.figure("accuracy_with_tie", "pooled")
    assert accuracy is not None
    assert accuracy.value == 0.6
    assert accuracy.low == pytest.approx(0.6 - 0.196)
    assert run.figure("pearson", "mean") is not None
    assert (run.critic, run.settings) == ("m a=1", {})


def test_more_items_find_a_smaller_effect_and_none_is_found_where_there_is_none() -> None:
    said = judgments(500, 0.8)
    large, small = (
        power("accuracy_with_tie", said, effect, sizes=(50, 200, 800, 3200), simulations=40, resamples=100)
        for effect in (0.15, 0.05)
    )
    assert large.needed is not None
    assert small.needed is not None
    # McNemar's normal approximation: n = (1.96 + 0.84)^2 * 0.2 / effect^2, about 70 and 627.
    assert 35 < large.needed < 140
    assert 310 < small.needed < 1260
    tiny = power("accuracy_with_tie", said, 0.001, sizes=(50, 100), simulations=20, resamples=100)
    assert tiny.needed is None


@pytest.mark.parametrize(
    ("name", "effect", "agreement", "message"),
    [
        ("accuracy_with_tie", 0.3, 0.8, "can't differ by 0.3"),
        ("accuracy_with_tie", -0.1, 0.8, "above 0"),
        ("accuracy_with_tie", 0.01, 0.1, "raise --agreement"),
        ("levenshtein", 0.1, 0.8, "accuracies and correlations"),
    ],
)
def test_impossible_effects_are_refused(name: str, effect: float, agreement: float, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        power(name, judgments(50, 0.9), effect, agreement=agreement)


def test_power_of_a_correlation_lowers_it_by_the_effect() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(50, 15, 400)
    said = [
        Judgment(str(item), "A", Score(float(value + rng.normal(0, 10))), "", "p", label=Score(float(value)))
        for item, value in enumerate(truth)
    ]
    found = power("pearson", said, 0.2, sizes=(20, 80), simulations=20, resamples=100)
    assert found.shares[max(found.shares)] > 0.8


@pytest.mark.parametrize("name", ["accuracy_with_tie", "accuracy_without_tie"])
def test_the_simulated_critic_is_worse_by_the_effect_in_the_figure_that_is_named(name: str) -> None:
    """A fifth of the items are ties, on which the critic is often wrong."""
    ties = [replace(one, item_id=f"tie-{one.item_id}", label=Preference(None)) for one in judgments(100, 0.5, seed=1)]
    said = [*judgments(400, 0.95), *ties]
    rng = np.random.default_rng(0)
    worse = weakened(name, said, 0.04, 0.9, rng)
    start = compute_figure(name, said, resamples=0).value
    lost = [start - compute_figure(name, worse(said), resamples=0).value for _ in range(200)]
    assert np.mean(lost) == pytest.approx(0.04, abs=0.004)


@pytest.mark.parametrize(
    "content",
    ['{"results": {"critic_pairs": {}}, "critic_eval": null}', '{"benchmark": "x", "figures": [{"value": 1}]}', "[]"],
)
def test_odd_results_are_named_and_do_not_stop_the_others(content: str, tmp_path: Path) -> None:
    write_run(tmp_path / "good", judgments(5, 0.5))
    (tmp_path / "odd_results.json").write_text(content)
    collected = collect([tmp_path])
    assert len(collected.runs) == 1
    assert "odd_results.json" in collected.notes[0]


def test_judgments_of_an_official_task_are_those_that_the_published_code_makes_of_them(tmp_path: Path) -> None:
    said = [replace(one, protocol="mllm_judge_pair", verdict=Invalid("x")) for one in judgments(4, 0.5)]
    task = "critic_mllm_judge_pair_official"
    run = collect([write_run(tmp_path / "run", said, task=task)]).runs[0]
    assert [one.verdict for one in run.judgments()] == [Preference(None)] * 4
    plain = collect([write_run(tmp_path / "plain", said, task=task.removesuffix("_official"))]).runs[0]
    assert not any(one.verdict.is_valid for one in plain.judgments())


def test_a_review_of_two_scores_is_as_far_off_as_its_last_one() -> None:
    def review(item: str, *scores: float) -> Judgment:
        return Judgment(item, "AB", Scores(scores), "", "llava_bench_wild", label=Score(8))

    found = item_differences([review("1", 5, 8), review("2", 9, 7)], [review("1", 5, 6), review("2", 1, 7)])
    assert [(one.item, one.gain) for one in found] == [("1", 2.0)]

"""What a results JSON holds of a run under `critic_eval`."""

from critic_eval.benchmarks.registry import find_benchmark
from critic_eval.judging import Judgment, Scores
from critic_eval.runs.report import note_task, report


def test_the_mean_scores_of_reviews_are_kept_under_their_names() -> None:
    judgment = Judgment("1", "AB", Scores((8.0, 6.0)), "", "llava_bench_wild", group="conv")
    records = [{**judgment.to_record(), "policy": "exclude"}]
    metrics = dict.fromkeys(find_benchmark("llava_bench_wild").figures, records)
    note_task("critic_llava_bench_wild", {**metrics, "mean_relative_score": records, "judgment": records}, {})
    figures = report(["critic_llava_bench_wild"], "some_model", "")["critic_llava_bench_wild"]["figures"]
    found = {(one["name"], one["group"]): one["value"] for one in figures}
    assert found["mean_score_1", "pooled"] == 8.0
    assert found["mean_score_2", "pooled"] == 6.0
    assert found["relative_score", "mean"] == 75.0

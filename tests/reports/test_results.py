"""The leaderboard in `results/` follows from the runs beside it, and these from the recorded judgments."""

import json
from pathlib import Path

import pytest

from critic_eval.reports.leaderboard.build import make_leaderboard
from critic_eval.reports.leaderboard.render import reproduction_csv, to_csv, to_markdown
from critic_eval.runs.rescore import Invalid, rescore
from critic_eval.runs.results import collect
from tests.conftest import SHARED

RESCORED: dict[str, tuple[str, tuple[str, ...], Invalid]] = {
    "llava-critic-7b": ("mllm_judge_score", ("mllm_judge/llava_critic_7b_score.csv",), "exclude"),
    "gpt-4o": ("wildvision_bench", ("wildvision_bench/gpt4o_judgements.jsonl.gz",), "official"),
    "gpt-4": (
        "llava_bench",
        ("llava_reviews/review_alpaca-13b_vicuna-13b.jsonl", "llava_reviews/review_gpt35_vicuna-13b.jsonl"),
        "official",
    ),
}


def test_the_leaderboard_is_that_of_the_runs(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository)
    collected = collect(["results/runs"])
    leaderboard = make_leaderboard(collected.runs, notes=collected.notes)
    folder = repository / "results" / "leaderboard"
    for name, made in (
        ("leaderboard.md", to_markdown(leaderboard)),
        ("leaderboard.csv", to_csv(leaderboard)),
        ("reproduction.csv", reproduction_csv(leaderboard)),
    ):
        assert made.splitlines() == (folder / name).read_text(encoding="utf-8").splitlines(), name


def test_published_figures_of_recorded_judges_are_reproduced_but_for_two(repository: Path) -> None:
    leaderboard = make_leaderboard(collect([repository / "results" / "runs"]).runs)
    held = [one for one in leaderboard.reproductions if one.run is not None]
    assert sum(one.status == "reproduced" for one in held) == 46
    assert {one.published.column for one in held if one.status == "differs"} == {"Graphics", "Chart"}


@pytest.mark.parametrize("critic", list(RESCORED))
def test_rescored_figures_are_those_of_the_records(critic: str, repository: Path) -> None:
    data = SHARED / "data"
    if not data.is_dir():
        pytest.skip("the recorded judgments are not at hand")
    benchmark, names, invalid = RESCORED[critic]
    made = rescore(benchmark, [data / name for name in names], invalid).to_record()
    kept = json.loads((repository / "results" / "runs" / "rescored" / f"{critic}.json").read_text())
    assert made["signature"] == kept["signature"]
    assert len(made["figures"]) == len(kept["figures"])
    for one, other in zip(made["figures"], kept["figures"], strict=True):
        assert (one["name"], one["group"], one["n"]) == (other["name"], other["group"], other["n"])
        assert one["value"] == pytest.approx(other["value"], abs=1e-9)
        assert one["low"] == pytest.approx(other["low"], abs=1e-6)

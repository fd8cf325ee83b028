"""A leaderboard ranks what is comparable, marks what is not, and says what came of published figures."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from critic_eval.cli import main
from critic_eval.errors import ArgumentError, DataError
from critic_eval.judging import Invalid
from critic_eval.reports.leaderboard.build import make_leaderboard
from critic_eval.reports.leaderboard.published import PublishedFigure, read_published, reproduce
from critic_eval.reports.leaderboard.render import to_csv, to_html, to_markdown, write_leaderboard
from critic_eval.runs.results import TaskRun, collect
from tests.factories import judgments
from tests.reports.conftest import TASK, write_run


def run(
    folder: Path, accuracy: float, seed: int = 0, settings: dict[str, str] | None = None, **results: Any
) -> TaskRun:
    settings = {"checkpoint": folder.name, "orders": "AB", "items": "400-x", **(settings or {})}
    (found,) = collect([write_run(folder, judgments(400, accuracy, seed), settings, **results)]).runs
    return found


def printed(value: float, critic: str = "org/Good", **changed: object) -> PublishedFigure:
    known: dict[str, object] = {
        "critic": critic,
        "benchmark": TASK,
        "figure": "accuracy_with_tie",
        "group": "pooled",
        "column": "Acc",
        "value": value,
        "precision": 0.0005,
        "source": "a paper",
        "trust": "primary",
    }
    return PublishedFigure(**{**known, **changed})  # type: ignore[arg-type]


def test_runs_are_ranked_and_those_that_differ_get_letters_of_their_own(tmp_path: Path) -> None:
    runs = [run(tmp_path / "good", 0.95, 1), run(tmp_path / "bad", 0.6, 2), run(tmp_path / "also_good", 0.95, 3)]
    (table,) = make_leaderboard(runs, []).tables
    standings = {row.critic: row.standing for row in table.rows}
    assert table.rows[-1].critic == "bad"
    assert standings["bad"] is not None
    assert (standings["bad"].rank, standings["bad"].letters) == ((3, 3), "b")
    for name in ("good", "also_good"):
        standing = standings[name]
        assert standing is not None
        assert standing.letters == "a"
        assert standing.rank[1] <= 2
    assert table.tests == (3, 3)


def test_what_a_judgment_took_stands_beside_the_figures(tmp_path: Path) -> None:
    good = run(tmp_path / "good", 0.9)
    cost = {"seconds_per_judgment": 0.25, "thought_tokens_per_judgment": 412.4, "answer_tokens_per_judgment": 9.0}
    content = json.loads(good.file.read_text())
    content["critic_eval"][TASK].update(cost)
    good.file.write_text(json.dumps(content))
    (timed,) = collect([good.file]).runs
    leaderboard = make_leaderboard([timed], [])
    told = "0.25 s; 412 tokens of thought and 9 of answer"
    assert told in to_markdown(leaderboard)
    assert told in to_html(leaderboard)
    line = next(csv.DictReader(to_csv(leaderboard).splitlines()))
    assert (line["seconds"], line["thought_tokens"], line["answer_tokens"]) == ("0.25", "412.4", "9")
    content["critic_eval"][TASK]["answer_tokens_per_judgment"] = -1
    good.file.write_text(json.dumps(content))
    with pytest.raises(DataError, match="less than 0 tokens"):
        collect([good.file])


def test_what_people_or_gpt_4v_reach_is_shown_beside_the_runs(tmp_path: Path) -> None:
    good = run(tmp_path / "good", 0.9)
    gpt = printed(0.85, "GPT-4V")
    (table,) = make_leaderboard([good], [printed(0.99, "Other"), gpt]).tables
    assert table.ceiling is not None
    assert table.ceiling.critic == "GPT-4V"
    leaderboard = make_leaderboard([good], [gpt, printed(0.88, "Human")])
    assert "Held against: Human, accuracy\\_with\\_tie 0.880" in to_markdown(leaderboard)
    assert "Held against: Human" in to_html(leaderboard)


def test_parts_and_other_signatures_are_marked_and_not_ranked(tmp_path: Path) -> None:
    runs = [
        run(tmp_path / "one", 0.9, 1),
        run(tmp_path / "two", 0.8, 2),
        run(tmp_path / "part", 0.99, 3, config={"limit": 400}),
        run(tmp_path / "single", 0.99, 4, {"orders": "BA"}),
    ]
    (table,) = make_leaderboard(runs, []).tables
    marked = {row.critic: [table.notes[int(mark) - 1] for mark in row.marks] for row in table.rows}
    assert marked["one"] == marked["two"] == []
    assert "--limit" in marked["part"][0]
    assert "orders BA" in marked["single"][0]
    assert {row.critic for row in table.rows if row.standing} == {"one", "two"}


def test_published_figures_are_reproduced_or_differ_or_cannot_be(tmp_path: Path) -> None:
    good = run(tmp_path / "good", 0.9, 1)
    measured = good.figure("accuracy_with_tie", "pooled")
    assert measured is not None
    assert measured.high is not None
    near, far = measured.high + 0.0004, measured.high + 0.02
    assert reproduce(printed(near), [good]).status == "reproduced"
    differs = reproduce(printed(far), [good])
    assert differs.status == "differs"
    assert "orders AB" in differs.remark
    assert reproduce(printed(0.9, "Other"), [good]).status == "not run"
    assert reproduce(printed(0.9, fault="never released"), [good]).status == "not reproducible"
    part = run(tmp_path / "org" / "good", 0.9, 1, config={"limit": 3})
    assert reproduce(printed(0.9), [part]).remark == "only a part of the items was run"


def test_our_tables_of_published_figures_have_measures_and_faults() -> None:
    found = read_published()
    means = [one for one in found if (one.benchmark, one.group) == ("critic_mllm_judge_score", "mean")]
    assert {one.critic: one.value for one in means}["LLaVA-Critic-7B"] == 0.314
    rows = [one for one in found if one.benchmark == "critic_vl_rewardbench" and one.column == "overall"]
    assert all(0 < one.value < 1 for one in rows)
    assert any("never released" in str(one.fault) for one in found if one.benchmark is None)
    assert any("contradicts itself" in str(one.fault) for one in found)


def test_files_are_written_once_and_names_are_text(tmp_path: Path) -> None:
    hostile = run(tmp_path / "x", 0.9, 1, {"checkpoint": "<script>alert(1)</script> | =1+1"})
    leaderboard = make_leaderboard(
        [hostile, run(tmp_path / "y", 0.8, 2)], [printed(0.9, "<img src=x onerror=alert(1)>")]
    )
    page = to_html(leaderboard)
    assert "<script" not in page
    assert "<img src=x" not in page
    assert "&lt;script&gt;" in page
    assert "Content-Security-Policy" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "<script" not in to_markdown(leaderboard)
    lines = list(csv.DictReader(to_csv(leaderboard).splitlines()))
    assert {line["kind"] for line in lines} == {"run", "published"}
    assert all(line["signature"] for line in lines if line["kind"] == "run")
    out = tmp_path / "out"
    assert {file.name for file in write_leaderboard(leaderboard, out)} >= {"index.html", "leaderboard.md"}
    with pytest.raises(ArgumentError, match="--force"):
        write_leaderboard(leaderboard, out)
    write_leaderboard(leaderboard, out, force=True)


def test_the_command_takes_runs_and_rescored_judgments(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path / "runs" / "good", 0.9)
    figures = [{"name": "pearson", "group": "mean", "value": 0.31, "low": 0.29, "high": 0.34, "n": 5717, "invalid": 1}]
    record = {"benchmark": "mllm_judge_score", "signature": "protocol:mllm_judge_score|orders:A", "figures": figures}
    (tmp_path / "runs" / "rescored").mkdir()
    (tmp_path / "runs" / "rescored" / "llava-critic-7b.json").write_text(json.dumps(record))
    assert main(["leaderboard", str(tmp_path / "runs"), "--out", str(tmp_path / "out")]) == 0
    assert "2 tables of 2 runs" in capsys.readouterr().out
    lines = list(csv.DictReader((tmp_path / "out" / "reproduction.csv").read_text().splitlines()))
    mean = next(
        one for one in lines if (one["critic"], one["column"]) == ("LLaVA-Critic-7B", "Ave") and one["measured"]
    )
    assert mean["status"] == "reproduced"


def test_standings_need_errors_and_follow_the_policy_for_invalid_verdicts(tmp_path: Path) -> None:
    def rescored(name: str, value: float, low: float | None, high: float | None) -> None:
        figures = [{"name": "pearson", "group": "mean", "value": value, "low": low, "high": high, "n": 9, "invalid": 0}]
        record = {"benchmark": "mllm_judge_score", "signature": "orders:A", "figures": figures}
        (tmp_path / "rescored").mkdir(exist_ok=True)
        (tmp_path / "rescored" / f"{name}.json").write_text(json.dumps(record))

    rescored("far", 0.9, 0.88, 0.92)
    rescored("near", 0.31, 0.29, 0.33)
    rescored("same", 0.305, 0.285, 0.325)
    rescored("unknown", 0.5, None, None)
    (table,) = make_leaderboard(collect([tmp_path / "rescored"]).runs, []).tables
    letters = {row.critic: row.standing.letters if row.standing else None for row in table.rows}
    assert letters == {"far": "a", "unknown": None, "near": "b", "same": "b"}
    ranks = {row.critic: row.standing.rank for row in table.rows if row.standing}
    assert ranks["far"] == (1, 1)
    assert ranks["near"][1] == 3

    said = judgments(200, 0.9, 1)
    unread = [replace(one, verdict=Invalid("x")) if i < 80 else one for i, one in enumerate(said)]
    for policy, letter in (("wrong", "b"), ("exclude", "a")):
        folder = tmp_path / policy
        pair = [
            write_run(folder / name, side, {"checkpoint": name, "invalid": policy})
            for name, side in (("a", said), ("b", unread))
        ]
        (table,) = make_leaderboard(collect(pair).runs, []).tables
        assert {row.critic: row.standing.letters for row in table.rows if row.standing}["b"] == letter


def test_runs_without_signature_have_no_vote_and_other_models_see_images_as_they_are(tmp_path: Path) -> None:
    ours = run(tmp_path / "ours", 0.9, 1, {"images": "as_is"})
    theirs = run(tmp_path / "theirs", 0.8, 2)
    old = [replace(ours, settings={}, critic=name, file=Path(name)) for name in ("x", "y", "z")]
    (table,) = make_leaderboard([ours, theirs, *old], []).tables
    assert {row.critic for row in table.rows if row.standing} == {"ours", "theirs"}

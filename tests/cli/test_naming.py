"""Every command takes a run as a folder, a results file, a samples file or a pattern, and never two runs unasked."""

import json
from pathlib import Path

import pytest

from critic_eval.cli import main
from critic_eval.judging import Judgment, Score
from tests.cli.conftest import MakeRun, pairs

OLD, NEW = "20260101_090000", "20260102_090000"
SCORES = [
    Judgment(str(item), "A", Score(float(item)), "", "llava_critic_score", label=Score(float(item % 7)))
    for item in range(12)
]


def json_of(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[dict[str, object], str]:
    """What a command prints as JSON, and what it says on standard error."""
    capsys.readouterr()
    assert main([*map(str, arguments), "--json"]) == 0
    told = capsys.readouterr()
    found: dict[str, object] = json.loads(told.out)
    return found, told.err


def forms(folder: Path, date: str = OLD, task: str = "critic_pairs") -> list[str]:
    """All names of a run."""
    files = (f"{date}_results.json", f"{date}_samples_{task}.jsonl", "*_results.json", "*_samples_*.jsonl", "")
    return [str(folder / file) for file in files] + [str(folder.parent / "*")]


@pytest.mark.parametrize("form", range(6))
def test_a_run_is_named_alike_in_every_command(
    form: int, make_run: MakeRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_run("runs/one", OLD, pairs(20, 0.5))
    run = forms(folder)[form]
    few = ("--bootstrap", "20")
    probed, _ = json_of(capsys, "probe", "position", run, *few)
    # Half of the items get what is shown first in both orders, the others one verdict: 0.75 less 0.5, in theory.
    assert (probed["value"], probed["n"]) == (pytest.approx(0.25), 40)
    rescored, _ = json_of(capsys, "rescore", run, *few)
    assert rescored["benchmark"] == "critic_pairs"
    agreed, _ = json_of(capsys, "agreement", run, "--against", run, *few)
    assert agreed["figures"][0]["value"] == 1  # type: ignore[index]
    compared, _ = json_of(capsys, "compare", run, run, *few)
    assert compared[0]["comparisons"][0]["difference"] == 0  # type: ignore[index]
    powered, _ = json_of(
        capsys,
        *("power", run, "--figure", "accuracy_with_tie", "--effect", "0.2", "--agreement", "0.7", "--simulations", "1"),
    )
    assert powered["name"] == "accuracy_with_tie"
    assert main(["view", run, "--no-images", "--export", str(tmp_path / "page")]) == 0


def test_the_newest_run_is_taken_and_named_and_runs_are_pooled_only_when_asked(
    make_run: MakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_run("runs", OLD, pairs(20, 0))
    make_run("runs", NEW, pairs(20, 1))
    probe = ("probe", "position", "--bootstrap", "0")
    line = f"taking {folder / NEW}_results.json (critic) of 2026-01-02 09:00:00, the newest of 2"
    both = sorted(map(str, folder.glob("*_samples_*")))  # as a shell makes of a pattern
    for paths in ([folder], [f"{folder}/*_samples_*.jsonl"], both):
        found, told = json_of(capsys, *probe, *paths)
        assert (found["value"], found["n"]) == (0.5, 40)
        assert told.splitlines() == [line]
    older, told = json_of(capsys, *probe, f"{folder / OLD}_results.json")
    assert (older["value"], told) == (0, "")
    pooled, told = json_of(capsys, *probe, folder, "--all")
    assert (pooled["value"], pooled["n"]) == (0.25, 80)
    assert told.startswith("pooling 2 runs of critic_pairs: ")
    assert "judged more than once" in str(pooled["notes"])


def test_shards_of_a_run_are_pooled_and_runs_of_two_critics_are_not(
    make_run: MakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_run("shards", OLD, pairs(10, 0.5))
    make_run("shards", NEW, pairs(10, 0.5, start=10))
    found, _ = json_of(capsys, "rescore", folder, "--all", "--bootstrap", "0")
    assert found["figures"][0]["n_items"] == 20  # type: ignore[index]
    make_run("shards", "20260103_090000", pairs(10, 0.5), critic="other")
    assert main(["rescore", str(folder), "--all"]) == 1
    assert "Runs of critic and other can't be pooled" in capsys.readouterr().err


def test_a_task_is_named_before_the_run_or_by_an_option_and_only_where_there_is_a_choice(
    make_run: MakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_run("runs", OLD, pairs(20, 0.5))
    make_run("runs", OLD, SCORES, task="critic_scores")
    few = ("--bootstrap", "0")
    found = [
        json_of(capsys, "probe", "position", *named, *few)[0]["value"]
        for named in ([folder], ["critic_pairs", folder], ["pairs", folder], [folder, "--task", "critic_pairs"])
    ]
    assert found == [pytest.approx(0.25)] * 4
    assert json_of(capsys, "rescore", "scores", folder, *few)[0]["benchmark"] == "critic_scores"
    for arguments, told in (
        (["rescore", str(folder)], "holds critic_pairs, critic_scores; name one with --task"),
        (["rescore", str(folder), "--task", "critic_ranks"], "There is no task critic_ranks in "),
        (["rescore", "critic_pair", str(folder)], "critic_pairs"),
        (["power", str(folder), "--figure", "pearson", "--effect", "0.1"], "name one with --task"),
        (["compare", str(folder), f"{folder}/nothing"], "names no results: give a folder"),
        (["probe", "position", str(folder / "..")], ""),
    ):
        status = main(arguments)
        assert status == (0 if not told else 1), arguments
        error = capsys.readouterr().err
        assert told in error
        assert error.count("error: ") == bool(told)


def test_an_injected_variant_in_the_same_folder_is_the_second_run_of_its_probe(
    make_run: MakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_run("runs", OLD, pairs(20, 0))
    make_run("runs", OLD, pairs(20, 0), task="critic_pairs_injected")
    found, told = json_of(capsys, "probe", "injection", folder, "--against", folder, "--bootstrap", "0")
    assert (found["value"], told) == (0, "")


def test_of_several_critics_the_newest_one_is_shown_and_said(
    make_run: MakeRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run("runs/one", OLD, SCORES, critic="one", task="critic_scores")
    make_run("runs/one", OLD, pairs(10, 0.5), critic="one")
    make_run("runs/two", NEW, pairs(10, 0.5), critic="two")
    assert main(["view", str(tmp_path / "runs"), "--no-images", "--export", str(tmp_path / "page")]) == 0
    told = capsys.readouterr()
    assert "(two) of 2026-01-02 09:00:00, the newest of 2" in told.err
    assert told.out.startswith("10 items")


def test_samples_that_lie_alone_are_a_run(
    make_run: MakeRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_run("runs", OLD, pairs(20, 0.5))
    (folder / f"{OLD}_results.json").unlink()
    compared, _ = json_of(capsys, "compare", folder, folder, "--bootstrap", "20")
    assert compared[0]["comparisons"][0]["n"] == 20  # type: ignore[index]
    assert main(["view", str(folder), "--no-images", "--export", str(tmp_path / "page")]) == 0


def test_tables_of_no_run_are_taken_as_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, rows in (("one", "1,A,A\n2,A,B\n"), ("two", "3,A,A\n")):
        (tmp_path / f"{name}.csv").write_text(f"id,label,verdict\n{rows}")
    tables = [str(tmp_path / "one.csv"), str(tmp_path / "two.csv")]
    found, told = json_of(capsys, "rescore", "pairs", *tables, "--bootstrap", "0")
    assert (found["figures"][0]["n"], told) == (3, "")  # type: ignore[index]
    assert main(["rescore", *tables]) == 1
    assert "does not say of which task it is; name it with --task" in capsys.readouterr().err


def test_runs_without_samples_are_passed_over_where_others_have_them(
    make_run: MakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_run("runs", OLD, pairs(20, 0))
    make_run("runs", NEW, pairs(20, 1))
    (folder / f"{NEW}_samples_critic_pairs.jsonl").unlink()
    found, told = json_of(capsys, "probe", "position", folder, "--bootstrap", "0")
    assert found["value"] == 0
    assert "passed over 1 of 2 runs, which have no samples" in told
    (folder / f"{OLD}_samples_critic_pairs.jsonl").unlink()
    assert main(["probe", "position", str(folder)]) == 1
    assert "--log_samples" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["probe", "agreement", "rescore", "compare", "power", "view"])
def test_every_help_says_in_the_same_words_how_a_run_is_named(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([command, "--help"])
    told = " ".join(capsys.readouterr().out.split())
    assert "A RUN is a folder, a *_results.json, a *_samples_*.jsonl, or a pattern of these" in told
    assert "--task TASK" in told


def test_the_table_of_a_comparison_keeps_names_and_numbers_whole_at_80_columns(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    first, second = make_run("one", OLD, pairs(20, 0.5)), make_run("two", OLD, pairs(20, 0))
    for file in first.glob("*_results.json"):  # a long name
        file.write_text(file.read_text().replace('"invalid_rate"', '"accuracy_without_tie"'))
    assert main(["compare", str(first), str(second), "--bootstrap", "50"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any("accuracy_without_tie" in line and " to " in line for line in lines)
    assert "…" not in "".join(lines[:12])
    assert max(map(len, lines)) <= 80

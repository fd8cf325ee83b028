"""Odd result files are named and left out, whatever is odd about them: a sample of `tests.reports.hostile_files`.

All of them: `python -m tests.reports.hostile_files 1110`.
"""

import json
from pathlib import Path

import pytest

from critic_eval.cli import main
from critic_eval.errors import DataError
from critic_eval.runs.results import collect
from critic_eval.visible import visible
from tests.reports.hostile_cases import PAYLOAD, RESULTS, SAMPLES, cases, good_run
from tests.reports.hostile_files import COMMANDS, arguments, check

SAMPLE = list(cases(1110))[::40]


def test_no_hostile_file_ends_a_command_in_a_traceback_or_reaches_a_terminal_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("critic_eval.reports.leaderboard.plots.leaderboard_plots", lambda leaderboard: {})
    monkeypatch.setattr("critic_eval.reports.leaderboard.build.read_published", list)
    broken: list[str] = []
    check(SAMPLE, COMMANDS, broken.append)
    assert broken == []


def test_plots_take_hostile_names_and_numbers(tmp_path: Path) -> None:
    broken: list[str] = []
    check([one for one in cases(200) if one.name.startswith("critic ")][:3], ["leaderboard"], broken.append)
    assert broken == []


def test_an_odd_file_is_named_and_the_others_count(tmp_path: Path) -> None:
    good = good_run(tmp_path / "good", 1)
    (tmp_path / "odd").mkdir()
    for name, text in (("list", "[1]"), ("deep", "[" * 100_000), ("cut", '{"results": {'), ("utf16", "\ufeff\ufeff{")):
        (tmp_path / "odd" / f"{name}_results.json").write_text(text)
    (tmp_path / "odd" / "folder_results.json").mkdir()
    (tmp_path / "odd" / "loop_results.json").symlink_to("loop_results.json")
    found = collect([tmp_path])
    assert {run.task for run in found.runs} == {"critic_pairs", "critic_scores"}
    for name in ("list", "deep", "cut", "utf16", "folder", "loop"):
        assert sum(f"{name}_results.json" in note for note in found.notes) == 1, name
    assert len(found.notes) == 6
    with pytest.raises(DataError, match=r"^No run .*cut_results.json can't be read as JSON .* And 1 more\.$"):
        collect([tmp_path / "odd"])
    assert len(collect([good]).runs) == 2


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999", '"0.5"', "true", "[0.5]", "1e300", "{}"])
def test_what_is_no_number_is_no_figure_and_is_said(
    value: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = good_run(tmp_path / "run", 1)
    results = json.loads((run / RESULTS).read_text())
    results["critic_eval"]["critic_pairs"]["figures"][0]["value"] = "@"
    (run / RESULTS).write_text(json.dumps(results).replace('"@"', value))
    (found,) = (one for one in collect([run]).runs if one.task == "critic_pairs")
    shown = found.figure("accuracy_with_tie", "pooled")
    assert shown is not None
    assert (shown.value, shown.low, shown.stderr) == (None, None, None)
    other = found.figure("invalid_rate", "pooled")
    assert other is not None
    assert other.value == 0
    assert main(["leaderboard", str(run), "--out", str(tmp_path / "out")]) == 0
    assert "value of accuracy_with_tie (pooled) can't be what stands there" in capsys.readouterr().err


def test_one_line_or_file_of_samples_is_left_out_and_the_others_are_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, odd = (good_run(tmp_path / name, 1) for name in ("good", "odd"))
    lines = (odd / SAMPLES).read_text().splitlines()
    record = json.loads(lines[3])
    record["judgment"]["verdict"]["value"] = "1"
    (odd / SAMPLES).write_text("\n".join([*lines[:3], json.dumps(record), *lines[4:]]))
    assert main(["probe", "position", "critic_pairs", str(odd / SAMPLES), "--json"]) == 0
    assert any(
        "line 4: The verdict's value is not a number" in note for note in json.loads(capsys.readouterr().out)["notes"]
    )
    assert main(["compare", str(good), str(odd), "--task", "critic_pairs", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["comparisons"][0]["n"] == 30
    (tmp_path / f"{PAYLOAD[:4]}\x1b[2J.jsonl").write_text("[")
    (tmp_path / "empty").mkdir()
    files = [str(good / SAMPLES), str(tmp_path / f"{PAYLOAD[:4]}\x1b[2J.jsonl"), str(tmp_path / "empty")]
    assert main(["probe", "position", "critic_pairs", *files]) == 0
    told = capsys.readouterr().out
    assert "left out: " in told
    assert "<img␛[2J.jsonl" in told
    assert "\x1b" not in told
    assert f"{tmp_path / 'empty'} holds no run" in told
    assert main(["probe", "position", "critic_pairs", *files[1:]]) == 1
    error = capsys.readouterr().err
    assert error.count("error: ") == error.count("\n") == 1


@pytest.mark.parametrize(
    ("command", "option", "value"),
    [
        ("compare", "--bootstrap", "0"),
        ("compare", "--bootstrap", "-5"),
        ("compare", "--seed", "-1"),
        ("compare", "--items", "-1"),
        ("leaderboard", "--seed", "-1"),
        ("power", "--simulations", "0"),
        ("power", "--seed", "-1"),
        ("power", "--agreement", "nan"),
        ("power", "--agreement", "7"),
        ("power", "--power", "-1"),
        ("power", "--effect", "inf"),
        ("power", "--effect", "nan"),
        ("probe", "--seed", "-1"),
        ("probe", "--bootstrap", "-1"),
    ],
)
def test_numbers_that_an_option_can_not_be_are_refused(
    command: str, option: str, value: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = good_run(tmp_path / "good", 1)
    assert main([*arguments(command, good, good, tmp_path / "out"), option, value]) == 1
    assert capsys.readouterr().err.startswith("error: ")


def test_figures_that_are_not_known_are_null_in_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = good_run(tmp_path / "good", 1)
    assert main(["compare", str(good), str(good), "--task", "critic_pairs", "--bootstrap", "2", "--json"]) == 0
    json.loads(capsys.readouterr().out, parse_constant=lambda name: pytest.fail(name))
    lines = (good / SAMPLES).read_text().splitlines()
    same = [line for line in lines if json.loads(line)["judgment"]["label"]["value"] == 0]
    (good / SAMPLES).write_text("\n".join(line.replace('"lengths": [40,', '"lengths": [1,') for line in same))
    assert main(["probe", "length_accuracy", "critic_pairs", str(good / SAMPLES), "--json"]) == 0
    assert json.loads(capsys.readouterr().out, parse_constant=lambda name: pytest.fail(name))["value"] is None
    assert main(["probe", "length_accuracy", "critic_pairs", str(good / SAMPLES)]) == 0
    assert "length_accuracy: –" in (told := capsys.readouterr().out)
    assert "not known: the better response is always" in told


@pytest.mark.parametrize(
    "text", ["\x1b]52;c;aGk=\x07", "\x9b2J", "a\rb", "\u202eabc\u2066", "\ud800", "tab\tline\n", "\x00\x7f", "\u2028"]
)
def test_what_a_terminal_acts_on_is_shown_in_one_line(text: str) -> None:
    shown = visible(text)
    assert shown.isprintable()
    assert shown.encode()
    assert visible(shown) == shown
    assert visible("Zoë 最终 🙂 👨‍👩‍👧 é") == "Zoë 最终 🙂 👨‍👩‍👧 é"

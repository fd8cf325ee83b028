"""What a run leaves: every draw measured, what was invalid said, files whole or not at all, and how to go on."""

import errno
import json
import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from critic_eval.critics.journal import Journal
from critic_eval.reports.compare import compare_runs
from critic_eval.reports.leaderboard.build import make_leaderboard
from critic_eval.runs.rescore import rescore
from critic_eval.runs.results import collect
from tests.conftest import Command, task_index

TASK = "critic_digits_pair"
PLANTED = ("--model", "planted_judge", "--tasks", TASK, "--limit", "6")
CRITIC = ("--model", "llava_critic", "--model_args", "pretrained=digits,device=cpu,batch_size=2")
SCORES = ("--tasks", "critic_digits_score", "--limit", "8", "--output_path", "out")


def results_in(folder: Path) -> dict[str, Any]:
    (file,) = folder.rglob("*_results.json")
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def samples_in(folder: Path) -> list[dict[str, Any]]:
    (file,) = folder.rglob("*_samples_*.jsonl")
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def recorded(command: Command, tmp_path: Path) -> Any:
    """Makes a table with the same answers to each of the first six requests of `TASK`; gives a judge's arguments."""
    assert command(*PLANTED, "--log_samples", "--output_path", "first") == 0
    judgments = [sample["judgment"] for sample in samples_in(tmp_path / "first")]

    def made(*answers: str) -> tuple[str, ...]:
        rows = [
            {"item_id": one["item_id"], "order": one["order"], "text": answer}
            for one in judgments
            for answer in answers
        ]
        (tmp_path / "records.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        return ("--model", "recorded_judge", "--model_args", "path=records.jsonl", "--tasks", TASK, "--limit", "6")

    return made


SAID = "The better response: [{}]\nReason: it counts right."


def test_every_draw_of_a_repeated_run_is_a_judgment_of_its_item(
    recorded: Any, command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    judge = recorded(SAID.format("first"), SAID.format("second"), "I can't tell.")
    assert command(*judge, "--repeats", "3", "--log_samples", "--output_path", "out") == 0
    results = results_in(tmp_path / "out")
    ours = results["critic_eval"][TASK]
    figures = {found["name"]: found for found in ours["figures"]}
    assert ours["verdicts"]["n"] == 18
    assert ours["settings"]["draws"] == "3"
    accuracy = figures["accuracy_with_tie"]
    assert (accuracy["n"], accuracy["n_items"], accuracy["invalid"]) == (12, 3, 6)
    assert accuracy["value"] == results["results"][TASK]["accuracy_with_tie,none"]
    assert (figures["draw_agreement"]["value"], figures["draw_agreement"]["n_judgments"]) == (0, 12)
    logged = samples_in(tmp_path / "out")
    assert [sample["draw"] for sample in logged] == [0, 1, 2] * 6
    assert [sample["judgment"]["raw"] for sample in logged[:3]] == [sample["filtered_resps"] for sample in logged[:3]]
    (samples,) = (tmp_path / "out").rglob("*_samples_*.jsonl")
    again = {found.name: found for found in rescore(TASK, [samples]).figures}
    assert (again["accuracy_with_tie"].value, again["accuracy_with_tie"].low) == (accuracy["value"], accuracy["low"])
    capsys.readouterr()


def test_draws_of_an_item_make_it_no_surer(recorded: Any, command: Command, tmp_path: Path) -> None:
    judge = recorded(*[SAID.format("first")] * 3)
    spreads = []
    for number in (1, 3):
        assert command(*judge, "--repeats", str(number), "--output_path", f"out{number}") == 0
        found = results_in(tmp_path / f"out{number}")["critic_eval"][TASK]["figures"][0]
        spreads.append((found["low"], found["high"], found["n_items"]))
    assert spreads[0] == spreads[1]


def test_a_run_without_a_valid_verdict_says_why_and_exits_with_1_after_writing(
    recorded: Any, command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    judge = recorded("\x1b[31mNeither\x07 is any good, " + "and so on " * 50)
    assert command(*judge, "--output_path", "out") == 1
    shown = capsys.readouterr()
    assert results_in(tmp_path / "out")["critic_eval"][TASK]["verdicts"]["invalid"] == 6
    assert "WARNING: all 6 verdicts" in shown.err
    (line,) = [line for line in shown.out.splitlines() if "6 × " in line]
    assert "␛[31mNeither␇ is any good" in line
    assert "\x07" not in shown.out
    assert len(line) <= 100


@pytest.mark.parametrize(("share", "warns"), [(0.2, False), (0.8, True)])
def test_a_run_with_mostly_invalid_verdicts_warns(
    share: float, warns: bool, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    judge = ("--model", "planted_judge", "--model_args", f"invalid={share}", "--tasks", TASK, "--limit", "40")
    assert command(*judge) == 0
    assert ("WARNING" in capsys.readouterr().err) == warns


def test_a_critic_that_uses_few_scores_is_warned_of_wherever_its_figures_are_shown(
    command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    judge = ("--model", "planted_judge", "--model_args", "skill=0,low=50,high=50", "--log_samples")
    task = "critic_digits_score"
    assert command(*judge, "--tasks", task, "--limit", "40", "--output_path", "out") == 0
    warning = f"WARNING: {task}: one score only in 40 judgments (100% are 50)"
    assert warning in " ".join(capsys.readouterr().err.split())
    ours = results_in(tmp_path / "out")["critic_eval"][task]
    values = {one["name"]: one["value"] for one in ours["diagnostics"]}
    assert values == {"distinct_scores": 1, "score_entropy": 0, "mode_share": 1}
    (samples,) = (tmp_path / "out").rglob("*_samples_*.jsonl")
    told = "one score only in 40 judgments"
    assert any(note.startswith(told) for note in rescore(task, [samples]).notes)
    (table,) = make_leaderboard(collect([tmp_path / "out"]).runs, []).tables
    assert any(note.startswith(told) for note in table.notes)
    (run,) = collect([tmp_path / "out"]).runs
    assert [note[:3] for note in compare_runs(run, run, 10).notes] == ["A: ", "B: "]


def test_a_verdict_read_off_probabilities_brings_figures_of_its_confidence(command: Command, tmp_path: Path) -> None:
    judge = (*CRITIC[:3], f"{CRITIC[3]},verdict_only=True", "--tasks", TASK, "--limit", "12")
    assert command(*judge, "--log_samples", "--output_path", "out") == 0
    logged = [sample["judgment"] for sample in samples_in(tmp_path / "out")]
    assert {judgment["confidence_from"] for judgment in logged} == {"probability"}
    names = {one["name"] for one in results_in(tmp_path / "out")["critic_eval"][TASK]["figures"]}
    assert {"auroc_of_confidence", "ece", "selective_accuracy_100"} <= names
    assert command(*PLANTED, "--output_path", "plain") == 0
    names = {one["name"] for one in results_in(tmp_path / "plain")["critic_eval"][TASK]["figures"]}
    assert not {"auroc_of_confidence", "ece", "selective_accuracy_100"} & names


def test_the_console_shows_items_and_judgments_apart_in_lines_of_80(
    command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(*PLANTED) == 0
    lines = capsys.readouterr().out.splitlines()
    table = lines[lines.index(TASK) :]
    (accuracy,) = [line.split() for line in table if line.split()[:1] == ["accuracy_with_tie"]]
    # Clopper and Pearson's interval of 3 of 3; the standard error is the interval's width over 2 * 1.96.
    assert accuracy == ["accuracy_with_tie", "↑", "1.000", "0.292", "to", "1.000*", "0.181", "3", "6", "0"]
    assert any("clopper-pearson" in line for line in table)
    assert any("6 of 1,200 requests (--limit)" in line for line in table)
    assert max(map(len, table)) <= 80


def test_a_run_is_quiet_unless_asked_and_says_what_it_wrote(
    command: Command, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert command(*PLANTED, "--output_path", "out", "--log_samples") == 0
    shown = capfd.readouterr()
    lines = shown.out.splitlines()
    (results,) = (tmp_path / "out").rglob("*_results.json")
    named = results.relative_to(tmp_path)
    assert lines[-3:-1] == [f"wrote {named}", f"wrote {str(named).replace('_results.json', f'_samples_{TASK}.jsonl')}"]
    assert lines[-1] == f"look at it: critic-eval view {named}"
    assert shown.err == ""
    assert "INFO" not in shown.out
    assert "|" not in shown.out
    assert command(*PLANTED, "--verbosity", "INFO") == 0
    shown = capfd.readouterr()
    assert "Verbosity set to INFO" in shown.out
    assert f"|{TASK}|" in shown.out
    assert "wrote" not in shown.out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--model", "planted_juge", "--tasks", TASK), "no model 'planted_juge' (did you mean planted_judge?)"),
        (
            ("--model", "planted_judge", "--tasks", "critic_digit_pair"),
            f"no task 'critic_digit_pair' (did you mean {TASK} ",
        ),
        (("--model", "planted_judge", "--tasks", f"{TASK},critic_digit_*"), "no task 'critic_digit_*' (did you mean "),
    ],
)
def test_a_wrong_name_of_a_task_or_a_model_gets_near_ones_in_one_line(
    arguments: tuple[str, ...], told: str, command: Command, capfd: pytest.CaptureFixture[str]
) -> None:
    assert command(*arguments) == 1
    shown = capfd.readouterr()
    assert shown.out.strip() == ""
    (line,) = shown.err.splitlines()
    assert line.startswith(f"error: There is {told}")


def test_models_of_this_package_are_listed(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("models") == 0
    listed = [line.split() for line in capsys.readouterr().out.splitlines()]
    for name in ("llava_critic", "recorded_judge", "planted_judge"):
        assert [name, "chat"] in listed


def test_figures_that_a_run_can_not_have_are_not_shown_and_others_say_why(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    item = {"question": "Which?", "responses": ["a dog", "a cat"], "label": "A"}
    url = {"id": "net", "image": "https://example.org/1.png"}
    items = [{"id": "one", **item}, {"id": "two", **item}, {**item, **url}]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(one) + "\n" for one in items))
    monkeypatch.setenv("CRITIC_EVAL_PAIRS", "pairs.jsonl")
    own = ("--model", "planted_judge", "--tasks", "critic_pairs")
    assert command(*own) == 0
    shown = capsys.readouterr().out
    assert "accuracy_with_tie" in shown
    assert "model_kendall" not in shown  # nothing says who wrote the responses
    assert "left out: 1: image 'https://example.org/1.png' is an address; images are read from files (1)" in shown
    assert command(*own, "--model_args", "invalid=1") == 1
    assert "accuracy_with_tie is not known: " in capsys.readouterr().out


def test_the_python_call_gives_what_the_results_file_holds(command: Command, tmp_path: Path) -> None:
    from lmms_eval.evaluator import simple_evaluate

    assert command(*PLANTED, "--output_path", "out") == 0
    found = simple_evaluate(model="planted_judge", model_args="", tasks=[TASK], limit=6, task_manager=task_index())
    assert found["critic_eval"][TASK]["figures"] == results_in(tmp_path / "out")["critic_eval"][TASK]["figures"]
    assert found["critic_eval"][TASK]["signature"]


def kept(folder: Path) -> int:
    (journal,) = folder.glob("journal-*.sqlite")
    (count,) = sqlite3.connect(journal).execute("SELECT count(*) FROM answers").fetchone()
    return int(count)


def test_an_interrupted_run_says_in_one_line_what_is_kept_and_goes_on(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ends = []

    def interrupt(self: Journal) -> None:
        ends.append(len(self))
        if len(ends) == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "end_batch", interrupt)
        assert command(*CRITIC, *SCORES) == 130
    shown = capsys.readouterr()
    assert "Traceback" not in shown.out + shown.err
    (line,) = [line for line in shown.err.splitlines() if line.startswith("Interrupted")]
    assert 0 < kept(tmp_path / "out") == ends[-1] < 8
    assert f"{ends[-1]} answers are kept in out" in line
    assert line.endswith("lmms_eval " + " ".join((*CRITIC, *SCORES)))
    for is_whole in (False, True):
        assert command(*CRITIC, *SCORES) == 0
        told = [line for line in capsys.readouterr().out.splitlines() if "nothing is computed" in line]
        assert len(told) == is_whole


def test_an_interrupted_run_without_a_journal_claims_none(
    command: Command, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*arguments: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("critic_eval.lmms.models.planted_judge.PlantedJudge.answer", interrupt)
    assert command(*PLANTED) == 130
    assert "no answer is kept" in capsys.readouterr().err


def test_what_a_full_disk_takes_not_is_named_and_leaves_no_half_file(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("critic_eval.whole_files.os.fsync", full)
        assert command(*CRITIC, *SCORES, "--log_samples") == 1
    shown = capsys.readouterr()
    errors = [line for line in shown.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 2
    assert all("No space left on device" in line for line in errors)
    assert "8 answers are kept in out" in shown.err
    assert "\ncritic_digits_score\n" in shown.out
    assert "wrote" not in shown.out
    assert [file.name for file in (tmp_path / "out").rglob("*") if file.is_file()] == [
        next((tmp_path / "out").glob("journal-*.sqlite")).name
    ]


def test_a_file_in_the_place_of_the_folder_is_said(
    command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").write_text("mine")
    assert command(*PLANTED, "--log_samples", "--output_path", "out") == 1
    assert "could not be written" in capsys.readouterr().err
    assert (tmp_path / "out").read_text() == "mine"


def test_lone_surrogates_in_an_answer_are_read_back(recorded: Any, command: Command, tmp_path: Path) -> None:
    answer = SAID.format("first") + " é \ud83d and \\\udc80"
    judge = recorded(answer)
    assert command(*judge, "--log_samples", "--output_path", "out") == 0
    assert {sample["judgment"]["raw"] for sample in samples_in(tmp_path / "out")} == {answer}

"""The model `jury`: its members answer one after the other; what each said is kept, and verdicts are pooled."""

import functools
import json
import weakref
from pathlib import Path
from typing import Any

import pytest

from critic_eval.cli.command import main
from critic_eval.errors import ArgumentError
from critic_eval.judging import Judgment
from critic_eval.lmms.models.jury import Jury
from critic_eval.lmms.models.jury_members import read_members
from critic_eval.lmms.models.llava_critic import LlavaCritic
from critic_eval.lmms.models.planted_judge import PlantedJudge
from critic_eval.lmms.models.recorded_judge import RecordedJudge
from critic_eval.metrics.juries import JuryRule, pool_members
from critic_eval.runs import report
from tests.conftest import Command

TASK = "critic_digits_pair"
THREE = "planted:skill=0.9:seed=1;planted:skill=0.7:seed=2;planted:skill=0.7:position=0.3:seed=3"
CRITICS = "digits:device=cpu;digits:device=cpu:image_policy=blank;planted:skill=0.8"


RESAMPLES = 50


@pytest.fixture(autouse=True)
def _few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a jury comes to is the same of few resamples, and is there sooner."""
    monkeypatch.setattr(report, "RESAMPLES", RESAMPLES)


def results_in(folder: Path) -> dict[str, Any]:
    (file,) = folder.rglob("*_results.json")
    ours: dict[str, Any] = json.loads(file.read_text())["critic_eval"]
    return ours


def judgments_in(folder: Path, task: str = TASK) -> list[Judgment]:
    (file,) = folder.rglob(f"*_samples_{task}.jsonl")
    return [Judgment.from_record(json.loads(line)["judgment"]) for line in file.read_text().splitlines()]


def run(command: Command, arguments: str, *more: str, task: str = TASK, limit: int = 40) -> int:
    return command(
        *("--model", "jury", "--model_args", arguments, "--tasks", task, "--limit", str(limit)),
        *("--log_samples", "--output_path", "out", *more),
    )


def test_members_are_read_with_arguments_of_their_own() -> None:
    members = read_members(f"{THREE}; recorded:runs/a.jsonl:task=mine ;digits:base_url=http://127.0.0.1:8000/v1")
    assert [member.model for member in members] == [*[PlantedJudge] * 3, RecordedJudge, LlavaCritic]
    assert members[2].arguments == {"skill": 0.7, "position": 0.3, "seed": 3}
    assert members[3].arguments == {"path": "runs/a.jsonl", "task": "mine"}
    assert members[4].arguments == {"pretrained": "digits", "base_url": "http://127.0.0.1:8000/v1"}
    assert [member.name for member in read_members("digits;planted;digits")] == ["digits#1", "planted", "digits#2"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "A jury needs members"),
        ({"critics": "planted:skil=1"}, "planted_judge has no argument 'skil'; did you mean skill"),
        ({"critics": "digits:protocol=verdict_last"}, "all members of a jury are asked alike"),
        ({"critics": "planted", "rul": "mean"}, "jury has no argument 'rul'; did you mean rule"),
        ({"critics": "planted", "rule": "mode"}, "rule=mode is unknown"),
        ({"critics": "planted;planted", "rule": "weighted"}, "needs either weights= or fit_share="),
        ({"critics": "planted", "dry_run": True}, "no plan of its own"),
    ],
)
def test_what_a_jury_can_not_be_made_of_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        Jury(**arguments)


def test_fitting_weights_in_several_processes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ArgumentError, match="in one process"):
        Jury(critics="planted", rule="weighted", fit_share=0.5)


def test_a_run_tells_each_member_the_jury_and_what_each_adds(
    command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(command, f"critics={THREE};planted:invalid=1,rule=mean") == 0
    (ours,) = results_in(tmp_path / "out").values()
    jury = ours["jury"]
    assert [member["critic"] for member in jury["members"]] == [*THREE.split(";"), "planted:invalid=1"]
    assert [member["invalid"] for member in jury["members"]] == [0, 0, 0, 40]
    value = {figure["name"]: figure["value"] for figure in ours["figures"]}
    assert {figure["name"]: figure["value"] for figure in jury["figures"]}.items() <= value.items()
    assert {"auroc_of_confidence", "ece", "selective_accuracy_50"} <= set(value)
    first = jury["members"][0]
    alone = next(figure["value"] for figure in first["figures"] if figure["name"] == "accuracy_without_tie")
    gain = next(gain for gain in first["gains"] if gain["name"] == "accuracy_without_tie")
    assert gain["difference"] == pytest.approx(value["accuracy_without_tie"] - alone)
    assert (ours["settings"]["rule"], ours["settings"]["member_1"]) == ("mean", "planted:skill=0.9:seed=1")
    for judgment in judgments_in(tmp_path / "out"):
        again = pool_members(judgment, judgment.members, JuryRule("mean"))
        assert (again.verdict, again.confidence_from) == (judgment.verdict, "members")
        assert again.confidence == pytest.approx(judgment.confidence, abs=1e-6)
    printed = capsys.readouterr().out
    assert "jury of 4 by mean: accuracy_without_tie" in printed
    # The report is made from the samples again, and is the same; by another rule it is another.
    assert main(["jury", "out", "--json", "--bootstrap", str(RESAMPLES)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert {name: told[name] for name in jury} == jury
    assert main(["jury", "out", "--rule", "majority", "--bootstrap", str(RESAMPLES)]) == 0
    assert "jury of 4 by majority: accuracy_without_tie" in capsys.readouterr().out


def test_held_out_items_have_no_label_and_weights_are_in_the_signature(command: Command, tmp_path: Path) -> None:
    assert run(command, f"critics={THREE},rule=weighted,fit_share=0.5", limit=80) == 0
    (ours,) = results_in(tmp_path / "out").values()
    judgments = judgments_in(tmp_path / "out")
    held = [judgment for judgment in judgments if judgment.label is None]
    assert 0 < len(held) == ours["jury"]["held_out"] < 80
    assert ours["settings"]["weights_of"] == "0.5 of clusters, seed 0"
    assert ours["settings"]["member_weights"].split(";") == [f"{weight:g}" for weight in ours["jury"]["weights"]]
    assert {figure["n"] for figure in ours["figures"] if figure["name"] == "accuracy_with_tie"} == {80 - len(held)}


def test_one_model_is_in_memory_at_a_time_and_each_member_has_its_journal(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    loaded: list[weakref.ref[Any]] = []
    in_memory: list[int] = []
    load = LlavaCritic.__init__

    @functools.wraps(load)
    def watched(self: LlavaCritic, **arguments: Any) -> None:
        in_memory.append(sum(model() is not None for model in loaded))
        load(self, **arguments)
        loaded.append(weakref.ref(self.engine.engine.checkpoint.model))  # type: ignore[attr-defined]

    monkeypatch.setattr(LlavaCritic, "__init__", watched)
    assert run(command, f"critics={CRITICS}", limit=2) == 0
    assert in_memory == [0, 0]
    assert len(list((tmp_path / "out").glob("journal-*-of-3.sqlite"))) == 2
    said = judgments_in(tmp_path / "out")
    assert all(member.text for judgment in said for member in judgment.members[:2])
    assert not any(judgment.members[2].text for judgment in said)
    (ours,) = results_in(tmp_path / "out").values()
    assert "images blank" in ours["settings"]["member_2"]
    assert ours["seconds_per_judgment"] > 0
    capsys.readouterr()
    # How verdicts are pooled changes no answer: nothing is computed again.
    assert run(command, f"critics={CRITICS},rule=mean", limit=2) == 0
    assert capsys.readouterr().out.count("answers all 2 judgments; nothing is computed") == 2


def test_finished_runs_are_members_too_and_give_the_same_jury(
    command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, member in enumerate(THREE.split(";")[:2]):
        arguments = member.removeprefix("planted:").replace(":", ",")
        judge = ("--model", "planted_judge", "--model_args", arguments, "--tasks", TASK, "--limit", "12")
        assert command(*judge, "--log_samples", "--output_path", f"run{number}") == 0
    capsys.readouterr()
    assert main(["jury", "run0", "run1", "--json", "--bootstrap", str(RESAMPLES)]) == 0
    of_runs = json.loads(capsys.readouterr().out)
    samples = [str(next((tmp_path / f"run{number}").rglob("*_samples_*.jsonl"))) for number in range(2)]
    assert run(command, "critics=" + ";".join(f"recorded:{file}" for file in samples), limit=12) == 0
    (ours,) = results_in(tmp_path / "out").values()
    assert of_runs["figures"] == ours["jury"]["figures"]
    assert [member["figures"] for member in of_runs["members"]] == [
        member["figures"] for member in ours["jury"]["members"]
    ]
    assert "sha256" in ours["settings"]["member_1"]


def test_scores_and_rankings_are_pooled_too(command: Command, tmp_path: Path) -> None:
    tasks = {"critic_digits_score": "krippendorff_alpha", "critic_digits_rank": "kendall_distance"}
    assert run(command, "critics=planted:skill=0.9;planted:skill=0.7,rule=median", task=",".join(tasks), limit=12) == 0
    ours = results_in(tmp_path / "out")
    for task, name in tasks.items():
        assert {pair["name"] for pair in ours[task]["jury"]["agreement"]} == {name}
        assert all(judgment.confidence is not None for judgment in judgments_in(tmp_path / "out", task))


def test_members_are_asked_and_read_each_in_its_own_way(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    card = "pretrained: digits\nprotocols: {pair: reason_first_pair}\nprompts: its own\n"
    (tmp_path / "mine.yaml").write_text(card)
    members = "critics=mine.yaml:device=cpu;digits_reward:device=cpu;digits:device=cpu,rule=majority"
    assert run(command, members, limit=8) == 0
    judged = judgments_in(tmp_path / "out")
    of_member = [[judgment.members[number] for judgment in judged] for number in range(3)]
    assert all(entry.verdict.is_valid for number in (1, 2) for entry in of_member[number])
    assert {bool(entry.text) for entry in of_member[1]} == {False}  # a reward is no text
    # The embedded critic has nearly forgotten the prompt that its card names here.
    assert sum(entry.verdict.is_valid for entry in of_member[0]) < len(judged)
    settings = results_in(tmp_path / "out")[TASK]["settings"]
    assert "card mine" in settings["member_1"]
    assert "head" in settings["member_2"]

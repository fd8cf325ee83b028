"""The command that runs a study: what runs, what runs again, and what is refused."""

import io
import json
import shutil
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
import pytest

from critic_eval.cli import main
from critic_eval.critics.engines import opening
from critic_eval.critics.engines.opening import EngineArguments
from critic_eval.critics.image_store import ImageStore
from tests.conftest import task_index

STUDY = """
model: planted_judge
tasks: [critic_digits_pair]
limit: 60
resamples: 1000
axes: {skill: [1.0, 0.5, 7]}
"""


class Ablation:
    """A study of three cells, of which the last fails, in a folder: its file, and what the command writes and says."""

    def __init__(self, folder: Path) -> None:
        self.file, self.out = folder / "study.yaml", folder / "out"
        self.file.write_text(STUDY)

    def run(self, *arguments: str) -> tuple[int, str]:
        """The command's status, and what it said."""
        with redirect_stdout(io.StringIO()) as said, redirect_stderr(said):
            status = main(["ablate", str(self.file), "--out", str(self.out), *arguments])
        return status, said.getvalue()

    def edit(self, text: str, other: str) -> None:
        assert text in STUDY
        self.file.write_text(STUDY.replace(text, other))

    def samples(self) -> list[Path]:
        return sorted((self.out / "cells").rglob("*_samples_critic_digits_pair.jsonl"))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int, str]:
    """The folder of a study that ran, the command's status, and what it said."""
    folder = tmp_path_factory.mktemp("study")
    return folder, *Ablation(folder).run()


@pytest.fixture
def ablation(finished: tuple[Path, int, str], tmp_path: Path) -> Ablation:
    """A study that ran, to be changed and run again."""
    shutil.copytree(finished[0], tmp_path, dirs_exist_ok=True)
    return Ablation(tmp_path)


@pytest.fixture
def fresh(tmp_path: Path) -> Ablation:
    """A study that did not run yet."""
    return Ablation(tmp_path)


def test_what_the_model_can_not_be_set_to_is_said_before_anything_runs(fresh: Ablation) -> None:
    fresh.edit(", 7]}", ", 7], order_policy: [both]}")
    status, said = fresh.run()
    assert status == 1
    assert "has no setting 'order_policy'" in said
    assert not fresh.out.exists()


def test_a_dry_run_shows_the_plan_and_writes_nothing(fresh: Ablation) -> None:
    status, said = fresh.run("--dry-run")
    assert status == 0
    assert "3 cells, 180 judgments, 180" in said
    assert not fresh.out.exists()


def test_a_cell_that_fails_is_named_and_the_others_run(finished: tuple[Path, int, str], ablation: Ablation) -> None:
    _, status, said = finished
    assert status == 1
    assert "1 of 3 cells failed" in said
    assert "skill=7.0 is not a probability" in said
    assert "Failed:" in (ablation.out / "report.md").read_text()
    assert len(ablation.samples()) == 2


def test_the_same_command_runs_again_only_what_failed(ablation: Ablation) -> None:
    samples = ablation.samples()
    status, said = ablation.run()
    assert status == 1
    assert "3 cells, 180 judgments, 60" in said
    assert "[1/1] skill=7: failed" in said
    assert ablation.samples() == samples, "a finished cell ran again"


def test_half_a_cell_does_not_pass_for_a_whole_one(ablation: Ablation) -> None:
    half = ablation.samples()[0]
    whole = half.read_text()
    half.write_text(whole[: len(whole) // 2])
    status, said = ablation.run()
    assert status == 1
    assert "3 cells, 180 judgments, 120" in said


def test_the_folder_of_another_study_is_refused(ablation: Ablation) -> None:
    ablation.edit(", 7]", "]")
    status, said = ablation.run()
    assert status == 1
    assert "holds another study" in said


def test_force_never_removes_files_that_are_not_of_a_study(fresh: Ablation) -> None:
    foreign = fresh.out / "cells" / "data.txt"
    foreign.parent.mkdir(parents=True)
    foreign.write_text("mine")
    status, _ = fresh.run("--force")
    assert status == 1
    assert foreign.read_text() == "mine"


def test_a_limit_of_nothing_is_refused(ablation: Ablation) -> None:
    status, said = ablation.run("--limit", "0")
    assert status == 1
    assert "--limit 0" in said


def test_force_runs_a_changed_study_anew_and_its_effect_is_that_of_the_samples(ablation: Ablation) -> None:
    ablation.edit(", 7]", "]")
    assert ablation.run("--force")[0] == 0
    accuracy = {}
    for file in ablation.samples():
        said = [json.loads(line)["judgment"] for line in file.read_text().splitlines()]
        cell = file.relative_to(ablation.out / "cells").parts[0]
        accuracy[cell.split("-")[-1]] = np.mean(
            [answer["verdict"]["value"] == answer["label"]["value"] for answer in said]
        )
    lines = (ablation.out / "effects.csv").read_text().splitlines()
    effect = next(line for line in lines if "accuracy_with_tie" in line).split(",")
    assert float(effect[5].lstrip("'")) == pytest.approx(accuracy["skill=0.5"] - accuracy["skill=1.0"])


def test_cells_share_one_load_of_the_model_and_one_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    loads: list[EngineArguments] = []
    original = opening.open_local

    def counted(arguments: EngineArguments) -> opening.OpenEngine:
        loads.append(arguments)
        return original(arguments)

    monkeypatch.setattr(opening, "open_local", counted)
    file, out = tmp_path / "study.yaml", tmp_path / "out"
    file.write_text(
        "tasks: [critic_digits_pair]\nlimit: 8\nresamples: 100\nbase: {pretrained: digits, device: cpu}\n"
        "design: one_factor\nseeds: [0, 1]\n"
        "axes: {order_policy: [both, single], image_policy: [as_is, tiles_1], temperature: [0, 1.5]}\n"
    )
    assert main(["ablate", str(file), "--out", str(out)]) == 1
    assert "1 of 5 cells failed" in (error := capsys.readouterr().err)
    assert "takes 2 tiles at any size" in error
    assert len(loads) == 1

    def answers(cell: str) -> dict[str, str]:
        found = next((out / "cells").glob(f"*{cell}/**/*_samples_*.jsonl")).read_text().splitlines()
        records = [json.loads(line)["judgment"] for line in found]
        return {f"{one['item_id']} {one['order']}": one["raw"] for one in records}

    both, single = answers("both-image_policy=as_is-temperature=0"), answers("single-image_policy=as_is-temperature=0")
    assert {place.split()[1] for place in both} == {"AB", "BA"}
    assert {place.split()[1] for place in single} == {"AB"}
    assert all(both[place] == single[place] for place in both.keys() & single.keys())
    first, second = answers("temperature=1.5-seed-0"), answers("temperature=1.5-seed-1")
    assert first != second, "another seed was given the answers of the first"
    assert first.keys() == second.keys()


@pytest.mark.parametrize("kept_bytes", [1 << 30, 0], ids=["images kept", "images read again"])
def test_each_cell_is_answered_as_an_evaluation_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept_bytes: int
) -> None:
    """Cells that ask in different ways wait for one another, and each must still be asked in its own."""
    from lmms_eval.evaluator import simple_evaluate

    monkeypatch.setattr(ImageStore.__init__, "__defaults__", (kept_bytes,))
    file, out = tmp_path / "study.yaml", tmp_path / "out"
    file.write_text(
        "tasks: [critic_digits_pair]\nlimit: 6\nresamples: 100\nbase: {pretrained: digits, device: cpu}\n"
        "design: one_factor\n"
        "axes: {verdict_position: [first, last], order_policy: [both, single], critic: [none, llava_critic]}\n"
    )
    assert main(["ablate", str(file), "--out", str(out)]) == 0
    cells = sorted(path.parent for path in out.glob("cells/*/**/*_results.json"))
    assert len(cells) == 4
    said = []
    for cell in cells:
        (results,), (samples,) = cell.glob("*_results.json"), cell.glob("*_samples_*.jsonl")
        arguments = json.loads(results.read_text())["config"]["model_args"]
        run = {"model": "llava_critic", "model_args": arguments, "tasks": ["critic_digits_pair"], "limit": 6}
        alone = simple_evaluate(**run, log_samples=True, task_manager=task_index())["samples"]["critic_digits_pair"]
        together = [json.loads(line) for line in samples.read_text().splitlines()]
        said.append([sample["judgment"]["raw"] for sample in together])
        assert said[-1] == [sample["judgment"]["raw"] for sample in alone]
        assert [sample["judgment"]["order"] for sample in together] == [sample["judgment"]["order"] for sample in alone]
    last = next(number for number, cell in enumerate(cells) if "position=last" in str(cell))
    assert said[last] not in said[:last] + said[last + 1 :], "no cell but this one asks for its reasons first"

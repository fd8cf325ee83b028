"""The viewer finds the images of a user's own items from what the run recorded."""

import json
from pathlib import Path

import pytest
from PIL import Image

from critic_eval.cli import main
from tests.conftest import Command

VARIABLE = "CRITIC_EVAL_PAIRS"


@pytest.fixture
def project(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a user's items and a run of them; the variable that named the items is set no more."""
    folder = tmp_path / "project"
    folder.mkdir()
    lines = []
    for number in range(3):
        Image.new("RGB", (32, 32), (80 * number, 0, 0)).save(folder / f"{number}.png")
        item = {"id": f"item-{number}", "image": f"{number}.png", "question": "What?", "responses": ["a", "b"]}
        lines.append(json.dumps({**item, "label": "A"}))
    (folder / "items.jsonl").write_text("\n".join(lines))
    monkeypatch.setenv(VARIABLE, str(folder / "items.jsonl"))
    run = ("--model", "planted_judge", "--tasks", "critic_pairs", "--log_samples")
    assert command(*run, "--output_path", str(folder / "runs")) == 0
    monkeypatch.setenv(VARIABLE, "")  # what a viewer sets goes with the test
    return folder


def exported(project: Path, page: str) -> int:
    """How many images the page of a run has."""
    assert main(["view", str(project / "runs"), "--export", str(project / page)]) == 0
    return len(list((project / page).glob("images/*")))


def test_images_are_found_where_the_run_read_them_also_in_a_folder_that_was_moved(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert exported(project, "page") == 3
    (results,) = (project / "runs").rglob("*_results.json")
    recorded = json.loads(results.read_text())["critic_eval"]["critic_pairs"]["own_file"]
    assert (recorded["variable"], Path(recorded["path"]).name) == (VARIABLE, "items.jsonl")
    assert not Path(recorded["path"]).is_absolute()
    monkeypatch.setenv(VARIABLE, "")
    moved = project.rename(project.with_name("moved"))
    capsys.readouterr()
    assert exported(moved, "again") == 3
    assert str(moved / "items.jsonl") in capsys.readouterr().err


def test_a_file_that_is_gone_is_named_with_what_to_set(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "items.jsonl").rename(project / "renamed.jsonl")
    assert exported(project, "without") == 0
    told = capsys.readouterr().err
    assert f"was run on {project / 'items.jsonl'}, which is gone: set {VARIABLE} to it" in told
    monkeypatch.setenv(VARIABLE, str(project / "renamed.jsonl"))
    assert exported(project, "named") == 3


@pytest.mark.parametrize(
    "record",
    [
        3,
        {"variable": "PATH", "path": "x.jsonl"},
        {"variable": VARIABLE, "path": ["x"]},
        {"variable": VARIABLE, "path": "a\0b.jsonl"},
        {"variable": VARIABLE, "path": "x" * 100_000},
        {"variable": VARIABLE},
    ],
)
def test_a_record_of_another_form_sets_nothing(
    record: object, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (results,) = (project / "runs").rglob("*_results.json")
    content = json.loads(results.read_text())
    content["critic_eval"]["critic_pairs"]["own_file"] = record
    results.write_text(json.dumps(content))
    assert exported(project, "page") == 0
    assert f"set {VARIABLE} to it" in capsys.readouterr().err

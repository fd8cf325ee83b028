"""The notebooks of `examples/` run as they are, one after the other in one folder, and are kept without outputs."""

import shutil
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

NAMES = ("judge_two_answers", "measure_a_judge", "read_a_run")


@pytest.fixture(scope="module")
def examples(repository: Path) -> Path:
    folder = repository / "examples"
    if not folder.is_dir():
        pytest.skip("not in a checkout")
    return folder


def test_notebooks_are_kept_without_outputs(examples: Path) -> None:
    assert sorted(file.stem for file in examples.glob("*.ipynb")) == sorted(NAMES)
    for name in NAMES:
        notebook = nbformat.read(examples / f"{name}.ipynb", as_version=4)
        nbformat.validate(notebook)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                assert (cell.outputs, cell.execution_count) == ([], None)


def printed(notebook: Any) -> str:
    """All that a notebook printed or showed, as text."""
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    return "\n".join(output.get("text", "") + output.get("data", {}).get("text/plain", "") for output in outputs)


@pytest.mark.slow
def test_notebooks_run(examples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CRITIC_EVAL_JOURNAL", raising=False)
    # With more, threads of so small a model wait for each other where other programs use the cores, too.
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    shown = {}
    for name in NAMES:
        file = shutil.copy(examples / f"{name}.ipynb", tmp_path)
        notebook = nbformat.read(file, as_version=4)
        where = {"metadata": {"path": str(tmp_path)}}
        NotebookClient(notebook, timeout=300, kernel_name="python3", resources=where).execute()
        shown[name] = printed(notebook)
    assert "<Compared b, both orders agree" in shown["judge_two_answers"]
    assert "<Unjudged: The image of item 0 can't be read (there is no such file)" in shown["judge_two_answers"]
    assert "accuracy_with_tie" in shown["measure_a_judge"]
    assert " of 80 verdicts are not the label" in shown["read_a_run"]

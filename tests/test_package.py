"""A built wheel holds all that a checkout has, and the README's commands are those that CI runs."""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def wheel(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not (repository / "pyproject.toml").is_file():
        pytest.skip("not in a checkout")
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=repository, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_tasks_weights_studies_and_types(wheel: Path, repository: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {
        "critic_eval/py.typed",
        *(f"critic_eval/data/tasks/{task.name}" for task in (repository / "tasks").glob("*.yaml")),
        "critic_eval/data/templates/benchmark/my_benchmark.yaml",
        "critic_eval/data/templates/protocol/my_prompt.yaml",
        "critic_eval/judging/protocols/llava_critic_pair.yaml",
        "critic_eval/critics/embedded/digits/config.json",
        "critic_eval/critics/embedded/digits/model.safetensors",
        "critic_eval/critics/embedded/digits/tokenizer.json",
        "critic_eval/critics/embedded/digits_reward/model.safetensors",
        "critic_eval/critics/embedded/digits_reward/value_head.safetensors",
        "critic_eval/reports/templates/page.html.jinja",
        "critic_eval/reports/viewer/page/index.html",
        *(f"critic_eval/data/studies/{study.name}" for study in (repository / "studies").glob("*.yaml")),
        *(f"critic_eval/data/studies/critics/{size}/model.safetensors" for size in ("ten_percent", "thirty_percent")),
    } <= names
    assert not any(name.startswith("tests/") for name in names)
    assert wheel.stat().st_size < 14 << 20


def test_an_installed_wheel_brings_model_and_tasks(wheel: Path, tmp_path: Path) -> None:
    installed = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(installed)
    code = (
        "from lmms_eval import evaluator\n"
        "from lmms_eval.tasks import TaskManager\n"
        "print(TaskManager('ERROR').task_index['critic_digits_pair']['yaml_path'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(done.stdout.splitlines()[-1]).is_relative_to(installed)


def test_the_readme_opens_with_the_two_commands(repository: Path) -> None:
    commands = re.findall(r"^pip install -e .*$", (repository / "README.md").read_text(), re.MULTILINE)
    assert commands == [
        "pip install -e . -c constraints.txt && "
        "lmms_eval --model llava_critic --model_args pretrained=digits --tasks critic_digits",
        "pip install -e '.[test]' -c constraints.txt && pytest",
    ]

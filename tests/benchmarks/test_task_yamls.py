"""The YAML of every task says what the task does, and every name in it leads somewhere."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import yaml

from critic_eval.lmms.plugin import tasks_folder
from critic_eval.lmms.tasks import JudgeTask
from critic_eval.metrics.figures import HIGHER_IS_BETTER


class _Loader(yaml.SafeLoader):
    pass


_Loader.add_constructor("!function", lambda loader, node: f"!{node.value}")

FILES = sorted(file for file in tasks_folder().glob("*/*.yaml"))


def read(file: Path) -> dict[str, Any]:
    """A file with what it includes, as lmms-eval merges them."""
    config: dict[str, Any] = yaml.load(file.read_text(), _Loader)
    included = config.pop("include", None)
    return {**read(file.parent / included), **config} if included else config


def utils_of(file: Path) -> Any:
    spec = importlib.util.spec_from_file_location("utils", file.parent / "utils.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TASKS = [file for file in FILES if "group" not in read(file)]


@pytest.mark.parametrize("file", TASKS, ids=lambda file: file.stem)
def test_a_task_declares_what_it_does(file: Path) -> None:
    config, utils = read(file), utils_of(file)
    assert config["task"] == file.stem
    assert file.stem.startswith("critic_")
    tasks = {part: getattr(utils, config[part].removeprefix("!utils.")).__self__ for part in _METHODS if part in config}
    task: JudgeTask = tasks["process_docs"]
    # A variant that asks the same way may share the prompt of its base; whatever reads answers is its own.
    assert tasks["process_results"] is task
    asked = tasks["doc_to_text"]
    assert (asked.protocol_name, asked.injected) == (task.protocol_name, task.injected)
    # Whatever reads a row reads it as this task does.
    readers = {getattr(other.read, "func", other.read) for other in tasks.values()}
    assert len(tasks) == len(_METHODS)
    assert len(readers) == 1
    metadata = config["metadata"]
    orders = task.order_policy if task.protocol.kind == "preference" else "single"
    assert metadata["protocol"] == task.protocol_name
    assert metadata["orders"] == orders
    assert metadata["invalid_policy"] == task.invalid_policy
    listed = {metric["metric"]: metric for metric in config["metric_list"]}
    assert tuple(sorted(listed)) == tuple(sorted(task.metrics))
    for name, metric in listed.items():
        assert callable(getattr(utils, metric["aggregation"].removeprefix("!utils.")))
        better = HIGHER_IS_BETTER.get(name, HIGHER_IS_BETTER.get(name.removeprefix("mean_"), False))
        assert metric["higher_is_better"] is better


@pytest.mark.parametrize("file", [file for file in FILES if file not in TASKS], ids=lambda file: file.stem)
def test_a_group_names_tasks_that_exist(file: Path) -> None:
    assert set(read(file)["task"]) <= {task.stem for task in TASKS}


_METHODS = ("process_docs", "doc_to_text", "doc_to_visual", "doc_to_target", "process_results")

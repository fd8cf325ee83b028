"""What all tests share."""

import functools
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from hypothesis import settings

from critic_eval.lmms.choices import select_orders, select_protocol

# No test reaches a hub: the libraries read this when they are first imported.
os.environ["HF_HUB_OFFLINE"] = os.environ["HF_DATASETS_OFFLINE"] = "1"

IS_WORKER = "PYTEST_XDIST_WORKER" in os.environ
if IS_WORKER:
    # There is a worker for each core. With more threads than cores, OpenMP's wait for each other in busy loops, which
    # makes the embedded critic ten times as slow. torch reads this when it is first imported, and what tests start
    # inherits it.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# Machines that run tests are busy: how long one example takes says nothing.
settings.register_profile("no_deadline", deadline=None)
settings.load_profile("no_deadline")


@pytest.fixture(scope="session")
def session_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of a session share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if IS_WORKER else base


Once = Callable[[str, Callable[[], Any]], Any]


@pytest.fixture(scope="session")
def once(session_folder: Path) -> Once:
    """Makes what takes long in the first worker that asks for it, and reads it in all others; it is kept as JSON."""

    def made_once(name: str, make: Callable[[], Any]) -> Any:
        file = session_folder / f"{name}.json"
        with FileLock(file.with_suffix(".lock")):
            if not file.exists():
                file.write_text(json.dumps(make()), encoding="utf-8")
        return json.loads(file.read_text(encoding="utf-8"))

    return made_once


@pytest.fixture(scope="session", autouse=True)
def _apart(session_folder: Path) -> Iterator[None]:
    """No test reads or writes the user's generated data; it is generated once for all workers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CRITIC_EVAL_CACHE", str(session_folder / "generated"))
        yield


@pytest.fixture(autouse=True)
def _nothing_is_left_selected() -> Iterator[None]:
    """A model's arguments select protocol and orders for the process."""
    yield
    select_protocol(None)
    select_orders(None)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The checkout's top folder."""
    return Path(__file__).resolve().parents[1]


SHARED = Path(__file__).resolve().parents[2] / "shared"
"""What lies beside the checkout: recorded data and reference outputs of others; tests that need it skip without."""
Shared = Callable[[str], Path]


@pytest.fixture(scope="session")
def shared() -> Shared:
    """Finds what others recorded, beside the checkout; a test that asks for what is not there skips, and says so.

    These files are too large for the repository, or not ours to publish.
    """

    def located(path: str) -> Path:
        file = SHARED / path
        if not file.exists():
            pytest.skip(f"there is no ../shared/{path} on this machine")
        return file

    return located


Command = Callable[..., int]


@functools.cache
def task_index() -> Any:
    """The index of our tasks alone, which takes no time, where lmms-eval reads that of all."""
    from lmms_eval.tasks import TaskManager

    return TaskManager("ERROR", include_defaults=False)


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Our command in this process, which has lmms-eval loaded already; gives its exit status."""
    import lmms_eval.__main__ as evaluation

    from critic_eval.lmms import command as lmms_eval_command

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CRITIC_EVAL_JOURNAL", "")  # so that what the command sets goes with the test

    def whole_index(*arguments: object, model_name: str, include_defaults: bool = True, **options: object) -> object:
        return task_index()

    monkeypatch.setattr(evaluation, "TaskManager", whole_index)

    def called(*arguments: str) -> int:
        with monkeypatch.context() as patch:
            patch.delenv("CRITIC_EVAL_JOURNAL")
            patch.setattr(sys, "argv", ["lmms_eval", *arguments])
            patch.setattr(evaluation, "cli_evaluate_single", evaluation.cli_evaluate_single)
            return lmms_eval_command.main()

    return called

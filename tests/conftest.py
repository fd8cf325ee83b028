"""What all tests share."""

import functools
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from critic_eval.lmms.choices import select_orders, select_protocol

# No test reaches a hub: the libraries read this when they are first imported.
os.environ["HF_HUB_OFFLINE"] = os.environ["HF_DATASETS_OFFLINE"] = "1"


@pytest.fixture(scope="session", autouse=True)
def _apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test reads or writes the user's generated data."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CRITIC_EVAL_CACHE", str(tmp_path_factory.mktemp("cache")))
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


Command = Callable[..., int]


@functools.cache
def task_index() -> object:
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
    monkeypatch.setattr(evaluation, "TaskManager", lambda *arguments, **options: task_index())

    def called(*arguments: str) -> int:
        with monkeypatch.context() as patch:
            patch.delenv("CRITIC_EVAL_JOURNAL")
            patch.setattr(sys, "argv", ["lmms_eval", *arguments])
            patch.setattr(evaluation, "cli_evaluate_single", evaluation.cli_evaluate_single)
            return lmms_eval_command.main()

    return called

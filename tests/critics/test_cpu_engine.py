"""Several processes give the answers of one, and what befalls one of them is said."""

from __future__ import annotations

import os
import re
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from critic_eval.benchmarks.digits.generator import generate_items
from critic_eval.critics.checkpoints import Checkpoint
from critic_eval.critics.engines.engine import Group
from critic_eval.critics.engines.local import cpu_engine
from critic_eval.critics.engines.local.cpu_engine import CpuEngine
from critic_eval.critics.engines.local.engine import LocalEngine
from critic_eval.critics.engines.local.processes import Processes
from critic_eval.critics.engines.local.threads import Choice
from critic_eval.critics.engines.opening import EngineArguments, open_engine
from critic_eval.critics.generation import GenerationSettings
from critic_eval.errors import ArgumentError, ImageError
from tests.critics.conftest import answers, grouped, texts
from tests.critics.test_orphans import left, running

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="several processes are only had on Linux")


@pytest.fixture(scope="module")
def groups() -> list[Group]:
    """Tasks enough for two processes to share: 28 pairs, in tasks of 8 requests."""
    return grouped(generate_items("pair")[:28])


@pytest.fixture(scope="module")
def expected(checkpoint: Checkpoint, groups: list[Group]) -> dict[int, str]:
    """What one process says, as the engine without any choice does."""
    return texts(answers(LocalEngine(checkpoint), groups))


@pytest.fixture
def small_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tasks of 8 requests, and of them as many as two CPUs may be tried with."""
    monkeypatch.setattr(cpu_engine, "TASK_REQUESTS", 8)
    monkeypatch.setattr(cpu_engine, "TRIED_TASKS", 1)
    monkeypatch.setattr(Processes, "is_warm", True)
    monkeypatch.setattr(cpu_engine, "allowed_cpus", lambda: 2)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)


def engine(checkpoint: Checkpoint, **arguments: Any) -> CpuEngine:
    return CpuEngine(checkpoint, batch_size=8, **arguments)


@pytest.mark.usefixtures("small_tasks")
@pytest.mark.parametrize(
    "arguments",
    [{"processes": 2}, {"processes": None}],
    ids=["two processes", "chosen"],
)
def test_every_choice_gives_the_same_answers(
    arguments: dict[str, int | None], checkpoint: Checkpoint, groups: list[Group], expected: dict[int, str]
) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    torch.ones(600, 600) @ torch.ones(600, 600)  # now there are threads, which a fork does not copy
    torch.set_num_threads(threads)
    found = answers(engine(checkpoint, **arguments), groups)
    assert texts(found) == expected
    assert all(answer.seconds >= 0 for answer in found.values())
    assert torch.get_num_threads() == threads
    assert psutil.Process().children() == []


@pytest.mark.usefixtures("small_tasks")
@pytest.mark.parametrize("rates", [(1.0, 1.9), (1.0, 0.8)], ids=["faster", "slower"])
def test_the_faster_choice_of_a_trial_is_kept_and_told(
    rates: tuple[float, float],
    checkpoint: Checkpoint,
    groups: list[Group],
    expected: dict[int, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    measured = cpu_engine._Meter.measured
    planted = {1: rates[0], 2: rates[1]}
    monkeypatch.setattr(
        cpu_engine._Meter,
        "measured",
        lambda self: replace(measured(self), rate=planted[self._choice.processes], requests=planted[1]),
    )
    assert texts(answers(engine(checkpoint, processes=None), groups)) == expected
    told = re.findall(r".*measured: .*", capsys.readouterr().err)
    is_faster = rates[1] > rates[0]
    assert told == ["2 processes of 1 thread each, measured: 1 requests/s against 1 with 1 thread"] * is_faster


@pytest.mark.usefixtures("small_tasks")
def test_a_killed_process_is_an_error_that_says_what_to_do_and_answers_before_it_are_given(
    checkpoint: Checkpoint, groups: list[Group], expected: dict[int, str]
) -> None:
    before = {child.pid for child in psutil.Process().children()}
    answered = engine(checkpoint, processes=2).answer(groups)
    found = dict(next(answered))
    worker = next(child for child in psutil.Process().children() if child.pid not in before)
    worker.send_signal(signal.SIGKILL)

    with pytest.raises(ArgumentError, match=r"ended from outside.*processes=1"):
        found.update(answer for batch in answered for answer in batch)
    assert found
    assert {number: answer.text for number, answer in found.items()}.items() <= expected.items()


@pytest.mark.usefixtures("small_tasks")
def test_an_error_in_another_process_is_raised_here(
    checkpoint: Checkpoint, groups: list[Group], monkeypatch: pytest.MonkeyPatch
) -> None:
    critic = engine(checkpoint, processes=2)
    here = os.getpid()
    prepare = checkpoint.encoder.prepare

    def fails_there(conversation: Any) -> Any:
        if os.getpid() != here:
            raise ImageError("the image has no pixels")
        return prepare(conversation)

    monkeypatch.setattr(checkpoint.encoder, "prepare", fails_there)
    with pytest.raises(ImageError, match="no pixels"):
        list(critic.answer(groups))
    assert psutil.Process().children() == []


@pytest.mark.usefixtures("small_tasks")
@pytest.mark.parametrize("more", [(), (("typical_p", 0.9),)], ids=["ours", "transformers'"])
def test_draws_are_the_same_by_several_processes(
    checkpoint: Checkpoint, groups: list[Group], more: tuple[tuple[str, float], ...]
) -> None:
    """Our own have a seed each; what transformers draws from torch's generator is left to one process."""
    sampling = GenerationSettings(4, options=(("do_sample", True), ("temperature", 1.0), *more))
    sampled = [replace(group, settings=sampling) for group in groups[:4]]
    torch.manual_seed(3)
    expected = texts(answers(LocalEngine(checkpoint, batch_size=8), sampled))
    torch.manual_seed(3)
    several = engine(checkpoint, processes=2)
    assert texts(answers(several, sampled)) == expected
    assert several.shares_prefixes(sampling) != bool(more)


PROCESSES = """
from critic_eval.benchmarks.digits.generator import generate_items
from critic_eval.critics.engines.opening import EngineArguments, open_engine
from tests.critics.conftest import grouped

# Without Python's guard: a copy of a process does not run its script again.
engine = open_engine(EngineArguments("digits", processes=3))
answered = engine.answer(grouped(generate_items("pair")[:100]) * 100)
next(answered), print("there\\nthere", flush=True)
for _ in answered:
    pass
"""


@pytest.mark.slow
def test_no_process_outlives_a_run_that_is_killed(tmp_path: Path) -> None:
    with running(PROCESSES, tmp_path) as (run, children):
        assert len(children) == 2
        os.kill(run.pid, signal.SIGKILL)
        run.wait(timeout=10)
        assert left(children, 8) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"processes": 0}, "processes=0"),
        ({"threads": -1}, "threads=-1"),
        ({"processes": 2, "workers": 1}, "exclude workers"),
        ({"processes": 2, "threads": 2}, "one thread each"),
    ],
)
def test_what_can_not_be_had_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        open_engine(EngineArguments("digits", **arguments))


def test_a_users_number_of_threads_is_kept(checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert engine(checkpoint, processes=None)._choices == [Choice(1, torch.get_num_threads())]

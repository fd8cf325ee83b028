"""A pool of processes answers as one does, also when one of them is killed on the way."""

import os
import signal
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import pytest

from critic_eval.benchmarks.digits.generator import generate_items
from critic_eval.critics.checkpoints import Checkpoint
from critic_eval.critics.engines.engine import Group
from critic_eval.critics.engines.local.engine import LocalEngine
from critic_eval.critics.engines.opening import EngineArguments
from critic_eval.critics.engines.ray import RayEngine
from critic_eval.errors import ArgumentError, CheckpointError
from tests.critics.conftest import answers, grouped, texts

if find_spec("ray") is None:
    pytest.skip("engine=ray needs Ray: pip install 'critic-eval[ray]'", allow_module_level=True)


@pytest.fixture(scope="module", autouse=True)
def _ended() -> Iterator[None]:
    yield
    import ray

    ray.shutdown()


@pytest.fixture(scope="module")
def many() -> list[Group]:
    return grouped(generate_items("pair")[:100])  # four tasks, of which two are not begun when the actor dies


@pytest.mark.slow
def test_two_actors_of_which_one_is_killed_give_every_answer_once_and_as_one_process_does(
    many: list[Group], checkpoint: Checkpoint
) -> None:
    engine = RayEngine(EngineArguments("digits"), actors=2)
    before = engine.pids()
    found: dict[int, Any] = {}
    try:
        for batch in engine.answer(many):
            if not found:
                os.kill(before[0], signal.SIGKILL)
            for number, answer in batch:
                assert number not in found
                found[number] = answer
        after = engine.pids()
    finally:
        engine.close()
    import ray

    assert {node["NodeManagerAddress"] for node in ray.nodes()} == {"127.0.0.1"}  # type: ignore[no-untyped-call]
    assert before[0] not in after
    assert before[1] in after
    assert texts(found) == texts(answers(LocalEngine(checkpoint), many))


def test_what_an_actor_cannot_load_is_said_here() -> None:
    with pytest.raises(CheckpointError, match="no/folder/here"):
        RayEngine(EngineArguments("no/folder/here"), actors=1)


def test_more_actors_than_there_is_room_for_are_refused() -> None:
    with pytest.raises(ArgumentError, match="actors=1000 don't fit"):
        RayEngine(EngineArguments("digits"), actors=1000)

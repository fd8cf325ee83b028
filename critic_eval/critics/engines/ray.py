"""The engine of many processes or machines: a pool of Ray actors, each with an engine of its own."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

from critic_eval.critics.engines.engine import Group, on_the_clock
from critic_eval.critics.engines.opening import EngineArguments, OpenEngine, open_engine
from critic_eval.critics.engines.orphans import reaped_children
from critic_eval.critics.generation import Answer
from critic_eval.errors import ArgumentError

REQUESTS_AT_A_TIME = 64
"""Requests of one task at most: enough to fill batches with, few enough to lose little when an actor dies."""
TRIES = 3
"""How often a group whose actor died is tried before its requests are called failed."""

_logger = logging.getLogger("critic_eval")


class RayEngine:
    """Answers with actors that load the critic once each; one that dies is started anew, and its task with it.

    Args:
        arguments: of each actor's engine.
        actors: how many; by default one for each GPU of the cluster, or two on CPUs.

    Raises:
        ArgumentError: Ray is not installed, or the cluster has no room for an actor.
    """

    def __init__(self, arguments: EngineArguments, actors: int | None = None) -> None:
        self._ray = _started_ray()
        self._arguments = _actors_arguments(self._ray, arguments)
        gpus = 1 if self._arguments.device.startswith("cuda") and not arguments.base_url else 0
        number, cpus = _places(self._ray.nodes(), actors, gpus)
        self._worker = self._ray.remote(num_gpus=gpus, num_cpus=cpus)(_Worker)
        self._actors = [self._worker.remote(self._arguments) for _ in range(number)]
        self.identity, self.signature = self._described()

    def answer(self, groups: Iterable[Group]) -> Iterator[list[tuple[int, Answer]]]:
        """Answer each request once, in the order in which tasks are done.

        Raises:
            CriticEvalError: what an actor's engine raises.
            ArgumentError: actors die as soon as they start.
        """
        return on_the_clock(self._answered(groups))

    def _answered(self, groups: Iterable[Group]) -> Iterator[list[tuple[int, Answer]]]:
        remaining = _Tasks(groups)
        starting = {actor.pid.remote(): actor for actor in self._actors}
        running: dict[Any, tuple[Any, _Task]] = {}
        idle: list[Any] = []
        deaths_at_start = 0
        while True:
            while idle and (task := remaining.next()) is not None:
                actor = idle.pop()
                running[actor.answer.remote(task.groups)] = (actor, task)
            if not running and not remaining.more():
                return
            # An actor is given a task once it is there: one that finds no place yet must not keep work from others.
            (done, *_), _ = self._ray.wait([*running, *starting], num_returns=1)
            actor, task = running.pop(done) if done in running else (starting.pop(done), None)
            try:
                answers = self._ray.get(done)
            except self._ray.exceptions.RayTaskError as error:
                raise (error.cause or error) from None
            except self._ray.exceptions.RayError as error:
                deaths_at_start = deaths_at_start + 1 if task is None else 0
                if deaths_at_start > TRIES:
                    raise ArgumentError(f"Actors die as soon as they start ({type(error).__name__}).") from error
                _logger.warning("an actor died (%s); what it did not finish runs again", type(error).__name__)
                actor = self._replaced(actor)
                starting[actor.pid.remote()] = actor
                if task is not None:
                    yield remaining.again(task)
                continue
            idle.append(actor)
            if task is not None:
                yield answers

    def pids(self) -> list[int]:
        """The actors' process ids."""
        return [int(pid) for pid in self._ray.get([actor.pid.remote() for actor in self._actors])]

    def close(self) -> None:
        """End the actors."""
        for actor in self._actors:
            self._ray.kill(actor)

    def _replaced(self, actor: Any) -> Any:
        self._actors.remove(actor)
        self._ray.kill(actor)
        self._actors.append(self._worker.remote(self._arguments))
        return self._actors[-1]

    def _described(self) -> tuple[dict[str, str], dict[str, str]]:
        try:
            described: tuple[dict[str, str], dict[str, str]] = self._ray.get(self._actors[0].describe.remote())
        except self._ray.exceptions.RayTaskError as error:
            self.close()
            raise (error.cause or error) from None
        except self._ray.exceptions.RayError as error:
            self.close()
            raise ArgumentError(f"An actor died while it loaded the critic ({type(error).__name__}).") from error
        return described


@dataclass(frozen=True)
class _Task:
    """Groups that are answered together, and how often they were tried before."""

    groups: tuple[Group, ...]
    tries: int = 0


class _Tasks:
    """The tasks of a run: first those that are to run again."""

    def __init__(self, groups: Iterable[Group]) -> None:
        self._groups = iter(groups)
        self._next_group = next(self._groups, None)
        self._again: list[_Task] = []

    def more(self) -> bool:
        """Whether there is another task."""
        return bool(self._again) or self._next_group is not None

    def next(self) -> _Task | None:
        """The next task, or None."""
        if self._again:
            return self._again.pop()
        taken: list[Group] = []
        while self._next_group is not None:
            if taken and sum(len(group.requests) for group in (*taken, self._next_group)) > REQUESTS_AT_A_TIME:
                break
            taken.append(self._next_group)
            self._next_group = next(self._groups, None)
        return _Task(tuple(taken)) if taken else None

    def again(self, task: _Task) -> list[tuple[int, Answer]]:
        """Run a task again whose actor died, group by group; gives the answers of what was tried often enough."""
        if task.tries + 1 < TRIES:
            self._again += [_Task((group,), task.tries + 1) for group in task.groups]
            return []
        error = f"its process died {TRIES} times"
        return [
            (request.number, Answer("", 0, 0, 0.0, error=error)) for group in task.groups for request in group.requests
        ]


class _Worker:
    """What an actor is: an engine that is opened once, by the first call, which can say what is wrong."""

    def __init__(self, arguments: EngineArguments) -> None:
        self._arguments = arguments
        self._opened: OpenEngine | None = None

    def describe(self) -> tuple[dict[str, str], dict[str, str]]:
        return dict(self._engine.identity), dict(self._engine.signature)

    def answer(self, groups: Sequence[Group]) -> list[tuple[int, Answer]]:
        return [answered for batch in self._engine.answer(groups) for answered in batch]

    @property
    def _engine(self) -> OpenEngine:
        if self._opened is None:
            self._opened = open_engine(self._arguments)
        return self._opened

    def pid(self) -> int:
        return os.getpid()


def _started_ray() -> Any:
    """Ray, connected to the cluster of `RAY_ADDRESS`, or started on this machine."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    is_cluster = bool(os.environ.get("RAY_ADDRESS"))
    if not is_cluster:
        # Ray's way to listen on the loopback address alone; it is read when Ray is imported.
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    try:
        import ray
    except ImportError as error:
        raise ArgumentError("engine=ray needs Ray: pip install 'critic-eval[ray]'.") from error
    if not ray.is_initialized():
        arguments: dict[str, Any] = {} if is_cluster else {"include_dashboard": False}
        with nullcontext() if is_cluster else reaped_children():  # a cluster of others goes on without us
            ray.init(log_to_driver=False, logging_level=logging.ERROR, **arguments)
    return ray


def _actors_arguments(ray: Any, arguments: EngineArguments) -> EngineArguments:
    """Each actor's arguments: it sees one GPU, if the cluster has any and none was ruled out, and some of the cores."""
    has_gpus = bool(ray.cluster_resources().get("GPU", 0))
    on_gpu = arguments.device.startswith("cuda") or (has_gpus and not arguments.device_is_given)
    if on_gpu and not has_gpus and not arguments.base_url:
        raise ArgumentError(f"device={arguments.device} was asked for, but the Ray cluster has no GPU; use device=cpu.")
    workers = arguments.workers if arguments.workers is not None else 2 if on_gpu else 0
    return replace(
        arguments, engine="local", device="cuda" if on_gpu else arguments.device, workers=workers, processes=1
    )


def _places(nodes: Sequence[Mapping[str, Any]], wanted: int | None, gpus: int) -> tuple[int, int]:
    """How many actors there are to be, and how many cores each takes, so that all find a place.

    Raises:
        ArgumentError: so many don't fit.

    >>> _places([{"Alive": True, "Resources": {"CPU": 4}}, {"Alive": True, "Resources": {"CPU": 2}}], 2, 0)
    (2, 2)
    """
    alive = [node["Resources"] for node in nodes if node["Alive"]]
    if gpus:
        room = sum(int(min(resources.get("GPU", 0), resources.get("CPU", 0))) for resources in alive)
        number, cores = wanted or room, [1]
    else:
        total = sum(int(resources.get("CPU", 0)) for resources in alive)
        number = wanted or min(2, total)
        room, cores = total, list(range(max(1, total // max(1, number)), 0, -1))
    for each in cores:
        if gpus or sum(int(resources.get("CPU", 0)) // each for resources in alive) >= number:
            break
    if not 1 <= number <= room:
        kind = "GPUs with a core" if gpus else "cores"
        raise ArgumentError(f"actors={number} don't fit: the Ray cluster has {room} {kind}.")
    return number, each

"""The engine of many processes or machines: a pool of Ray actors, each with an engine of its own."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from critic_eval.critics.engines.groups import Group
from critic_eval.critics.engines.opening import EngineArguments, OpenEngine, open_engine
from critic_eval.critics.generation import Answer
from critic_eval.errors import ArgumentError

REQUESTS_AT_A_TIME = 64
"""Requests of one task, about: enough to fill batches with, few enough to lose little when an actor dies."""
TRIES = 3
"""How often a task whose actor died is tried before its requests are called failed."""

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
        self._arguments = replace(arguments, engine="local", device=_device(self._ray, arguments))
        gpus = 1 if self._arguments.device.startswith("cuda") else 0
        number = actors or (int(self._ray.cluster_resources().get("GPU", 0)) if gpus else 2)
        cpus = 1 if gpus else max(1, int(self._ray.cluster_resources().get("CPU", 1)) // number)
        self._worker = self._ray.remote(num_gpus=gpus, num_cpus=cpus)(_Worker)
        self._actors = [self._worker.remote(self._arguments) for _ in range(number)]
        self.identity, self.signature = self._described()

    def answer(self, groups: Iterable[Group]) -> Iterator[tuple[int, Answer]]:
        """Answer each request once, in the order in which tasks are done.

        Raises:
            CriticEvalError: what an actor's engine raises.
        """
        remaining = iter(groups)
        again: list[_Task] = []
        running: dict[Any, tuple[Any, _Task]] = {}
        idle = list(self._actors)
        while True:
            while idle:
                task = again.pop() if again else _Task(_next_groups(remaining))
                if not task.groups:
                    break
                actor = idle.pop()
                running[actor.answer.remote(task.groups)] = (actor, task)
            if not running:
                return
            (done, *_), _ = self._ray.wait(list(running), num_returns=1)
            actor, task = running.pop(done)
            try:
                answers = self._ray.get(done)
            except self._ray.exceptions.RayTaskError as error:
                raise error.cause from None
            except self._ray.exceptions.RayActorError as error:
                _logger.warning("an actor died (%s); what it did not finish runs again", type(error).__name__)
                idle.append(self._replaced(actor))
                task = task.failed()
                if task.tries < TRIES:
                    again.append(task)
                else:
                    message = f"its process died {TRIES} times"
                    yield from ((one.number, Answer("", 0, 0, 0.0, error=message)) for one in task.requests)
                continue
            idle.append(actor)
            yield from answers

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
            raise error.cause from None
        return described


class _Task:
    """Groups that are answered together, and how often that failed."""

    def __init__(self, groups: Sequence[Group], tries: int = 0) -> None:
        self.groups, self.tries = tuple(groups), tries

    @property
    def requests(self) -> list[Any]:
        return [request for group in self.groups for request in group.requests]

    def failed(self) -> _Task:
        return _Task(self.groups, self.tries + 1)


class _Worker:
    """What an actor is: an engine that is opened once, by the first call, which can say what is wrong."""

    def __init__(self, arguments: EngineArguments) -> None:
        self._arguments = arguments
        self._opened: OpenEngine | None = None

    def describe(self) -> tuple[dict[str, str], dict[str, str]]:
        return dict(self._engine.identity), dict(self._engine.signature)

    def answer(self, groups: Sequence[Group]) -> list[tuple[int, Answer]]:
        return list(self._engine.answer(groups))

    @property
    def _engine(self) -> OpenEngine:
        if self._opened is None:
            self._opened = open_engine(self._arguments)
        return self._opened

    def pid(self) -> int:
        return os.getpid()


def _next_groups(remaining: Iterator[Group]) -> list[Group]:
    taken: list[Group] = []
    while sum(len(group.requests) for group in taken) < REQUESTS_AT_A_TIME:
        group = next(remaining, None)
        if group is None:
            break
        taken.append(group)
    return taken


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
        ray.init(log_to_driver=False, logging_level=logging.ERROR, **arguments)
    return ray


def _device(ray: Any, arguments: EngineArguments) -> str:
    """Where actors load: on a GPU if the cluster has any, unless something else was asked for."""
    if arguments.device != "cpu" or not ray.cluster_resources().get("GPU", 0):
        return arguments.device
    return "cuda"

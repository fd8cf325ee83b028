"""Processes that answer groups beside this one: copies of it that share its loaded model, with one thread each.

They are forked, as torch's own data loaders are on Linux: a copy is there at once, and weights are held once. Like
those, a copy must compute with one thread: OpenMP would wait in it for threads of this process that were not copied.
It ends when this process does.
"""

from __future__ import annotations

import multiprocessing
import pickle
import queue
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any

import torch

from critic_eval.critics.engines.engine import Group
from critic_eval.critics.engines.orphans import end_with_parent
from critic_eval.critics.generation import Answer
from critic_eval.errors import ArgumentError

Answered = list[tuple[int, Answer]]
AHEAD = 2
"""Tasks that a process is given: the one that it works on, and one to go on with."""


def can_fork() -> bool:
    """Whether a process that has threads can be copied: on Linux alone; macOS' own libraries forbid it."""
    return sys.platform == "linux"


class Processes:
    """Copies of this process that answer tasks; a task is some groups.

    Args:
        number: how many copies.
        answer: answers groups, batch by batch; it is called in the copies.
    """

    def __init__(self, number: int, answer: Callable[[Sequence[Group]], Iterable[Answered]]) -> None:
        context = multiprocessing.get_context("fork")
        self._held: dict[Connection, int] = {}
        self._cold: set[Connection] = set()
        self._processes: list[Any] = []
        for _ in range(number):
            ours, theirs = context.Pipe()
            process = context.Process(target=_work, args=(theirs, answer), daemon=True)
            with warnings.catch_warnings():
                # Python 3.12 warns of forks beside threads; a copy uses nothing that a thread could have left locked.
                warnings.simplefilter("ignore", DeprecationWarning)
                process.start()
            theirs.close()
            self._processes.append(process)
            self._held[ours] = 0
            self._cold.add(ours)

    @property
    def is_warm(self) -> bool:
        """Whether each has answered a task, of which the first is slow."""
        return not self._cold

    def feed(self, tasks: Iterator[list[Group]]) -> None:
        """Give tasks to processes that hold too few."""
        for _ in range(AHEAD):
            for connection, held in self._held.items():
                if held < AHEAD and (task := next(tasks, None)) is not None:
                    try:
                        connection.send(task)
                    except OSError as error:
                        raise self._died() from error
                    self._held[connection] += 1

    def ready(self) -> Iterator[Answered]:
        """What has been answered since; raises what an answer raised.

        Raises:
            ArgumentError: a process was killed.
        """
        yield from self._received(0.0)

    def rest(self) -> Iterator[Answered]:
        """Wait for all tasks that were given; raises as `ready`."""
        while any(self._held.values()):
            yield from self._received(None)

    def close(self) -> None:
        """End the processes."""
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.join()
        for connection in self._held:
            connection.close()

    def pids(self) -> list[int]:
        """Their process ids."""
        return [int(process.pid) for process in self._processes]

    def _received(self, seconds: float | None) -> Iterator[Answered]:
        for connection in wait([connection for connection, held in self._held.items() if held], seconds):
            assert isinstance(connection, Connection)
            try:
                answered = connection.recv()
            except (EOFError, OSError) as error:
                raise self._died() from error
            if isinstance(answered, BaseException):
                raise answered
            self._held[connection] -= 1
            self._cold.discard(connection)
            yield answered

    def _died(self) -> ArgumentError:
        for process in self._processes:
            process.join(0.2)
        codes = [process.exitcode for process in self._processes if process.exitcode]
        how = f" by signal {-codes[0]}" if codes and codes[0] < 0 else ""
        return ArgumentError(
            f"One of the processes that judge was ended from outside{how}, as happens where memory runs out; with "
            "processes=1 there is only one. Answers that came before are kept where there is a journal."
        )


def _work(connection: Connection, answer: Callable[[Sequence[Group]], Iterable[Answered]]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the one that was started ends these
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    end_with_parent()
    torch.set_num_threads(1)
    tasks: queue.SimpleQueue[list[Group] | None] = queue.SimpleQueue()
    # Tasks are taken as they come, so that neither side waits with a full pipe for the other to read.
    threading.Thread(target=_take, args=(connection, tasks), daemon=True).start()
    while (task := tasks.get()) is not None:
        try:
            answered: Any = [one for batch in answer(task) for one in batch]
        except Exception as error:
            answered = _sendable(error)
        connection.send(answered)


def _take(connection: Connection, tasks: queue.SimpleQueue[list[Group] | None]) -> None:
    try:
        while True:
            tasks.put(connection.recv())
    except (EOFError, OSError):
        tasks.put(None)


def _sendable(error: Exception) -> Exception:
    """An error as another process can be sent it."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        # What an error of somebody's own raises when it is pickled, or made again, may be anything.
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error

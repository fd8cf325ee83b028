"""The engine on a CPU: as many threads, or processes, as a trial on the first requests finds fastest."""

from __future__ import annotations

import itertools
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager

import torch
from tqdm import tqdm

from critic_eval.critics.checkpoints import Checkpoint
from critic_eval.critics.engines.engine import Group, on_the_clock
from critic_eval.critics.engines.local.cpus import allowed_cpus, busy_seconds
from critic_eval.critics.engines.local.engine import LocalEngine
from critic_eval.critics.engines.local.memory import token_budget
from critic_eval.critics.engines.local.processes import Answered, Processes, can_fork
from critic_eval.critics.engines.local.threads import GIVEN, Choice, Measured, beside_others, best, choices, told
from critic_eval.errors import ArgumentError

TASK_REQUESTS = 64
"""Requests of a task at least, as far as groups allow: enough to fill a batch."""
TRIED_TASKS = 5
"""Tasks of this process over which several processes are measured, once each has answered one."""


class CpuEngine(LocalEngine):
    """Answers with a checkpoint that is loaded on the CPU.

    What is tried answers requests of the plan, so that nothing is computed for the trial alone; a plan of a few tasks
    ends before there is anything to try. What transformers samples by itself depends on how requests are batched, and
    is left alone; our own draws depend on each request's seed only.

    Args:
        checkpoint: the critic.
        batch_size: see `LocalEngine`, as for what follows.
        max_batch_size: see there.
        share_prefixes: see there.
        workers: see there; processes that prepare can't be had beside processes that judge.
        threads: None to choose.
        processes: that judge, this one included, with one thread each where they are several; None to choose.

    Raises:
        ArgumentError: several processes are asked for that can't be had.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        batch_size: int | None = None,
        max_batch_size: int | None = None,
        share_prefixes: bool = True,
        workers: int = 0,
        threads: int | None = None,
        processes: int | None = 1,
    ) -> None:
        if (processes or 1) > 1 and (workers or not can_fork()):
            why = "exclude workers, which prepare images for one" if workers else "are only had on Linux"
            raise ArgumentError(f"processes={processes}: several processes that judge {why}; use processes=1.")
        if (processes or 1) > 1 and (threads or 1) > 1:
            raise ArgumentError(f"processes={processes} have one thread each; leave threads={threads} out.")
        super().__init__(checkpoint, batch_size, max_batch_size, share_prefixes, workers)
        if GIVEN in os.environ and threads is None:
            threads, processes = torch.get_num_threads(), processes or 1
        self._cpus = allowed_cpus()
        parameters = sum(parameter.numel() for parameter in checkpoint.model.parameters())
        several = None if processes is None and can_fork() and not workers else processes or 1
        self._choices = choices(self._cpus, parameters, threads, several)
        self._is_free = threads is None and self._choices[0].threads > 1

    def answer(self, groups: Iterable[Group]) -> Iterator[Answered]:
        """See `LocalEngine`; several processes give answers in the order in which they are done.

        Raises:
            ArgumentError: a process that judges was killed.
        """
        begin = self._choices[0]
        with _restored_threads():
            torch.set_num_threads(begin.threads)
            for independent, alike in itertools.groupby(groups, key=self._is_independent):
                if independent and begin.processes > 1:
                    yield from self._by_several(self._tasks(alike), begin, goes_on=lambda measured: True)
                elif independent and (self._is_free or len(self._choices) > 1):
                    yield from self._tried(self._tasks(alike))
                else:
                    yield from self._alone(alike)

    def _is_independent(self, group: Group) -> bool:
        """Whether answers don't depend on what else is in a batch."""
        return group.settings.is_greedy or self.shares_prefixes(group.settings)

    def _tried(self, tasks: Iterator[list[Group]]) -> Iterator[Answered]:
        """Begin with the first choice, try others on what comes next, and go on with the best."""
        begin, *others = self._choices
        measured: list[Measured] = []
        yield from self._alone(next(tasks, []))  # the first batch is slow, and measures nothing
        yield from self._measured(tasks, begin, measured)
        fewer = beside_others(begin, self._cpus, measured[0].busy) if measured and self._is_free else None
        if fewer is not None:
            yield from self._measured(tasks, fewer, measured)
        following = next(tasks, None)
        if following is None:
            return
        tasks = itertools.chain([following], tasks)
        for several in others if measured else []:

            def goes_on(tried: Measured) -> bool:
                measured.append(tried)
                is_best = best(measured) == tried
                if is_best:
                    _tell(told(tried, measured))
                return is_best

            yield from self._by_several(tasks, several, goes_on)
        chosen = best(measured).choice if measured else begin
        if chosen not in (begin, *others):
            _tell(told(best(measured), measured))
        torch.set_num_threads(chosen.threads)
        yield from self._alone(_joined(tasks))

    def _alone(self, groups: Iterable[Group]) -> Iterator[Answered]:
        return super().answer(groups)

    def _measured(self, tasks: Iterator[list[Group]], choice: Choice, measured: list[Measured]) -> Iterator[Answered]:
        """Answer a task with so many threads, and add how fast that was, if there is a task left."""
        torch.set_num_threads(choice.threads)
        meter = _Meter(choice)
        for batch in self._alone(next(tasks, [])):
            meter.add(batch)
            yield batch
        if meter.requests:
            measured.append(meter.measured())

    def _by_several(
        self, tasks: Iterator[list[Group]], choice: Choice, goes_on: Callable[[Measured], bool]
    ) -> Iterator[Answered]:
        """Answer tasks with several processes, this one among them, as long as what was measured says to go on."""
        return on_the_clock(self._beside(tasks, choice, goes_on))

    def _beside(
        self, tasks: Iterator[list[Group]], choice: Choice, goes_on: Callable[[Measured], bool]
    ) -> Iterator[Answered]:
        torch.set_num_threads(choice.threads)
        with self._memory_for(choice.processes), _pool(choice, self._alone) as pool:
            meter, measured_tasks = _Meter(choice), 0
            for task in _first_fed(tasks, pool):
                for batch in self._alone(task):
                    for answered in (batch, *pool.ready()):
                        meter.add(answered)
                        yield answered
                    pool.feed(tasks)
                if measured_tasks == 0 and pool.is_warm:
                    meter = _Meter(choice)  # from here on: as much is unfinished now as will be in the end
                measured_tasks += pool.is_warm
                if measured_tasks == TRIED_TASKS + 1 and not goes_on(meter.measured()):
                    break
            yield from pool.rest()

    @contextmanager
    def _memory_for(self, processes: int) -> Iterator[None]:
        """Inside it, batches leave room for as many of their size."""
        before = self._budget
        if before is not None:
            self._budget = min(before, token_budget(self.checkpoint.model, self._why_not_shared is None, processes))
        try:
            yield
        finally:
            self._budget = before

    def _tasks(self, groups: Iterable[Group]) -> Iterator[list[Group]]:
        """Groups in pieces that fill whole batches, as far as these are counted in requests."""
        most = self._limit * -(-TASK_REQUESTS // self._limit)
        task: list[Group] = []
        for group in groups:
            if task and sum(len(member.requests) for member in (*task, group)) > most:
                yield task
                task = []
            task.append(group)
        if task:
            yield task


def _first_fed(tasks: Iterator[list[Group]], pool: Processes) -> Iterator[list[Group]]:
    """Tasks for this process, of those that are left once the others have theirs."""
    while True:
        pool.feed(tasks)
        task = next(tasks, None)
        if task is None:
            return
        yield task


def _joined(tasks: Iterable[list[Group]]) -> Iterator[Group]:
    return (group for task in tasks for group in task)


class _Meter:
    """Measures a choice from when it is made."""

    def __init__(self, choice: Choice) -> None:
        self._choice, self._work, self.requests = choice, 0, 0
        self._start, self._others = time.perf_counter(), _seconds_of_others()

    def add(self, batch: Answered) -> None:
        """Count answers by their tokens, since prompts get shorter in the course of a plan."""
        self.requests += len(batch)
        self._work += sum(answer.input_tokens + answer.output_tokens for _, answer in batch)

    def measured(self) -> Measured:
        """How fast it was so far."""
        seconds = time.perf_counter() - self._start
        busy = (_seconds_of_others() - self._others) / seconds
        return Measured(self._choice, self._work / seconds, self.requests / seconds, busy)


def _seconds_of_others() -> float:
    """Seconds that the CPUs have been busy for others, of which only differences mean something."""
    own = os.times()
    return busy_seconds() - own.user - own.system


@contextmanager
def _pool(choice: Choice, answer: Callable[[Iterable[Group]], Iterable[Answered]]) -> Iterator[Processes]:
    with closing(Processes(choice.processes - 1, answer)) as pool:
        yield pool


@contextmanager
def _restored_threads() -> Iterator[None]:
    """Afterwards, torch has as many threads as before: their number is that of the whole process."""
    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _tell(text: str) -> None:
    """A line on standard error, above the bar over judgments."""
    tqdm.write(text, file=sys.stderr)

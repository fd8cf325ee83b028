"""One plan for several evaluations, so that what their requests share is computed once for all of them.

Each evaluation runs until it has said what it asks, and is left waiting there; then all that was asked is planned and
answered together, and they go on to their ends, one after the other. At no time do two of them run, though each has a
thread of its own to wait in. What a process keeps for whichever runs is for the evaluation to put back.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TypeAlias

from PIL import Image

from critic_eval.critics.answering import answer_plan
from critic_eval.critics.engines.opening import OpenEngine
from critic_eval.critics.generation import Answer
from critic_eval.critics.image_store import ImageStore
from critic_eval.critics.journal import Journal, RequestKeys
from critic_eval.critics.planning import Asked, Planner

Answers: TypeAlias = dict[int, Answer]


@dataclass(frozen=True)
class Wanted:
    """What an evaluation asks.

    Attributes:
        asked: its requests.
        keys: names them.
        images: gives the images of a request, by its index, read again.
        engine: answers them; the same for all that wait together.
    """

    asked: Iterable[Asked]
    keys: RequestKeys
    images: Callable[[int], list[Image.Image]]
    engine: OpenEngine


class OnePlan:
    """Evaluations whose requests are answered by one plan.

    Args:
        journal: keeps the answers of all.
    """

    def __init__(self, journal: Journal | None = None) -> None:
        self.journal = journal
        self._waiting: list[tuple[_Evaluation, Wanted]] = []
        self._running: _Evaluation | None = None

    def run(self, evaluations: Sequence[Callable[[], None]]) -> None:
        """Run evaluations, each of which asks by `answer` and deals with its own errors.

        Raises:
            BaseException: what no evaluation can deal with, such as KeyboardInterrupt; those that wait are left.
        """
        global _active
        _active = self
        try:
            for evaluation in evaluations:
                self._proceed(_Evaluation(evaluation))
            self._settle()
        finally:
            _active = None

    def answer(self, wanted: Wanted) -> Answers:
        """The answers to what an evaluation asks, by its requests' indices, once all others have asked.

        Raises:
            Exception: what answering raised, for every evaluation that was answered together.
        """
        return self._current().pause(wanted) or {}

    def settle_others(self) -> None:
        """Answer what waits, and let it end, before an evaluation goes on: the engine of the others is to be closed."""
        self._current().pause(None)

    def _current(self) -> _Evaluation:
        if self._running is None:
            raise RuntimeError("no evaluation runs that could ask")
        return self._running

    def _proceed(self, evaluation: _Evaluation, told: Answers | Exception | None = None) -> None:
        """Let an evaluation run until it waits for answers, or to its end."""
        self._running = evaluation
        wanted = evaluation.proceed(told)
        while wanted is None and not evaluation.has_ended:
            self._settle()
            self._running = evaluation
            wanted = evaluation.proceed(None)
        if wanted is not None:
            self._waiting.append((evaluation, wanted))

    def _settle(self) -> None:
        while self._waiting:
            waiting, self._waiting = self._waiting, []
            told: Sequence[Answers | Exception]
            try:
                told = _answered([wanted for _, wanted in waiting], self.journal)
            except Exception as error:
                told = [error] * len(waiting)
            for (evaluation, _), answers in zip(waiting, told, strict=True):
                self._proceed(evaluation, answers)


def active_plan() -> OnePlan | None:
    """The plan that the running evaluation is part of; None where it is answered by itself."""
    return _active


_active: OnePlan | None = None
_ENDED = object()


class _Evaluation:
    """A function in a thread of its own, which runs only while `proceed` waits for it."""

    def __init__(self, function: Callable[[], None]) -> None:
        self._said: SimpleQueue[object] = SimpleQueue()
        self._told: SimpleQueue[Answers | Exception | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, args=(function,), name="critic-eval-evaluation", daemon=True)
        self.has_ended = False

    def proceed(self, told: Answers | Exception | None) -> Wanted | None:
        """Start it, or tell it what it waits for; gives what it wants then, None where it ended or wants no answers."""
        if self._thread.ident is None:
            self._thread.start()
        else:
            self._told.put(told)
        said = self._said.get()
        if said is _ENDED:
            self._thread.join()
            self.has_ended = True
        return said if isinstance(said, Wanted) else None

    def pause(self, wanted: Wanted | None) -> Answers | None:
        """Wait, in its thread, until it is told something."""
        self._said.put(wanted)
        told = self._told.get()
        if isinstance(told, Exception):
            raise told
        return told

    def _run(self, function: Callable[[], None]) -> None:
        try:
            function()
        finally:
            self._said.put(_ENDED)


def _answered(wanted: Sequence[Wanted], journal: Journal | None) -> list[Answers | Exception]:
    """The answers to each, all planned and computed together; or why one can't be planned, which is its own affair."""
    planner, offsets, planned = Planner(journal), list[int](), list[int]()
    told: list[Answers | Exception] = [{} for _ in wanted]

    def reread(index: int) -> list[Image.Image]:
        place = bisect_right(offsets, index) - 1
        return wanted[planned[place]].images(index - offsets[place])

    images = ImageStore(reread)
    for number, each in enumerate(wanted):
        try:
            offset = planner.add(each.asked, each.keys, images.keep)
        except Exception as error:
            told[number] = error
            continue
        offsets.append(offset)
        planned.append(number)
    answers = answer_plan(planner.plan(), wanted[0].engine, images, journal)
    for index, answer in answers.items():
        place = bisect_right(offsets, index) - 1
        separate = told[planned[place]]
        if isinstance(separate, dict):
            separate[index - offsets[place]] = answer
    return told

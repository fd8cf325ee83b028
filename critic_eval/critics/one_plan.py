"""One plan for several evaluations, so that what their requests share is computed once for all of them.

Each evaluation runs until what it asks is planned, and is left waiting there; then all that was planned is answered
together, and they go on to their ends, one after the other. At no time do two of them run, though each has a thread of
its own to wait in. What a process keeps for whichever runs (a protocol, a card) is for the evaluation to put back: when
it goes on, and when images are read again.
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
Told: TypeAlias = Sequence[Answers] | Exception | None
"""What evaluations that were answered together are told: the answers to each, or why there are none."""


@dataclass(frozen=True)
class Wanted:
    """What an evaluation asks.

    Attributes:
        asked: its requests.
        keys: names them.
        images: gives the images of a request, by its index, read again, whatever another evaluation was asked with.
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
        self._batch = _Batch(journal)
        self._waiting: list[_Evaluation] = []
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
            CriticEvalError: a request can't be read or asked.
            Exception: what answering raised, for every evaluation that was answered together.
        """
        evaluation = self._current()
        place = self._batch.add(wanted)
        return (evaluation.pause(waits=True) or [])[place]

    def settle_others(self) -> None:
        """Answer what waits, and let it end, before an evaluation goes on: the engine of the others is to be closed."""
        self._current().pause(waits=False)

    def _current(self) -> _Evaluation:
        if self._running is None:
            raise RuntimeError("no evaluation runs that could ask")
        return self._running

    def _proceed(self, evaluation: _Evaluation, told: Told = None) -> None:
        """Let an evaluation run until it waits for answers, or to its end."""
        self._running = evaluation
        said = evaluation.proceed(told)
        while said is _OTHERS_FIRST:
            self._settle()
            self._running = evaluation
            said = evaluation.proceed(None)
        if said is _WAITS:
            self._waiting.append(evaluation)

    def _settle(self) -> None:
        while self._waiting:
            waiting, self._waiting = self._waiting, []
            batch, self._batch = self._batch, _Batch(self.journal)
            told: Told
            try:
                told = batch.answers()
            except Exception as error:
                told = error
            for evaluation in waiting:
                self._proceed(evaluation, told)


def active_plan() -> OnePlan | None:
    """The plan that the running evaluation is part of; None where it is answered by itself."""
    return _active


_active: OnePlan | None = None
_WAITS, _OTHERS_FIRST, _ENDED = object(), object(), object()
"""What an evaluation says as it stops: for answers, for the others to end, for good."""


class _Evaluation:
    """A function in a thread of its own, which runs only while `proceed` waits for it."""

    def __init__(self, function: Callable[[], None]) -> None:
        self._said: SimpleQueue[object] = SimpleQueue()
        self._told: SimpleQueue[Told] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, args=(function,), name="critic-eval-evaluation", daemon=True)

    def proceed(self, told: Told) -> object:
        """Start it, or tell it what it waits for; gives what it says as it stops again."""
        if self._thread.ident is None:
            self._thread.start()
        else:
            self._told.put(told)
        said = self._said.get()
        if said is _ENDED:
            self._thread.join()
        return said

    def pause(self, *, waits: bool) -> Sequence[Answers] | None:
        """Wait, in its thread, until it is told something: answers, or that the others have ended."""
        self._said.put(_WAITS if waits else _OTHERS_FIRST)
        told = self._told.get()
        if isinstance(told, Exception):
            raise told
        return told

    def _run(self, function: Callable[[], None]) -> None:
        try:
            function()
        finally:
            self._said.put(_ENDED)


class _Batch:
    """What evaluations asked that are answered together: planned as it comes, while each of them runs."""

    def __init__(self, journal: Journal | None) -> None:
        self._journal, self._planner = journal, Planner(journal)
        self._wanted: list[Wanted] = []
        self._offsets: list[int] = []
        self._images = ImageStore(self._reread)

    def add(self, wanted: Wanted) -> int:
        """Plan what an evaluation asks; gives its place. Raises CriticEvalError where a request can't be read."""
        offset = self._planner.add(wanted.asked, wanted.keys, self._images.keep)
        self._wanted.append(wanted)
        self._offsets.append(offset)
        return len(self._wanted) - 1

    def answers(self) -> list[Answers]:
        """The answers to each, by the indices of its own requests."""
        engine = self._wanted[0].engine
        separate: list[Answers] = [{} for _ in self._wanted]
        for index, answer in answer_plan(self._planner.plan(), engine, self._images, self._journal).items():
            place, own = self._own(index)
            separate[place][own] = answer
        return separate

    def _reread(self, index: int) -> list[Image.Image]:
        place, own = self._own(index)
        return self._wanted[place].images(own)

    def _own(self, index: int) -> tuple[int, int]:
        """Whose request it is, and its index there."""
        place = bisect_right(self._offsets, index) - 1
        return place, index - self._offsets[place]

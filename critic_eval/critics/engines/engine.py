"""What engines take: groups of requests that begin alike, with their images; and how each will be read."""

import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Protocol

from critic_eval.critics.conversations import Conversation
from critic_eval.critics.generation import Answer, GenerationSettings
from critic_eval.errors import ArgumentError
from critic_eval.judging import Reading


@dataclass(frozen=True)
class Request:
    """A request by its number in the plan, and how its answer will be read, where that matters.

    `seed` is what draws of its answer begin with: its own, so that they do not depend on other requests.
    """

    number: int
    conversation: Conversation
    reading: Reading | None = None
    seed: int = 0

    @property
    def read_as(self) -> Reading:
        """How its answer will be read. Raises ArgumentError where that is not known."""
        if self.reading is None:
            raise ArgumentError("A verdict alone can only be asked of critic-eval's own tasks.")
        return self.reading


@dataclass(frozen=True)
class Group:
    """Requests that share settings, and their images with all that comes before these; the likest are neighbors."""

    settings: GenerationSettings
    requests: tuple[Request, ...]


class Engine(Protocol):
    """Answers groups of requests."""

    def answer(self, groups: Iterable[Group]) -> Iterator[list[tuple[int, Answer]]]:
        """Answer each request once, in any order, as batches are done: numbers, and answers or why there are none."""
        ...

    def close(self) -> None:
        """Give back what it holds: processes, connections."""
        ...


def on_the_clock(batches: Iterator[list[tuple[int, Answer]]]) -> Iterator[list[tuple[int, Answer]]]:
    """Give answers that were computed side by side the time that went by since those before them, in equal shares.

    What each took by itself would add up to a multiple of the time that passed.
    """
    last = time.perf_counter()
    with closing(batches) as answered:  # type: ignore[type-var]
        for batch in answered:
            now = time.perf_counter()
            yield [(number, replace(answer, seconds=(now - last) / len(batch))) for number, answer in batch]
            last = now if batch else last

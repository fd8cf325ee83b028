"""Axes of the charts: the few categories into which labels and verdicts fall."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from critic_eval.judging import Label, Verdict

MOST_VALUES = 12
"""Scores with more distinct values than this are put into bins."""


@dataclass(frozen=True)
class Axis:
    """Categories by name, for values of one kind.

    Attributes:
        kind: of the values: score, scores, preference or ranking.
        names: of the categories, in their order.
        edges: of scores: where each category begins, and for bins also where the last ends; else empty.
    """

    kind: str
    names: tuple[str, ...]
    edges: tuple[float, ...] = ()

    def category(self, said: Label | Verdict | None) -> int:
        """The category of a value, -1 for what has none.

        >>> from critic_eval.judging import Preference
        >>> make_axis([Preference(0)]).category(Preference(None))
        2
        """
        if said is None or said.kind != self.kind:
            return -1
        value: Any = said.value
        if self.kind == "preference":
            return 2 if value is None else int(value)
        if self.kind == "ranking":
            return int(value[0])
        if self.kind == "scores":
            best = [index for index, number in enumerate(value) if number == max(value)]
            return best[0] if len(best) == 1 else len(self.names) - 1
        if len(self.edges) == len(self.names):
            return self.edges.index(float(value))
        return min(max(sum(float(value) >= edge for edge in self.edges) - 1, 0), len(self.names) - 1)

    def to_record(self) -> dict[str, Any]:
        """A dict that JSON can hold."""
        return {"kind": self.kind, "names": list(self.names)}


def make_axis(values: Sequence[Label | Verdict]) -> Axis:
    """The axis for values of one kind; of several, for the most frequent.

    >>> from critic_eval.judging import Score
    >>> make_axis([Score(1), Score(5)]).names
    ('1', '5')
    >>> make_axis([Score(value) for value in range(101)]).names[:2]
    ('0 to 10', '10 to 20')
    """
    if not values:
        return Axis("none", ())
    kind = Counter(verdict.kind for verdict in values).most_common(1)[0][0]
    fitting: list[Any] = [verdict.value for verdict in values if verdict.kind == kind]
    if kind == "preference":
        return Axis(kind, ("A", "B", "tie"))
    if kind in ("ranking", "scores"):
        letters = [chr(ord("A") + index) for index in range(max(len(value) for value in fitting))]
        if kind == "ranking":
            return Axis(kind, tuple(f"{letter} first" for letter in letters))
        return Axis(kind, (*(f"{letter} higher" for letter in letters), "equal"))
    distinct = sorted({float(value) for value in fitting})
    if len(distinct) <= MOST_VALUES:
        return Axis(kind, _named(distinct), tuple(distinct))
    return _bins(distinct[0], distinct[-1])


def _named(values: Sequence[float]) -> tuple[str, ...]:
    """Names in as few digits as tell the values apart."""
    names: tuple[str, ...] = ()
    for digits in (6, 9, 12, 17):
        names = tuple(f"{value:.{digits}g}" for value in values)
        if len(set(names)) == len(set(values)):
            break
    return names


def _bins(low: float, high: float) -> Axis:
    """About ten bins between round numbers; each holds its lower edge, the last also its upper."""
    width = (high - low) / 10
    if not 1e-300 < width < 1e300 or width <= 4 * math.ulp(max(abs(low), abs(high))):
        return Axis("score", ("all",), (low, high))  # no round numbers lie between
    power = 10.0 ** math.floor(math.log10(width))
    step = next(times * power for times in (1, 2, 2.5, 5, 10) if (high - low) / (times * power) <= MOST_VALUES - 1)
    first = math.floor(low / step)
    n = max(math.ceil(high / step) - first, 1)
    edges = tuple(float(f"{(first + index) * step:.15g}") for index in range(n + 1))
    return Axis("score", tuple(f"{a} to {b}" for a, b in pairwise(_named(edges))), edges)

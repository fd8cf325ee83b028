"""Many judgments by columns: a field is a list of its distinct values and, for each judgment, a place in that list.

A million judgments of scores from 1 to 5 need a few megabytes so, and what is asked of a verdict is worked out once
for each distinct one.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from critic_eval.judging import Judgment

Codes = NDArray[np.int32]


class Column(NamedTuple):
    """Distinct values, and for each judgment the place of its value among them."""

    codes: Codes
    values: list[Any]

    @classmethod
    def of(cls, values: Iterable[Any]) -> "Column":
        """From one value a judgment; values that can't be hashed count as distinct."""
        distinct = _Distinct()
        codes = np.fromiter(map(distinct.code, values), np.int32)
        return cls(codes, distinct.values)

    def sorted(self) -> "Column":
        """The same with the distinct texts in order, each once, so that equal texts have equal codes."""
        ordered = sorted(set(self.values))
        code = {value: index for index, value in enumerate(ordered)}
        moved = np.fromiter((code[value] for value in self.values), np.int32, len(self.values))
        return Column(moved[self.codes], ordered)


@dataclass(frozen=True)
class JudgmentColumns(Sequence[Judgment]):
    """Judgments, each of which is made when it is asked for. `item_id` and `cluster` are sorted (`Column.sorted`).

    >>> from critic_eval.judging import Score
    >>> columns = JudgmentColumns.of([Judgment("7", "A", Score(3), "", "aspect_score")])
    >>> columns[0].item_id
    '7'
    """

    columns: dict[str, Column]

    @classmethod
    def of(cls, judgments: Sequence[Judgment]) -> "JudgmentColumns":
        """Take judgments apart."""
        return cls({name: encoded(judgments, name) for name in _FIELDS})

    @classmethod
    def joined(cls, parts: Sequence["JudgmentColumns"]) -> "JudgmentColumns":
        """The judgments of all parts, one part after the other."""
        if len(parts) == 1:
            return parts[0]
        joined = {}
        for name in _FIELDS:
            distinct = _Distinct()
            moved = [
                np.array([distinct.code(value) for value in part.columns[name].values], np.int32)[
                    part.columns[name].codes
                ]
                for part in parts
            ]
            column = Column(np.concatenate(moved), distinct.values)
            joined[name] = column.sorted() if name == "item_id" else column
        return cls(joined)

    def __len__(self) -> int:
        return len(self.columns["item_id"].codes)

    @overload
    def __getitem__(self, index: int) -> Judgment: ...
    @overload
    def __getitem__(self, index: slice) -> "JudgmentColumns": ...
    def __getitem__(self, index: int | slice) -> "Judgment | JudgmentColumns":
        if isinstance(index, slice):
            return self.take(np.arange(len(self))[index])
        return Judgment(**{name: values[codes[index]] for name, (codes, values) in self.columns.items()})

    def __iter__(self) -> Iterator[Judgment]:
        return map(self.__getitem__, range(len(self)))

    def take(self, rows: NDArray[Any]) -> "JudgmentColumns":
        """The judgments at these places, or where this is true."""
        n = int(rows.sum()) if rows.dtype == bool else len(rows)
        # Most columns have one value only.
        return JudgmentColumns(
            {
                name: Column(codes[rows] if len(values) > 1 else np.zeros(n, np.int32), values)
                for name, (codes, values) in self.columns.items()
            }
        )

    def replaced(self, **columns: Column) -> "JudgmentColumns":
        """The same with other columns."""
        return JudgmentColumns({**self.columns, **columns})


def encoded(judgments: Sequence[Judgment], name: str) -> Column:
    """One field of judgments as a column."""
    if isinstance(judgments, JudgmentColumns):
        return judgments.columns[name]
    column = Column.of(map(attrgetter(name), judgments))
    return column.sorted() if name == "item_id" else column


def by_group(judgments: Sequence[Judgment]) -> dict[str, Sequence[Judgment]]:
    """The judgments of each group, those without one left out, in the order of the groups' names."""
    if isinstance(judgments, JudgmentColumns):
        codes, values = judgments.columns["group"]
        ordered = np.argsort(codes, kind="stable")
        starts = np.searchsorted(codes[ordered], np.arange(len(values) + 1))
        rows = {value: ordered[starts[code] : starts[code + 1]] for code, value in enumerate(values) if value}
        return {group: judgments.take(rows[group]) for group in sorted(rows) if len(rows[group])}
    of_group: dict[str, list[Judgment]] = {}
    for judgment in judgments:
        if judgment.group:
            of_group.setdefault(judgment.group, []).append(judgment)
    return {group: of_group[group] for group in sorted(of_group)}


def counts_by_reason(verdicts: Column) -> dict[str, int]:
    """How many verdicts are invalid, by reason, in the order in which they come."""
    by_reason: dict[str, int] = {}
    for verdict, times in counts(verdicts):
        if not verdict.is_valid:
            by_reason[verdict.reason or ""] = by_reason.get(verdict.reason or "", 0) + times
    return by_reason


def counts(column: Column) -> list[tuple[Any, int]]:
    """Each value that occurs and how often it does, in the order in which they first do.

    >>> counts(Column.of("banana"))
    [('b', 1), ('a', 3), ('n', 2)]
    """
    codes, first, times = np.unique(column.codes, return_index=True, return_counts=True)
    ordered = np.argsort(first)
    return [(column.values[codes[row]], int(times[row])) for row in ordered]


_FIELDS = tuple(field.name for field in fields(Judgment))


class _Distinct:
    """Gives each distinct value a code, its index among them."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._known: dict[Any, int] = {}

    def code(self, value: Any) -> int:
        try:
            known = self._known.get(value)
        except TypeError:
            known = None
            self.values.append(value)
            return len(self.values) - 1
        if known is None:
            known = self._known[value] = len(self.values)
            self.values.append(value)
        return known

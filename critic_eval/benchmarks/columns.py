"""A reader made of a mapping: which column holds which part of an item."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from critic_eval.benchmarks.loading.cases import Case, UnusableError, responses_of
from critic_eval.benchmarks.loading.inside import short
from critic_eval.benchmarks.loading.sources import DataSource
from critic_eval.benchmarks.loading.tables import Row
from critic_eval.errors import ArgumentError
from critic_eval.judging import Item, Label, LabelKind, Preference, Ranking, Score


@dataclass(frozen=True)
class LabelColumn:
    """Where an item's label stands, and what its values mean.

    Attributes:
        names: columns, of which the first with a value is read.
        verdicts: of pairs, what each value says: 0 or 1, the better response, or None for a tie. Other values are
            unusable.
        scale: of scores, the least and the greatest.
    """

    names: tuple[str, ...]
    verdicts: Mapping[str, int | None] = field(default_factory=lambda: {"A": 0, "B": 1, "tie": None})
    scale: tuple[float, float] = (0.0, 100.0)


@dataclass(frozen=True)
class ItemColumns:
    """The columns of an item's parts; a name with dots leads into records and lists (`answer.text`, `turns.0.value`).

    Attributes:
        id: what the item is called.
        question: what was asked.
        responses: a column for each response, or one that holds a list of them.
        models: who wrote each response, likewise; may be empty.
        images: of an image, or a list of them; may be empty.
        label: see `LabelColumn`; None where there is none.
        group, cluster, reference, rubric, context: of the fields of `Item` that have these names.
    """

    id: str
    question: str
    responses: tuple[str, ...]
    models: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    label: LabelColumn | None = None
    group: str | None = None
    cluster: str | None = None
    reference: str | None = None
    rubric: str | None = None
    context: str | None = None

    @property
    def needed(self) -> tuple[str, ...]:
        """The columns that a row must have."""
        return tuple(dict.fromkeys(_top(name) for name in (self.id, self.question, *self.responses)))


@dataclass(frozen=True)
class ColumnReader:
    """Reads the item that a row is (see `loading.cases.Reader`)."""

    columns: ItemColumns
    kind: LabelKind

    def __call__(self, row: Row, source: DataSource) -> Iterator[Case]:
        """One case. Raises UnusableError for a part that is missing or unfit; names the column."""
        columns = self.columns
        responses = responses_of(_listed(row, columns.responses), _listed(row, columns.models))
        images = [image for value in _listed(row, columns.images) for image in source.locate(value)]
        item = Item(
            _text(row, columns.id),
            _text(row, columns.question),
            responses,
            tuple(images),
            reference=_optional(row, columns.reference),
            rubric=_optional(row, columns.rubric),
            group=_optional(row, columns.group),
            cluster=_optional(row, columns.cluster),
            context=_optional(row, columns.context),
        )
        yield Case(item, self._label(row, len(responses)))

    def _label(self, row: Row, n_responses: int) -> Label | None:
        column = self.columns.label
        if column is None:
            return None
        name = next((name for name in column.names if _value(row, name) is not None), None)
        if name is None:
            return None
        value = _value(row, name)
        if self.kind == "score":
            return Score(_number(value, name, column.scale))
        if self.kind == "preference":
            text = str(value).strip()
            if text not in column.verdicts:
                raise UnusableError(f"{name} is {short(text)}, none of {', '.join(map(repr, column.verdicts))}")
            return Preference(column.verdicts[text])
        return _ranking(value, name, n_responses)


def _ranking(value: Any, name: str, n_responses: int) -> Label:
    """A ranking by letters, best first: `CAB`, or a list of them."""
    letters = "".join(map(str, value)) if isinstance(value, Sequence) else str(value)
    try:
        label = Ranking([ord(letter) - ord("A") for letter in letters])
    except ArgumentError:
        label = None
    if label is None or len(letters) != n_responses:
        raise UnusableError(f"{name} is {short(letters)}, not a ranking of {n_responses} responses such as 'BA'")
    return label


def _number(value: Any, name: str, scale: tuple[float, float]) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise UnusableError(f"{name} is not a number") from None
    low, high = scale
    if not low <= number <= high:
        raise UnusableError(f"{name} is outside {low:g} to {high:g}")
    return number


def _value(row: Row, name: str) -> Any:
    """A column's value, None for an empty one."""
    value = _at(row, name)
    return None if value is None or (isinstance(value, str) and not value.strip()) else value


def _at(value: Any, name: str) -> Any:
    """What a name with dots leads to, through records by their keys and lists by their indices; None for nothing.

    >>> _at({"turns": [{"value": "Why?"}]}, "turns.0.value"), _at({"a.b": 1}, "a.b"), _at({"turns": []}, "turns.0")
    ('Why?', 1, None)
    """
    if isinstance(value, Mapping) and name in value:
        return value[name]
    first, _, rest = name.partition(".")
    if isinstance(value, Mapping):
        inner = value.get(first)
        return _at(inner, rest) if rest else inner
    if isinstance(value, list | tuple) and first.isdigit() and int(first) < len(value):
        return _at(value[int(first)], rest) if rest else value[int(first)]
    return None


def _text(row: Row, name: str) -> str:
    value = _value(row, name)
    if not isinstance(value, str | int | float):
        raise UnusableError(f"{name} is {'empty' if value is None else 'not text'}")
    return str(value)


def _optional(row: Row, name: str | None) -> str | None:
    return None if name is None or _value(row, name) is None else _text(row, name)


def _listed(row: Row, names: Sequence[str]) -> list[Any]:
    """The values of some columns, or the list that a single one holds."""
    if len(names) == 1:
        value = _value(row, names[0])
        return list(value) if isinstance(value, list | tuple) else [] if value is None else [value]
    return [_value(row, name) for name in names]


def _top(name: str) -> str:
    return name.partition(".")[0]

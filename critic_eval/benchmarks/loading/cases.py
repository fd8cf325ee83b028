"""What a loader makes of a row: the items that it holds, with their labels, and what it can't use and why."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from critic_eval.benchmarks.loading.tables import Row
from critic_eval.errors import ArgumentError
from critic_eval.judging import Item, Label, Response


@dataclass(frozen=True)
class Case:
    """An item to judge, its label, and its protocol where that is not its task's."""

    item: Item
    label: Label | None = None
    protocol: str | None = None


@dataclass(frozen=True)
class LeftOut:
    """A row, or a part of one, that can't be judged; `reason` is counted in the results."""

    reason: str


class UnusableError(ArgumentError):
    """Raised inside a reader: the row is left out for this reason."""


Reader = Callable[[Row, Any], Iterable[Case | LeftOut]]
"""From a row, and the source that knows its files, to its cases.

A reader may raise UnusableError, or ArgumentError for an unfit value.
"""


def read_cases(read: Callable[[Row], Iterable[Case | LeftOut]], row: Row) -> list[Case | LeftOut]:
    """All cases of a row; an error in the row itself ends them and is the last one's reason."""
    cases: list[Case | LeftOut] = []
    try:
        cases.extend(case if isinstance(case, LeftOut) else _writable(case) for case in read(row))
    except ArgumentError as error:
        cases.append(LeftOut(str(error)))
    except KeyError as error:
        cases.append(LeftOut(f"it lacks {error.args[0]}"))
    except (TypeError, AttributeError, IndexError) as error:
        cases.append(LeftOut(f"a column is of an unexpected type ({type(error).__name__})"))
    return cases


def holds_half_character(item: Item) -> bool:
    """Whether a text of an item can't be written: half a character, which a broken escape in JSON leaves."""
    authors = [response.model or "" for response in item.responses]
    others = [item.id, item.group or "", item.cluster or "", item.reference or "", item.rubric or "", *authors]
    try:
        for text in (item.question, item.context or "", *(response.text for response in item.responses), *others):
            text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _writable(case: Case) -> Case | LeftOut:
    return LeftOut("a text holds half a character (a lone surrogate)") if holds_half_character(case.item) else case


def case_of(build: Callable[[], Case]) -> Case | LeftOut:
    """One case of a row that holds several: if it can't be used, the others still can."""
    try:
        return build()
    except ArgumentError as error:
        return LeftOut(str(error))


def optional_text(row: Row, name: str) -> str | None:
    """A column as text, a number among them; None where it is absent or empty."""
    value = row.get(name)
    return None if value is None or value == "" else str(value)


def text_of(row: Row, *names: str) -> str:
    """The first of these columns that the row has, as text. Raises UnusableError where it is empty or no text."""
    name = next((name for name in names if row.get(name) is not None), names[0])
    value = row.get(name)
    if not isinstance(value, str) or not value.strip():
        raise UnusableError(f"{name} is {'not text' if value is not None and not isinstance(value, str) else 'empty'}")
    return value


def number_of(row: Row, name: str, low: float, high: float) -> float:
    """A column as a number; raises UnusableError unless it is one from low to high."""
    try:
        value = float(row[name])
    except (TypeError, ValueError, KeyError):
        raise UnusableError(f"{name} is not a number") from None
    if not low <= value <= high:
        raise UnusableError(f"{name} is outside {low:g} to {high:g}")
    return value


def responses_of(texts: Iterable[Any], models: Iterable[Any] = ()) -> tuple[Response, ...]:
    """Responses from texts, with who wrote them. Raises UnusableError for one that is empty."""
    authors = [str(model) if model is not None else None for model in models]
    responses = []
    for index, text in enumerate(texts):
        if not isinstance(text, str) or not text.strip():
            raise UnusableError("a response is empty")
        responses.append(Response(text, authors[index] if index < len(authors) else None))
    return tuple(responses)

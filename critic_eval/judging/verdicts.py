"""What a critic said of an item (`Verdict`) and what people or a reference judge said of it (`Label`)."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeAlias

from critic_eval.errors import ArgumentError

LabelKind = Literal["score", "preference", "ranking"]
VerdictKind = Literal["score", "scores", "preference", "ranking", "invalid"]

NOTHING = "no verdict found"
CONTRADICTORY = "contradictory verdicts"
"""Reasons of an invalid verdict that more than one reader gives."""


class _Valid:
    """What all verdicts but the invalid one share."""

    is_valid: ClassVar[bool] = True
    reason: ClassVar[None] = None


@dataclass(frozen=True)
class Score(_Valid):
    """One number for one response. Raises ArgumentError unless it is finite.

    >>> Score(4).to_record()
    {'kind': 'score', 'value': 4.0}
    """

    value: float
    kind: ClassVar[Literal["score"]] = "score"

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", _finite(self.value))

    def to_record(self) -> dict[str, Any]:
        """A dict that JSON can hold."""
        return {"kind": self.kind, "value": self.value}


@dataclass(frozen=True)
class Scores(_Valid):
    """One number for each response, as two-score reviews give. Raises ArgumentError unless all are finite."""

    value: tuple[float, ...]
    kind: ClassVar[Literal["scores"]] = "scores"

    def __init__(self, value: Sequence[float]) -> None:
        object.__setattr__(self, "value", tuple(_finite(number) for number in value))

    def to_record(self) -> dict[str, Any]:
        """A dict that JSON can hold."""
        return {"kind": self.kind, "value": list(self.value)}


@dataclass(frozen=True)
class Preference(_Valid):
    """The index (0 or 1) of the better of two responses, or None for a tie. Raises ArgumentError for anything else.

    Its strength is 2 where the critic says "much better", else 1; only figures that weigh it look at it.

    >>> Preference(None).value is None, Preference(1).value
    (True, 1)
    """

    value: Literal[0, 1] | None
    strength: int
    kind: ClassVar[Literal["preference"]] = "preference"

    def __init__(self, value: int | None, strength: int = 1) -> None:
        if strength not in (1, 2) or (value is None and strength != 1):
            raise ArgumentError(f"A preference's strength is 1 or 2, and a tie's is 1; not {strength!r}.")
        object.__setattr__(self, "value", _better(value))
        object.__setattr__(self, "strength", strength)

    def to_record(self) -> dict[str, Any]:
        """A dict that JSON can hold."""
        return {"kind": self.kind, "value": self.value, **({"strength": self.strength} if self.strength != 1 else {})}


@dataclass(frozen=True)
class Ranking(_Valid):
    """The responses' indices, best first. Raises ArgumentError unless they are a permutation of 0 to n - 1.

    >>> Ranking((1, 0)).to_record()
    {'kind': 'ranking', 'value': [1, 0]}
    """

    value: tuple[int, ...]
    kind: ClassVar[Literal["ranking"]] = "ranking"

    def __init__(self, value: Sequence[int]) -> None:
        object.__setattr__(self, "value", _permutation(value))

    def to_record(self) -> dict[str, Any]:
        """A dict that JSON can hold."""
        return {"kind": self.kind, "value": list(self.value)}


@dataclass(frozen=True)
class Invalid:
    """No verdict could be read, and why. Raises ArgumentError for an empty reason.

    >>> Invalid("empty answer").is_valid
    False
    """

    reason: str
    kind: ClassVar[Literal["invalid"]] = "invalid"
    value: ClassVar[None] = None
    is_valid: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not self.reason:
            raise ArgumentError("An invalid verdict needs a reason.")

    def to_record(self) -> dict[str, Any]:
        """A dict that JSON can hold."""
        return {"kind": self.kind, "reason": self.reason}


Verdict: TypeAlias = Score | Scores | Preference | Ranking | Invalid
"""A critic's statement on an item, or the reason why there is none; read with `match`, or by `kind`."""
Label: TypeAlias = Score | Preference | Ranking
"""The truth about an item, in the data set's own order of its responses."""


Value: TypeAlias = float | tuple[float, ...] | tuple[int, ...] | None
"""What a verdict or a label says, without what kind of statement it is."""


def read_verdict(record: Mapping[str, Any]) -> Verdict:
    """The inverse of `to_record`. Raises ArgumentError for an unknown kind or an unfit value."""
    kind, value = record.get("kind"), record.get("value")
    if kind == "invalid":
        return Invalid(str(record.get("reason") or ""))
    if kind == "scores":
        return Scores(value or ())
    if kind == "preference":
        return Preference(value, record.get("strength", 1))
    return read_label(record)


def read_label(record: Mapping[str, Any]) -> Label:
    """The inverse of a label's `to_record`. Raises ArgumentError for an unknown kind or an unfit value."""
    return label_of(record.get("kind"), record.get("value"))


def label_of(kind: object, value: Any) -> Label:
    """A label of a kind, from its value. Raises ArgumentError for an unknown kind or an unfit value."""
    if kind == "score":
        return Score(value)
    if kind == "preference":
        return Preference(value)
    if kind == "ranking":
        return Ranking(value or ())
    raise ArgumentError(f"A label or verdict is of kind score, preference or ranking, not {kind!r}.")


def verdict_text(said: Verdict) -> str:
    """A verdict or a label in as few characters as tell it.

    >>> verdict_text(Preference(None)), verdict_text(Ranking((2, 0, 1))), verdict_text(Score(4))
    ('tie', 'CAB', '4')
    >>> verdict_text(Scores((7, 8.5)))
    '7, 8.5'
    """
    match said:
        case Score(value):
            return f"{value:g}"
        case Scores(values):
            return ", ".join(f"{value:g}" for value in values)
        case Preference(better):
            return "tie" if better is None else "AB"[better]
        case Ranking(best_first):
            return "".join(chr(ord("A") + index) for index in best_first)
        case Invalid():
            return "invalid"


def _finite(value: float) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise ArgumentError(f"A score must be a number, not {value!r}.") from error
    if not math.isfinite(number):
        raise ArgumentError(f"A score must be finite, not {number}.")
    return number


def _better(better: int | None) -> Literal[0, 1] | None:
    if better is None:
        return None
    index = _index(better)
    if index not in (0, 1):
        raise ArgumentError(f"A preference names response 0 or 1, or None for a tie, not {better!r}.")
    return 1 if index else 0


def _permutation(best_first: Sequence[int]) -> tuple[int, ...]:
    indices = tuple(_index(value) for value in best_first)
    if len(indices) < 2 or sorted(indices) != list(range(len(indices))):
        raise ArgumentError(f"A ranking names each of at least two responses once, counted from 0, not {indices}.")
    return indices


def _index(value: int) -> int:
    try:
        return operator.index(value)  # numpy's integers become int, so that a record equals its round trip
    except TypeError as error:
        raise ArgumentError(f"A response is named by a whole number, not {value!r}.") from error

"""What a critic said of an item (`Verdict`) and what people or a reference judge said of it (`Label`)."""

import math
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from critic_eval.errors import ArgumentError

LabelKind = Literal["score", "preference", "ranking"]
VerdictKind = Literal["score", "scores", "preference", "ranking", "invalid"]
Value = float | int | tuple[int, ...] | tuple[float, ...] | None

NOTHING = "no verdict found"
CONTRADICTORY = "contradictory verdicts"
"""Reasons of an invalid verdict that more than one reader gives."""


@dataclass(frozen=True)
class Verdict:
    """A critic's statement on an item, or the reason why there is none. Make one with the class methods.

    The value is a float (`score`), one float a response (`scores`), the index of the better response or None for a
    tie (`preference`), the responses' indices from best to worst (`ranking`), or None (`invalid`). A preference's
    strength is 2 where the critic says "much better", else 1; only figures that weigh it look at it.

    >>> Verdict.preference(1).value
    1
    >>> Verdict.invalid("empty answer").is_valid
    False
    """

    kind: VerdictKind
    value: Value = None
    reason: str | None = None
    strength: int = 1

    @classmethod
    def score(cls, value: float) -> "Verdict":
        """One number for one response. Raises ArgumentError unless it is finite."""
        return cls("score", _finite(value))

    @classmethod
    def scores(cls, values: Sequence[float]) -> "Verdict":
        """One number for each response, as two-score reviews give. Raises ArgumentError unless all are finite."""
        return cls("scores", tuple(_finite(value) for value in values))

    @classmethod
    def preference(cls, better: int | None, strength: int = 1) -> "Verdict":
        """The index (0 or 1) of the better of two responses, or None for a tie; its strength. Raises ArgumentError."""
        if strength not in (1, 2) or (better is None and strength != 1):
            raise ArgumentError(f"A preference's strength is 1 or 2, and a tie's is 1; not {strength!r}.")
        return cls("preference", _better(better), strength=strength)

    @classmethod
    def ranking(cls, best_first: Sequence[int]) -> "Verdict":
        """The responses' indices, best first. Raises ArgumentError unless they are a permutation of 0 to n - 1."""
        return cls("ranking", _permutation(best_first))

    @classmethod
    def invalid(cls, reason: str) -> "Verdict":
        """No verdict could be read, and why. Raises ArgumentError for an empty reason."""
        if not reason:
            raise ArgumentError("An invalid verdict needs a reason.")
        return cls("invalid", None, reason)

    @property
    def is_valid(self) -> bool:
        """Whether there is a value to measure."""
        return self.kind != "invalid"

    def to_record(self) -> dict[str, Any]:
        """A dict that JSON can hold.

        >>> Verdict.ranking((1, 0)).to_record()
        {'kind': 'ranking', 'value': [1, 0]}
        """
        if not self.is_valid:
            return {"kind": self.kind, "reason": self.reason}
        value = list(self.value) if isinstance(self.value, tuple) else self.value
        return {"kind": self.kind, "value": value, **({"strength": self.strength} if self.strength != 1 else {})}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "Verdict":
        """The inverse of `to_record`. Raises ArgumentError for an unknown kind or an unfit value."""
        if record.get("kind") == "invalid":
            return cls.invalid(str(record.get("reason") or ""))
        if record.get("kind") == "scores":
            return cls.scores(record.get("value") or ())
        if record.get("kind") == "preference":
            return cls.preference(record.get("value"), record.get("strength", 1))
        label = Label.from_record(record)
        return cls(label.kind, label.value)


@dataclass(frozen=True)
class Label:
    """The truth about an item, in the data set's own order of its responses. Make one with the class methods.

    >>> Label.ranking((2, 0, 1)).value
    (2, 0, 1)
    """

    kind: LabelKind
    value: Value

    @classmethod
    def score(cls, value: float) -> "Label":
        """What the one response deserves. Raises ArgumentError unless it is finite."""
        return cls("score", _finite(value))

    @classmethod
    def preference(cls, better: int | None) -> "Label":
        """The index (0 or 1) of the better of two responses, or None for a tie. Raises ArgumentError."""
        return cls("preference", _better(better))

    @classmethod
    def ranking(cls, best_first: Sequence[int]) -> "Label":
        """The responses' indices, best first. Raises ArgumentError unless they are a permutation of 0 to n - 1."""
        return cls("ranking", _permutation(best_first))

    def to_record(self) -> dict[str, Any]:
        """A dict that JSON can hold.

        >>> Label.score(4).to_record()
        {'kind': 'score', 'value': 4.0}
        """
        return {"kind": self.kind, "value": list(self.value) if isinstance(self.value, tuple) else self.value}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "Label":
        """The inverse of `to_record`. Raises ArgumentError for an unknown kind or an unfit value."""
        kind, value = record.get("kind"), record.get("value")
        if kind == "score":
            return cls.score(value)  # type: ignore[arg-type]  # checked by the constructor
        if kind == "preference":
            return cls.preference(value)
        if kind == "ranking":
            return cls.ranking(value or ())
        raise ArgumentError(f"A label or verdict is of kind score, preference or ranking, not {kind!r}.")


def verdict_text(said: Verdict | Label) -> str:
    """A verdict or a label in as few characters as tell it.

    >>> verdict_text(Verdict.preference(None)), verdict_text(Verdict.ranking((2, 0, 1))), verdict_text(Label.score(4))
    ('tie', 'CAB', '4')
    >>> verdict_text(Verdict.scores((7, 8.5)))
    '7, 8.5'
    """
    if said.kind == "invalid":
        return "invalid"
    if said.kind == "preference":
        return {0: "A", 1: "B", None: "tie"}[said.value]  # type: ignore[index]
    if isinstance(said.value, tuple):
        if said.kind == "scores":
            return ", ".join(f"{value:g}" for value in said.value)
        return "".join(chr(ord("A") + int(index)) for index in said.value)
    return f"{said.value:g}"


def _finite(value: float) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise ArgumentError(f"A score must be a number, not {value!r}.") from error
    if not math.isfinite(number):
        raise ArgumentError(f"A score must be finite, not {number}.")
    return number


def _better(better: int | None) -> int | None:
    if better is None:
        return None
    if (index := _index(better)) not in (0, 1):
        raise ArgumentError(f"A preference names response 0 or 1, or None for a tie, not {better!r}.")
    return index


def _permutation(best_first: Sequence[int]) -> tuple[int, ...]:
    found = tuple(_index(value) for value in best_first)
    if len(found) < 2 or sorted(found) != list(range(len(found))):
        raise ArgumentError(f"A ranking names each of at least two responses once, counted from 0, not {found}.")
    return found


def _index(value: int) -> int:
    try:
        return operator.index(value)  # numpy's integers become int, so that a record equals its round trip
    except TypeError as error:
        raise ArgumentError(f"A response is named by a whole number, not {value!r}.") from error

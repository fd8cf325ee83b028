"""Judgments from files that anybody may have written: every part is of the type and size that it is for us."""

import math
from collections.abc import Mapping
from typing import Any

from critic_eval.errors import ArgumentError
from critic_eval.judging.judgments import Judgment
from critic_eval.judging.orders import canonical_indices
from critic_eval.judging.verdicts import Label, LabelKind, Verdict

LARGEST_SCORE = 1e9
"""What is beyond is no score of a judge, and its square would end all statistics."""
LARGEST = 1 << 40
"""What is beyond is no number of characters, and no time."""


def logged_judgment(record: Mapping[str, Any], kind: LabelKind | None = None) -> Judgment:
    """A judgment as `Judgment.to_record` wrote it.

    Args:
        record: what a samples file holds.
        kind: of the verdict and the label, if that is known; two `scores` count as a score.

    Raises:
        ArgumentError: a part is missing or unfit; names it.

    >>> said = Judgment("7", "BA", Verdict.preference(1), "The better response: [first]", "llava_critic_pair")
    >>> logged_judgment(said.to_record(), "preference") == said
    True
    """
    _check_values(record)
    try:
        found = Judgment.from_record({**record, "item_id": _name(record, "item_id"), **_names(record)})
    except ArgumentError:
        raise
    except (TypeError, ValueError, LookupError, AttributeError, OverflowError) as error:
        raise ArgumentError(f"A judgment's record is malformed ({type(error).__name__}).") from error
    _check_texts(found)
    _check_numbers(found)
    _check_said("verdict", found.verdict, found.order, kind)
    if found.label is not None:
        _check_said("label", found.label, found.order, kind)
    return found


def _name(record: Mapping[str, Any], name: str) -> str:
    """A name that may also be a whole number."""
    value = record.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ArgumentError(f"The {name} is {'missing' if value is None else 'neither text nor a whole number'}.")
    try:
        return str(value)
    except ValueError as error:  # a number of thousands of digits
        raise ArgumentError(f"The {name} is a number of too many digits.") from error


def _names(record: Mapping[str, Any]) -> dict[str, str]:
    return {name: _name(record, name) for name in ("group", "cluster") if record.get(name) is not None}


def _check_texts(found: Judgment) -> None:
    for name in ("order", "raw", "protocol"):
        if not isinstance(getattr(found, name), str):
            raise ArgumentError(f"The {name} is no text.")
    if not all(model is None or isinstance(model, str) for model in found.models):
        raise ArgumentError("The models are not all named by text.")


def _check_values(record: Mapping[str, Any]) -> None:
    """Verdict and label are objects, and their values numbers: `3`, not `"3"` or `true`."""
    for name in ("verdict", "label"):
        part = record.get(name)
        if part is None and name == "label":
            continue
        if not isinstance(part, Mapping):
            raise ArgumentError(f"The {name} is {'missing' if part is None else 'no object'}.")
        value = part.get("value")
        values = value if isinstance(value, list) else [] if value is None else [value]
        finite = all(type(one) is int or (type(one) is float and math.isfinite(one)) for one in values)
        if not finite or type(part.get("strength", 1)) is not int:
            raise ArgumentError(f"The {name}'s value is no number.")


def _check_numbers(found: Judgment) -> None:
    counts = [*(found.span or ()), *found.lengths]
    if not all(type(count) is int and 0 <= count <= LARGEST for count in counts):
        raise ArgumentError("Spans and lengths are whole numbers from 0 on.")
    if found.logprobs is not None and not isinstance(found.logprobs, Mapping):
        raise ArgumentError("The logprobs are no object.")
    numbers = [*(found.logprobs or {}).values(), 0.0 if found.seconds is None else found.seconds]
    # The logarithm of no chance is minus infinity; what is not finite is nowhere printed.
    if not all(type(one) is float or (type(one) is int and abs(one) <= LARGEST) for one in numbers):
        raise ArgumentError("What should be a number is none.")


def _check_said(name: str, said: Verdict | Label, order: str, kind: LabelKind | None) -> None:
    """What was said is of the kind that is wanted, about as many responses as were shown, and of a sane size."""
    shown, value = len(canonical_indices(order)), said.value
    if said.kind == "invalid":
        return
    if kind is not None and said.kind != kind and (said.kind, kind) != ("scores", "score"):
        raise ArgumentError(f"The {name} is a {said.kind}, not a {kind}.")
    n = len(value) if isinstance(value, tuple) else 2 if said.kind == "preference" else shown
    if n != shown:
        raise ArgumentError(f"The {name} is not about the {shown} responses that were shown.")
    if said.kind in ("score", "scores"):
        scores = value if isinstance(value, tuple) else (value,)
        if any(score is None or abs(score) > LARGEST_SCORE for score in scores):
            raise ArgumentError(f"The {name} is beyond {LARGEST_SCORE:g}.")

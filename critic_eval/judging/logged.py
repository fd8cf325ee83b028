"""Judgments from files that anybody may have written: every part is of the type and size that it is for us."""

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, get_args

from critic_eval.errors import ArgumentError
from critic_eval.judging.orders import canonical_indices
from critic_eval.judging.records import ConfidenceSource, Judgment
from critic_eval.judging.verdicts import Label, LabelKind, Verdict

LARGEST_SCORE = 1e9
"""What is beyond is not a score of a judge, and its square would end all statistics."""
LARGEST = 1 << 40
"""What is beyond is not a number of an item or of characters, and no time."""


def logged_judgment(record: Mapping[str, Any], kind: LabelKind | None = None) -> Judgment:
    """A judgment as `Judgment.to_record` wrote it.

    Args:
        record: what a samples file holds.
        kind: of the verdict and the label, if that is known; two `scores` count as a score.

    Raises:
        ArgumentError: a part is missing or unfit; names it.

    >>> from critic_eval.judging import Preference
    >>> said = Judgment("7", "BA", Preference(1), "The better response: [first]", "llava_critic_pair")
    >>> logged_judgment(said.to_record(), "preference") == said
    True
    """
    _check_value("verdict", record.get("verdict"))
    _check_members(record.get("members"))
    if record.get("label") is not None:
        _check_value("label", record["label"])
    try:
        judgment = Judgment.from_record(record)
    except ArgumentError:
        raise
    except (TypeError, ValueError, LookupError, AttributeError, OverflowError) as error:
        raise ArgumentError(f"A judgment's record is malformed ({type(error).__name__}).") from error
    judgment = _named(judgment)
    _check_texts(judgment)
    _check_numbers(judgment)
    _check_confidence(judgment)
    shown = _n_shown(judgment.order)
    _check_said("verdict", judgment.verdict, shown, kind)
    for member in judgment.members:
        _check_said("verdict of a member", member.verdict, shown, kind)
    if judgment.label is not None:
        _check_said("label", judgment.label, shown, kind)
    return judgment


def _named(judgment: Judgment) -> Judgment:
    """The judgment with names that are text, where a file may have whole numbers."""
    others: dict[str, Any] = {}
    for name in ("item_id", "group", "cluster"):
        value = getattr(judgment, name)
        if type(value) is str or (value is None and name != "item_id"):
            continue
        if type(value) is not int or abs(value) > LARGEST:
            raise ArgumentError(f"The {name} is {'missing' if value is None else 'neither text nor a whole number'}.")
        others[name] = str(value)
    return replace(judgment, **others) if others else judgment


def _check_texts(judgment: Judgment) -> None:
    for name, text in (("order", judgment.order), ("raw", judgment.raw), ("protocol", judgment.protocol)):
        if not isinstance(text, str):
            raise ArgumentError(f"The {name} is not text.")
    if judgment.read_as is not None and not isinstance(judgment.read_as, str):
        raise ArgumentError("How the verdict was read is not text.")
    if not all(isinstance(draw, str) for draw in judgment.draws):
        raise ArgumentError("The draws are not all text.")
    for model in judgment.models:
        if model is not None and not isinstance(model, str):
            raise ArgumentError("The models are not all named by text.")


def _check_value(name: str, said: Any) -> None:
    """A verdict or a label is an object, and its value numbers: `3`, not `"3"` or `true`."""
    if not isinstance(said, Mapping):
        raise ArgumentError(f"The {name} is {'missing' if said is None else 'not an object'}.")
    if not isinstance(said.get("kind"), str):
        raise ArgumentError(f"The {name}'s kind is not text.")
    value = said.get("value")
    for number in value if isinstance(value, list) else () if value is None else (value,):
        if type(number) is not int and not (type(number) is float and math.isfinite(number)):
            raise ArgumentError(f"The {name}'s value is not a number.")
    if type(said.get("strength", 1)) is not int:
        raise ArgumentError(f"The {name}'s strength is not a whole number.")


def _check_members(members: Any) -> None:
    """What the members of a jury said is a list of objects, each a name, a text and a verdict."""
    if members is None:
        return
    if not isinstance(members, list):
        raise ArgumentError("The members are not a list.")
    for member in members:
        if not isinstance(member, Mapping) or not all(isinstance(member.get(name), str) for name in ("critic", "text")):
            raise ArgumentError("A member of the jury is not an object with its name, its text and its verdict.")
        _check_value("verdict of a member", member.get("verdict"))


def _check_confidence(judgment: Judgment) -> None:
    value, source = judgment.confidence, judgment.confidence_from
    if value is None and source is None:
        return
    if type(value) not in (int, float) or not 0 <= value <= 1:  # type: ignore[operator]  # a number by then
        raise ArgumentError("The confidence is not a number from 0 to 1.")
    if source not in get_args(ConfidenceSource):
        raise ArgumentError("What the confidence was taken from is not known.")


def _check_numbers(judgment: Judgment) -> None:
    for count in (*(judgment.span or ()), *judgment.lengths):
        if type(count) is not int or not 0 <= count <= LARGEST:
            raise ArgumentError("Spans and lengths are whole numbers from 0 on.")
    if judgment.logprobs is not None and not isinstance(judgment.logprobs, Mapping):
        raise ArgumentError("The logprobs are not an object.")
    for reward in judgment.rewards or ():
        if type(reward) not in (int, float) or not abs(reward) <= LARGEST_SCORE:
            raise ArgumentError("The rewards are not all numbers, or beyond what a reward is.")
    # The logarithm of no chance is minus infinity; what is not finite is nowhere printed.
    for number in (*(judgment.logprobs or {}).values(), 0.0 if judgment.seconds is None else judgment.seconds):
        if type(number) is not float and (type(number) is not int or abs(number) > LARGEST):
            raise ArgumentError("A log-probability, or the seconds, is not a number.")


def _check_said(name: str, said: Verdict | Label, shown: int, kind: LabelKind | None) -> None:
    """What was said is of the kind that is wanted, about as many responses as were shown, and of a sane size."""
    if said.kind == "invalid":
        return
    value = said.value
    if kind is not None and said.kind != kind and (said.kind, kind) != ("scores", "score"):
        raise ArgumentError(f"The {name} is a {said.kind}, not a {kind}.")
    n = len(value) if isinstance(value, tuple) else 2 if said.kind == "preference" else shown
    if n != shown:
        raise ArgumentError(f"The {name} is not about the {shown} responses that were shown.")
    if said.kind in ("score", "scores"):
        for score in value if isinstance(value, tuple) else (value,):
            if score is None or abs(score) > LARGEST_SCORE:
                raise ArgumentError(f"The {name} is beyond {LARGEST_SCORE:g}.")


@lru_cache(maxsize=64)
def _n_shown(order: str) -> int:
    """How many responses were shown in an order. Raises ArgumentError for what is none."""
    return len(canonical_indices(order))

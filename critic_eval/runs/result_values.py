"""The parts of a results file, each of the type and size that it has when lmms-eval and we write it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from critic_eval.visible import visible

LARGEST = 1e12
"""A larger number is not taken for a figure, a count or seconds."""
LONGEST_NAME = 300
LONGEST_SETTING = 10_000
"""Characters."""


def number(value: Any) -> float | None:
    """A finite number of a sane size, or None for null.

    Raises:
        ValueError: it is NaN, infinite, beyond `LARGEST`, or not a number at all (`"3"`, `true`).
    """
    if value is None:
        return None
    if type(value) not in (int, float) or not (math.isfinite(value) if type(value) is float else True):
        raise ValueError(f"a number is {'not finite' if type(value) is float else 'none'}")
    if abs(value) > LARGEST:
        raise ValueError(f"a number beyond {LARGEST:g}")
    return float(value)


def count(value: Any) -> int | None:
    """A whole number from 0 on, or None for null. Raises ValueError for all else."""
    known = number(value)
    if known is None:
        return None
    if known < 0 or type(value) is not int:
        raise ValueError("not a count")
    return int(value)


def figure_numbers(record: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """`value`, `low`, `high`, `stderr`, `n` and `invalid` of a figure, and the names of those that can't be.

    What is not known or can't be is None: where the value is, so are its error and its interval.
    """
    numbers: dict[str, Any] = {}
    odd = []
    for name in ("value", "low", "high", "stderr", "n", "invalid"):
        numbers[name], is_odd = _tried(record.get(name), is_count=name in ("n", "invalid"))
        odd += [name] if is_odd else []
    if numbers["stderr"] is not None and numbers["stderr"] < 0:
        odd.append("stderr")
        numbers["stderr"] = None
    low, high = numbers["low"], numbers["high"]
    if low is not None and high is not None and low > high:
        odd += ["low", "high"]
    if numbers["value"] is None:
        numbers["stderr"] = None
    if numbers["value"] is None or {"low", "high"} & {*odd} or low is None or high is None:
        numbers["low"] = numbers["high"] = None
    return numbers, odd


def _tried(value: Any, is_count: bool) -> tuple[float | None, bool]:
    try:
        return (count if is_count else number)(value), False
    except ValueError:
        return None, True


def seconds(value: Any) -> float | None:
    """Seconds that something took, or None where they are not known. Raises ValueError unless they are 0 or more."""
    known = number(value)
    if known is not None and known < 0:
        raise ValueError("less than 0 seconds")
    return known or None


def tokens(thought: Any, answer: Any) -> tuple[float, float] | None:
    """Tokens of thoughts and of answers, or None where they are not known. Raises ValueError for less than 0."""
    known = number(thought), number(answer)
    if known[0] is None or known[1] is None:
        return None
    if min(known[0], known[1]) < 0:
        raise ValueError("less than 0 tokens")
    return known[0], known[1]


def name_text(value: Any) -> str:
    """What a figure, a group or a critic is called. Raises ValueError unless it is text with something in it."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"a name is {'empty' if isinstance(value, str) else 'not text'}")
    return visible(value, LONGEST_NAME)


def settings_texts(value: Any) -> dict[str, str]:
    """The settings of a signature. Raises ValueError unless they are an object of texts and numbers."""
    if not isinstance(value, Mapping):
        raise ValueError("the settings are not an object")
    settings = {}
    for name, setting in value.items():
        text = setting if isinstance(setting, str) else str(setting) if type(setting) in (int, float, bool) else None
        if text is None or len(text) > LONGEST_SETTING:
            raise ValueError(f"the setting {visible(name, 40)} is not text of a sane length")
        settings[visible(name, LONGEST_NAME)] = visible(text)
    return settings


def notes_texts(value: Any) -> tuple[str, ...]:
    """The first notes on a run's verdicts. Raises ValueError unless they are a list of texts, or null."""
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(note, str) for note in value):
        raise ValueError("the notes are not a list of texts")
    return tuple(visible(note, LONGEST_NAME) for note in value[:_NOTES])


_NOTES = 5


def part(record: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An object inside another, empty where there is none or null. Raises ValueError where it is something else."""
    value = record.get(name)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ValueError(f'"{visible(name, 40)}" is not an object')
    return value

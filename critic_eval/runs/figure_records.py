"""Figures as dicts that JSON can hold."""

import math
from typing import Any

from critic_eval.metrics import Figure


def figure_record(figure: Figure) -> dict[str, Any]:
    """A figure as a dict that JSON can hold; NaN becomes None, with why there is no value as `reason`."""
    return {
        "name": figure.name,
        "group": figure.group,
        "value": _number(figure.value),
        "low": _number(figure.low),
        "high": _number(figure.high),
        "n": figure.n,
        "n_items": figure.n_items,
        "n_judgments": figure.n_judgments,
        "interval": figure.interval,
        "invalid": sum(figure.invalid.values()),
        **({"reason": figure.reason} if figure.reason else {}),
    }


def full_record(figure: Figure) -> dict[str, Any]:
    """`figure_record`, with the standard error and invalid verdicts by reason."""
    more = {"stderr": _number(figure.stderr), "invalid_by_reason": figure.invalid, "unlabeled": figure.unlabeled}
    return {**figure_record(figure), **more}


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value

"""Judgments for tests, made from what matters in them."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np

from critic_eval.judging import Invalid, Judgment, Label, Preference, Score, Verdict

INVALID = Invalid("no verdict found")


def judgment(
    item: object, verdict: Verdict, label: Label | None = None, order: str = "AB", protocol: str = "p", **more: Any
) -> Judgment:
    """A judgment without a text; `more` are fields of `Judgment`."""
    return Judgment(str(item), order, verdict, "", protocol, label=label, **more)


def judged(right: Iterable[bool | Sequence[bool]], group: str | None = None, **more: Any) -> list[Judgment]:
    """Judgments of pairs of which the first response is better: of each item, whether the verdict says so.

    An item of several values is judged several times, in both orders by turns.
    """
    return [
        judgment(
            _item(number, group),
            Preference(0 if is_right else 1),
            Preference(0),
            "BA" if turn % 2 else "AB",
            group=group,
            **more,
        )
        for number, orders in enumerate(right)
        for turn, is_right in enumerate(np.atleast_1d(orders))
    ]


def pairs(*rows: tuple[int | Literal["invalid"] | None, int | None]) -> list[Judgment]:
    """Judgments of pairs, each by the response said to be better and the one that is; None is a tie."""
    return [
        judgment(item, INVALID if said == "invalid" else Preference(said), Preference(label))
        for item, (said, label) in enumerate(rows)
    ]


def scores(*rows: tuple[float, float]) -> list[Judgment]:
    """Judgments of single responses, each by the score that the critic gave and the one that people gave."""
    said, labels = zip(*rows, strict=True)
    return scored(said, labels)


def scored(said: Iterable[float], labels: Iterable[float], group: str | None = None) -> list[Judgment]:
    """As `scores`, from two series, and of a group."""
    return [
        judgment(_item(number, group), Score(score), Score(label), "A", group=group)
        for number, (score, label) in enumerate(zip(said, labels, strict=True))
    ]


def judgments(n: int, accuracy: float, seed: int = 0) -> list[Judgment]:
    """Judgments of n pairs by a critic of that accuracy; labels are the same for every accuracy."""
    rng = np.random.default_rng(seed)
    made = []
    for item in range(n):
        label = int(rng.integers(2))
        said = label if rng.random() < accuracy else 1 - label
        made.append(judgment(item, Preference(said), Preference(label), protocol="llava_critic_pair"))
    return made


def _item(number: int, group: str | None) -> str:
    return str(number) if group is None else f"{group}-{number}"

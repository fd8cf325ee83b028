"""Verdicts beside their labels: which judgments count in a figure that needs labels."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from critic_eval.judging import Judgment, Score, Verdict
from critic_eval.judging.verdicts import Value
from critic_eval.metrics.columns import Column, counts_by_reason, encoded
from critic_eval.metrics.registry import NO_LABELS, Need
from critic_eval.metrics.resampling import Floats
from critic_eval.metrics.statistic import (
    Counted,
    InvalidPolicy,
    Shape,
    Statistic,
    cell_statistic,
    clusters_of,
    undefined_statistic,
)

Labeled = tuple[Judgment, Value]
"""A judgment and the value of its label."""
TIE, NO_ANSWER = -1, -2
"""How a tie and an invalid verdict are written where the better response is 0 or 1."""


class LabeledScores(NamedTuple):
    """Scores and their labels, shape (n,) each, and what they are of."""

    said: Floats
    label: Floats
    counted: Counted

    @property
    def why_undefined(self) -> str | None:
        """Why they have no correlation, or None."""
        if len(self.said) < 2:
            return "fewer than two valid judgments" if len(self.said) else self.counted.if_none
        if np.ptp(self.said) == 0:
            return "every verdict is the same score"
        return "every label is the same score" if np.ptp(self.label) == 0 else None


def labeled(judgments: Sequence[Judgment], policy: InvalidPolicy) -> tuple[list[Labeled], Counted]:
    """Judgments that have a label, those with an invalid verdict only by the policy "wrong"."""
    with_label = [judgment for judgment in judgments if judgment.label is not None]
    pairs: list[Labeled] = [
        (judgment, judgment.label.value)
        for judgment in with_label
        if judgment.label is not None and (policy == "wrong" or judgment.verdict.is_valid)
    ]
    counted = Counted.of([judgment for judgment, _ in pairs], among=with_label)
    unlabeled = len(judgments) - len(with_label)
    return pairs, replace(counted, unlabeled=unlabeled, if_none=_why_none(len(judgments), unlabeled))


def labeled_scores(judgments: Sequence[Judgment]) -> LabeledScores:
    """Judgments with a valid score and a label; of a review of two scores, the last counts."""
    verdict, label = encoded(judgments, "verdict"), encoded(judgments, "label")
    has_label = np.array([value is not None for value in label.values], dtype=bool)[label.codes]
    is_valid = np.array([value.is_valid for value in verdict.values], dtype=bool)[verdict.codes]
    said = np.array([last_score(value) for value in verdict.values], dtype=np.float64)[verdict.codes]
    labels = np.array([np.nan if value is None else value.value for value in label.values], np.float64)[label.codes]
    kept = has_label & is_valid
    unlabeled = int((~has_label).sum())
    counted = Counted(
        np.asarray(clusters_of(judgments))[kept],
        len(np.unique(encoded(judgments, "item_id").codes[kept])),
        invalid=counts_by_reason(Column(verdict.codes[has_label], verdict.values)),
        unlabeled=unlabeled,
        if_none=_why_none(len(judgments), unlabeled),
    )
    return LabeledScores(said[kept], labels[kept], counted)


def score_statistic(
    judgments: Sequence[Judgment],
    formula: Callable[[Floats, Floats], float],
    of_points: Callable[[Floats, Floats], Floats],
    shape: Shape = "other",
) -> Statistic:
    """A correlation or agreement of scores and labels.

    Args:
        judgments: Of scores.
        formula: Of scores and labels, shape (n,) each.
        of_points: The same of distinct pairs (m, 2) and their frequencies (b, m), shape (b,).
        shape: What the figure is to the exact intervals.
    """
    scores = labeled_scores(judgments)
    said, label, counted = scores
    if (reason := scores.why_undefined) is not None:
        return undefined_statistic(reason, counted, len(said), shape)
    return cell_statistic(np.stack([said, label], axis=1), of_points, formula(said, label), counted, shape=shape)


def off_scale(judgments: Sequence[Judgment]) -> str | None:
    """Why scores can't be held against labels number by number: raw rewards have no scale in common with them."""
    rewards = encoded(judgments, "rewards")
    is_raw = any(rewards.values[code] is not None for code in np.unique(rewards.codes))
    return "raw rewards are on no scale; rescore with --calibrate" if is_raw else None


def without_scale(judgments: Sequence[Judgment]) -> Statistic | None:
    """The undefined statistic of scores on no scale, for figures that compare numbers; None of other scores."""
    reason = off_scale(judgments)
    if reason is None:
        return None
    scores = labeled_scores(judgments)
    return undefined_statistic(reason, scores.counted, len(scores.said))


ON_SCALE = Need("scores on the labels' scale", off_scale)


def of_last(judgment: Judgment) -> Judgment:
    """A review of two scores counts with its last, the response's; the first is the reference's."""
    if judgment.verdict.kind != "scores":
        return judgment
    return replace(judgment, verdict=Score(last_score(judgment.verdict)))


def preference_code(verdict: Verdict) -> int:
    """The better response, 0 or 1; `TIE`; or `NO_ANSWER`."""
    return label_code(verdict.value) if verdict.is_valid else NO_ANSWER


def label_code(value: Value) -> int:
    """The better response, 0 or 1, or `TIE`."""
    return value if isinstance(value, int) else TIE


def is_right(pair: Labeled) -> bool:
    """Whether a verdict is valid and equals its label."""
    judgment, label = pair
    return judgment.verdict.is_valid and judgment.verdict.value == label


def last_score(verdict: Verdict) -> float:
    """The score, or the last of several; NaN for an invalid verdict.

    >>> last_score(Score(3))
    3.0
    """
    value = verdict.value[-1] if isinstance(verdict.value, tuple) else verdict.value
    return float("nan") if value is None else float(value)


def _why_none(n: int, unlabeled: int) -> str:
    """Why no judgment is left to compute a figure from."""
    if not n:
        return "no judgments"
    return NO_LABELS if unlabeled == n else "no valid verdicts"

"""Whether a critic uses its scale: how many values its scores have, and how evenly they are spread over them.

A critic that gives nearly every response one and the same score can't be told from chance by a correlation, whatever it
knows; that is a property of the critic or of how it is asked, and not of the benchmark.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from critic_eval.judging import Judgment
from critic_eval.metrics.columns import Column, encoded
from critic_eval.metrics.labeled import last_score
from critic_eval.metrics.registry import figure
from critic_eval.metrics.resampling import Floats
from critic_eval.metrics.statistic import (
    Counted,
    Statistic,
    cell_statistic,
    clusters_of,
    invalid_by_reason,
    undefined_statistic,
)

COLLAPSE_FIGURES = ("distinct_scores", "score_entropy", "mode_share")
"""What results hold of every critic that gives scores, beside the figures of their tables."""
FEWEST_SCORES, FEWEST_JUDGMENTS = 5, 30
"""A critic that uses fewer distinct scores than that, over at least so many judgments, is warned of."""


@figure("distinct_scores", higher_is_better=None, kinds=("score", "scores"), invalid="left out", formula="|{score}|")
def distinct_scores(judgments: Sequence[Judgment]) -> Statistic:
    """How many distinct scores a critic gives; without an interval, since a resample lacks some of them by chance."""
    return _of_scores(judgments, lambda shares: (shares > 0).sum(axis=1).astype(np.float64), has_interval=False)


@figure(
    "score_entropy",
    higher_is_better=None,
    kinds=("score", "scores"),
    invalid="left out",
    formula="-Σ p log₂ p over distinct scores",
    source="Shannon, Bell System Technical Journal 27 (1948)",
)
def score_entropy(judgments: Sequence[Judgment]) -> Statistic:
    """Entropy of a critic's scores, in bits: 0 where all are the same, 1 for two values that are equally common."""
    return _of_scores(judgments, _entropy)


@figure("mode_share", higher_is_better=None, kinds=("score", "scores"), invalid="left out", formula="max p of a score")
def mode_share(judgments: Sequence[Judgment]) -> Statistic:
    """Share of a critic's scores that are the commonest one, above 0 to 1."""
    return _of_scores(judgments, lambda shares: shares.max(axis=1))


def collapse_note(judgments: Sequence[Judgment]) -> str | None:
    """A sentence on a critic that uses too few scores to be told apart, or None.

    That is fewer than `FEWEST_SCORES` distinct ones over `FEWEST_JUDGMENTS` judgments, and fewer than the labels have,
    where there are labels: a scale may have no more values than these.
    """
    scores = _scores(judgments)
    values, times = np.unique(scores, return_counts=True)
    if len(scores) < FEWEST_JUDGMENTS or len(values) >= FEWEST_SCORES:
        return None
    label = encoded(judgments, "label")
    n_labels = len({label.values[code] for code in np.unique(label.codes)} - {None})
    if 0 < n_labels <= len(values):
        return None
    mode = times.argmax()
    which = "one score only" if len(values) == 1 else f"only {len(values)} distinct scores"
    return (
        f"{which} in {len(scores)} judgments ({times[mode] / len(scores):.0%} are {values[mode]:g}): figures of so few "
        "values say little, and correlations may be near 0 whatever the critic knows"
    )


def _of_scores(
    judgments: Sequence[Judgment], of_shares: Callable[[Floats], Floats], has_interval: bool = True
) -> Statistic:
    """A function of the shares of the distinct scores, (samples, m) to (samples,)."""
    verdict = encoded(judgments, "verdict")
    is_valid = _is_valid(verdict)
    counted = Counted(
        np.asarray(clusters_of(judgments))[is_valid],
        len(np.unique(encoded(judgments, "item_id").codes[is_valid])),
        invalid=invalid_by_reason(judgments),
        if_none="no valid verdicts" if len(judgments) else "no judgments",
    )
    scores = _scores(judgments)
    if not len(scores):
        return undefined_statistic(counted.if_none, counted)
    _, times = np.unique(scores, return_counts=True)
    value = float(of_shares(times[None] / len(scores))[0])

    def of_points(points: Floats, weights: Floats) -> Floats:
        if not has_interval:
            return np.full(len(weights), np.nan)
        return of_shares(weights / weights.sum(axis=1, keepdims=True))

    return cell_statistic(scores[:, None], of_points, value, counted)


def _entropy(shares: Floats) -> Floats:
    logs = np.log2(np.where(shares > 0, shares, 1.0))
    entropy: Floats = -(shares * logs).sum(axis=1) + 0.0  # not -0.0
    return entropy


def _scores(judgments: Sequence[Judgment]) -> Floats:
    """The valid scores; of a review of several scores, the last."""
    verdict = encoded(judgments, "verdict")
    numbers = np.array([last_score(value) for value in verdict.values], dtype=np.float64)
    scores: Floats = numbers[verdict.codes][_is_valid(verdict)]
    return scores


def _is_valid(verdict: Column) -> Any:
    return np.array([value.is_valid for value in verdict.values], dtype=bool)[verdict.codes]

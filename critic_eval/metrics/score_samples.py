"""Samples of the figures about scores: correlation and agreement with labels."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from critic_eval.errors import ArgumentError
from critic_eval.judging import Judgment, Verdict
from critic_eval.metrics import agreement, correlation
from critic_eval.metrics.resampling import Floats, Statistic
from critic_eval.metrics.samples import (
    InvalidPolicy,
    Sample,
    Shape,
    cell_sample,
    labeled,
    mean_sample,
    units_of,
    why_none,
)


def score_sample(name: str, judgments: Sequence[Judgment], policy: InvalidPolicy) -> Sample:
    """The sample of a correlation or agreement; "wrong" is refused, since no score is the wrong one."""
    if policy == "wrong":
        raise ArgumentError(
            f"{name} can't count invalid verdicts as wrong, since no score is the wrong one; exclude them."
        )
    pairs, invalid, unlabeled = labeled(name, [of_last(judgment) for judgment in judgments], "score")
    x = np.array([judgment.verdict.value for judgment, _ in pairs], dtype=np.float64)
    y = np.array([label for _, label in pairs], dtype=np.float64)
    units = units_of([judgment for judgment, _ in pairs])
    clusters, n_items, _ = units
    if name == "score_accuracy":
        return mean_sample(x == y, units, invalid, unlabeled, why_none(judgments, unlabeled))
    reason = None
    if len(x) < 2:
        reason = why_none(judgments, unlabeled) if not len(x) else "fewer than two valid judgments"
    elif np.ptp(x) == 0 or np.ptp(y) == 0:
        reason = f"every {'verdict' if np.ptp(x) == 0 else 'label'} is the same score"
    points = np.stack([x, y], axis=1)
    about = (clusters, len(x), invalid, unlabeled, reason, n_items, _SHAPES.get(name, "other"))
    if reason is not None:
        return Sample(float("nan"), points, correlation.pearson_of_sums, *about)
    value = _VALUES[name](x, y)
    if name in _OF_SUMS:
        return Sample(value, correlation.sums_of(x, y), _OF_SUMS[name], *about)
    return cell_sample(points, _OF_POINTS[name], value, units, invalid, unlabeled, shape=_SHAPES.get(name, "other"))


def of_last(judgment: Judgment) -> Judgment:
    """A review of two scores counts with its last, the response's; the first is the reference's."""
    value = judgment.verdict.value
    if judgment.verdict.kind != "scores" or not isinstance(value, tuple):
        return judgment
    return replace(judgment, verdict=Verdict.score(value[-1]))


_VALUES: dict[str, Callable[[ArrayLike, ArrayLike], float]] = {
    "pearson": correlation.pearson,
    "spearman": correlation.spearman,
    "kendall": correlation.kendall,
    "concordance": correlation.concordance,
    "quadratic_kappa": agreement.quadratic_kappa,
}
_OF_SUMS: dict[str, Statistic] = {
    "pearson": correlation.pearson_of_sums,
    "concordance": correlation.concordance_of_sums,
}
_OF_POINTS: dict[str, Callable[[Floats, Floats], Floats]] = {
    "spearman": correlation.weighted_spearman,
    "kendall": correlation.weighted_kendall,
    "quadratic_kappa": agreement.weighted_quadratic_kappa,
}
_SHAPES: dict[str, Shape] = {"pearson": "pearson", "spearman": "spearman", "kendall": "kendall"}

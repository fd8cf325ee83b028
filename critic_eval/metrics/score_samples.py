"""Samples of the figures about scores: correlation and agreement with labels."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from critic_eval.errors import ArgumentError
from critic_eval.judging import Judgment, Verdict
from critic_eval.metrics import agreement, correlation
from critic_eval.metrics.columns import Column, clusters_of, encoded, invalid_counts
from critic_eval.metrics.resampling import Floats, Statistic
from critic_eval.metrics.statistic import InvalidPolicy, Sample, Shape, Units, cell_sample, mean_sample, why_none


def score_sample(name: str, judgments: Sequence[Judgment], policy: InvalidPolicy) -> Sample:
    """The sample of a correlation or agreement; "wrong" is refused, since no score is the wrong one."""
    if policy == "wrong":
        raise ArgumentError(
            f"{name} can't count invalid verdicts as wrong, since no score is the wrong one; exclude them."
        )
    x, y, units, invalid, unlabeled = _labeled_scores(name, judgments)
    clusters, n_items, _ = units
    if name == "score_accuracy":
        return mean_sample(x == y, units, invalid, unlabeled, why_none(judgments, unlabeled))
    reason = None
    if len(x) < 2:
        reason = why_none(judgments, unlabeled) if not len(x) else "fewer than two valid judgments"
    elif np.ptp(x) == 0 or np.ptp(y) == 0:
        reason = f"every {'verdict' if np.ptp(x) == 0 else 'label'} is the same score"
    points = np.stack([x, y], axis=1)
    shape = _SHAPES.get(name, "other")
    about = (clusters, len(x), invalid, unlabeled, reason, n_items, shape)
    if reason is not None:
        return Sample(float("nan"), points, correlation.pearson_of_sums, *about)
    value = _VALUES[name](x, y)
    if name in _OF_SUMS:
        return Sample(value, correlation.sums_of(x, y), _OF_SUMS[name], *about)
    return cell_sample(points, _OF_POINTS[name], value, units, invalid, unlabeled, shape=_SHAPES.get(name, "other"))


def _labeled_scores(name: str, judgments: Sequence[Judgment]) -> tuple[Floats, Floats, Units, dict[str, int], int]:
    """Valid verdicts with their labels and what they are on; invalid ones by reason; how many have no label."""
    verdict, label = encoded(judgments, "verdict"), encoded(judgments, "label")
    if not len(judgments):
        return np.empty(0), np.empty(0), Units([], 0), {}, 0
    has_label = np.array([value is not None for value in label.values])[label.codes]
    for part, column, kinds in (("verdict", verdict, ("score", "scores", "invalid")), ("label", label, ("score",))):
        unfit = np.array([value is not None and value.kind not in kinds for value in column.values])[column.codes]
        if (unfit & has_label).any():
            row = int(np.argmax(unfit & has_label))
            kind = column.values[column.codes[row]].kind
            raise ArgumentError(
                f"{name} takes score judgments; the {part} on item {judgments[row].item_id} is a {kind}."
            )
    is_valid = np.array([value.is_valid for value in verdict.values])[verdict.codes]
    read = np.array([_last(value) for value in verdict.values], dtype=np.float64)[verdict.codes]
    said = np.array([np.nan if value is None else value.value for value in label.values], np.float64)[label.codes]
    invalid = invalid_counts(Column(verdict.codes[has_label], verdict.values))
    kept = has_label & is_valid
    n_items = len(np.unique(encoded(judgments, "item_id").codes[kept]))
    units = Units(np.asarray(clusters_of(judgments))[kept], n_items)
    return read[kept], said[kept], units, invalid, int((~has_label).sum())


def _last(verdict: Verdict) -> float:
    value = verdict.value
    if not verdict.is_valid:
        return float("nan")
    return float(value[-1] if isinstance(value, tuple) else value)  # type: ignore[arg-type]  # a score's value


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

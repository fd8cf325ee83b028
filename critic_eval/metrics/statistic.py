"""What a figure is computed from: what each judgment adds to sums, and how the figure follows from these sums."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from scipy import sparse

from critic_eval.judging import Judgment
from critic_eval.metrics.columns import Column, JudgmentColumns, counts_by_reason, encoded
from critic_eval.metrics.resampling import Addends, Floats, OfSums, Seed, bootstrap, distinct_rows

InvalidPolicy = Literal["exclude", "wrong"]
Shape = Literal["proportion", "mean", "pearson", "spearman", "kendall", "other"]
"""What a figure is to the exact intervals: a share of its items, another ratio of sums, a correlation, or neither."""


@dataclass(frozen=True)
class Counted:
    """Which judgments a figure counts, and which it leaves out.

    Attributes:
        clusters: What is resampled together with each row of the addends, shape (n,).
        n_items: How many items the counted judgments are on.
        n_judgments: How many judgments are counted; None where each row is one.
        invalid: Invalid verdicts among the judgments that the figure is about, by reason, whatever the policy.
        unlabeled: Judgments left out because their item has no label.
        if_none: Why there is no value where nothing is counted.
    """

    clusters: Sequence[str]
    n_items: int
    n_judgments: int | None = None
    invalid: dict[str, int] = field(default_factory=dict)
    unlabeled: int = 0
    if_none: str = "no judgments"

    @classmethod
    def of(cls, judgments: Sequence[Judgment], among: Sequence[Judgment] = ()) -> "Counted":
        """Judgments that are counted, each a row, among all that the figure is about."""
        n_items = len(np.unique(encoded(judgments, "item_id").codes))
        if_none = "no valid verdicts" if among else "no judgments"
        return cls(clusters_of(judgments), n_items, None, invalid_by_reason(among), 0, if_none)


@dataclass(frozen=True)
class Statistic:
    """A figure of judgments, with what resampling it needs.

    Attributes:
        value: The figure; NaN where it is undefined, and `reason` says why.
        addends: What each judgment (or item) adds to the sums, shape (n, k), dense or sparse.
        of_sums: The figure as a function of these sums, for many resamples at once.
        counted: What the rows of `addends` are on, and what was left out.
        reason: Why there is no value, or None.
        shape: What the figure is to the exact intervals. "proportion" and "mean" are the ratio of the first two sums.
        scale: Of a proportion or mean the least and the greatest value, where these are known.
    """

    value: float
    addends: Addends
    of_sums: OfSums
    counted: Counted
    reason: str | None = None
    shape: Shape = "other"
    scale: tuple[float, float] | None = None

    @property
    def n(self) -> int:
        """How many judgments (or items) the value is computed from."""
        return int(self.addends.shape[0])

    def draws(self, resamples: int, seed: Seed) -> Floats:
        """Bootstrap draws of the figure, shape (resamples,)."""
        if self.reason is not None:
            return np.full(resamples, np.nan)
        return bootstrap(self.addends, self.counted.clusters, self.of_sums, resamples, seed)


def mean_statistic(
    values: Sequence[float] | Floats,
    counted: Counted,
    shape: Shape = "proportion",
    scale: tuple[float, float] | None = (0.0, 1.0),
) -> Statistic:
    """The mean of one value a row, by default of hits (1) and misses (0); its reason is `counted.if_none`.

    >>> mean_statistic([1.0, 0.0, 1.0, 1.0], Counted(["a", "b", "c", "d"], 4)).value
    0.75
    """
    array = np.asarray(values, dtype=np.float64)
    return ratio_statistic(array, np.ones_like(array), counted, shape, scale)


def ratio_statistic(
    numerators: Sequence[float] | Floats,
    denominators: Sequence[float] | Floats,
    counted: Counted,
    shape: Shape = "mean",
    scale: tuple[float, float] | None = None,
) -> Statistic:
    """A ratio of sums over rows; its reason is `counted.if_none` where the denominators sum to nothing."""
    addends = np.stack([np.asarray(numerators, np.float64), np.asarray(denominators, np.float64)], axis=1)
    above, below = addends.sum(axis=0)
    reason = None if len(addends) and below else counted.if_none
    value = float(above / below) if reason is None else float("nan")
    return Statistic(value, addends, _ratio, counted, reason, shape, scale)


def cell_statistic(
    points: Floats,
    of_points: Callable[[Floats, Floats], Floats],
    value: float,
    counted: Counted,
    reason: str | None = None,
    shape: Shape = "other",
) -> Statistic:
    """A function of how often each distinct point occurs.

    Args:
        points: One point a row, shape (n, d).
        of_points: From distinct points (m, d) and their frequencies (b, m) to values (b,).
        value: The function of all points.
        counted: What the rows are on.
        reason: Why there is no value, or None.
        shape: What the figure is to the exact intervals.
    """
    distinct, cell = distinct_rows(points)
    rows = np.arange(len(points))
    addends = sparse.csr_array((np.ones(len(points)), (rows, cell)), shape=(len(points), len(distinct)))

    def of_sums(weights: Floats) -> Floats:
        return of_points(distinct, weights)

    return Statistic(value, addends, of_sums, counted, reason, shape)


def undefined_statistic(reason: str, counted: Counted, n: int = 0, shape: Shape = "other") -> Statistic:
    """No value of `n` rows, and why."""
    return Statistic(float("nan"), np.empty((n, 0)), _ratio, counted, reason, shape)


def invalid_by_reason(judgments: Sequence[Judgment]) -> dict[str, int]:
    """How many verdicts are invalid, by reason, in the order in which they come."""
    return counts_by_reason(encoded(judgments, "verdict"))


def cluster_of(judgment: Judgment) -> str:
    """What a judgment is resampled with: its cluster, or its item."""
    return judgment.item_id if judgment.cluster is None else judgment.cluster


def clusters_of(judgments: Sequence[Judgment]) -> Sequence[str]:
    """What each judgment is resampled with: its name or, of columns, a number in the order of the names."""
    if not isinstance(judgments, JudgmentColumns):
        return [cluster_of(judgment) for judgment in judgments]
    (items, names), (clusters, known) = judgments.columns["item_id"], judgments.columns["cluster"]
    if all(value is None for value in known):
        return items  # type: ignore[return-value]  # an array, which is all that is asked for
    both = [
        names[item] if known[cluster] is None else known[cluster] for item, cluster in zip(items, clusters, strict=True)
    ]
    return Column.of(both).sorted().codes  # type: ignore[return-value]


def _ratio(sums: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        result: Floats = sums[:, 0] / sums[:, 1]
    return result

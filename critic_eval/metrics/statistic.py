"""What a figure is computed from: addends of its judgments, and how the figure follows from their sums."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

import numpy as np
from scipy import sparse

from critic_eval.errors import ArgumentError
from critic_eval.judging import Judgment, LabelKind
from critic_eval.judging.verdicts import Value
from critic_eval.metrics.columns import clusters_of, encoded
from critic_eval.metrics.resampling import Addends, Floats, Seed, Statistic, bootstrap, distinct_rows

InvalidPolicy = Literal["exclude", "wrong"]
Shape = Literal["proportion", "mean", "pearson", "spearman", "kendall", "other"]
"""What a figure is to the exact intervals: a share of its items, another ratio of sums, a correlation, or neither."""


class Units(NamedTuple):
    """What the rows of a sample are on: the cluster of each, and how many items and judgments these are in all.

    Without a number of judgments each row is one.
    """

    clusters: Sequence[str]
    n_items: int
    n_judgments: int | None = None


@dataclass(frozen=True)
class Sample:
    """The judgments that a figure is about, as numbers.

    Attributes:
        value: The figure; NaN where it is undefined, and `reason` says why.
        addends: What each judgment adds to the sums, shape (n, k), dense or sparse.
        statistic: The figure as a function of these sums, for many resamples at once.
        clusters: What is resampled together with each judgment, shape (n,).
        n: How many judgments (or items) the value is computed from.
        invalid: Invalid verdicts among the judgments that the figure is about, by reason, whatever the policy.
        unlabeled: Judgments left out because their item has no label.
        reason: Why there is no value, or None.
        n_items: How many items the counted judgments are on.
        shape: What the figure is to the exact intervals.
        scale: Of a proportion or mean the least and the greatest value, where these are known.
        n_judgments: How many judgments were counted, where they are not `n`.
    """

    value: float
    addends: Addends
    statistic: Statistic
    clusters: Sequence[str]
    n: int
    invalid: dict[str, int] = field(default_factory=dict)
    unlabeled: int = 0
    reason: str | None = None
    n_items: int = 0
    shape: Shape = "other"
    scale: tuple[float, float] | None = None
    n_judgments: int | None = None

    def draws(self, resamples: int, seed: Seed) -> Floats:
        """Bootstrap draws of the figure, shape (resamples,)."""
        if self.reason is not None:
            return np.full(resamples, np.nan)
        return bootstrap(self.addends, self.clusters, self.statistic, resamples, seed)


class Sampler(Protocol):
    """Makes the sample of one figure."""

    def __call__(self, name: str, judgments: Sequence[Judgment], policy: InvalidPolicy) -> Sample:
        """Raises ArgumentError for verdicts, labels or a policy that the figure can't be computed with."""
        ...


def mean_sample(
    values: Sequence[float] | Floats,
    units: Units,
    invalid: dict[str, int],
    unlabeled: int = 0,
    if_none: str = "no judgments",
    shape: Shape = "proportion",
    scale: tuple[float, float] | None = (0.0, 1.0),
) -> Sample:
    """The sample of a mean, by default of a share; `if_none` is the reason where there are no values."""
    array = np.asarray(values, dtype=np.float64)
    return ratio_sample(array, np.ones_like(array), units, invalid, unlabeled, if_none, shape, scale)


def ratio_sample(
    numerators: Sequence[float] | Floats,
    denominators: Sequence[float] | Floats,
    units: Units,
    invalid: dict[str, int],
    unlabeled: int = 0,
    if_none: str = "no judgments",
    shape: Shape = "mean",
    scale: tuple[float, float] | None = None,
) -> Sample:
    """The sample of a ratio of sums; `if_none` is the reason where the denominators sum to nothing."""
    addends = np.stack([np.asarray(numerators, np.float64), np.asarray(denominators, np.float64)], axis=1)
    above, below = addends.sum(axis=0)
    reason = None if len(addends) and below else if_none
    value = float(above / below) if reason is None else float("nan")
    about = (units.clusters, len(addends), invalid, unlabeled, reason, units.n_items, shape, scale, units.n_judgments)
    return Sample(value, addends, _ratio, *about)


def cell_sample(
    points: Floats,
    of_points: Callable[[Floats, Floats], Floats],
    value: float,
    units: Units,
    invalid: dict[str, int],
    unlabeled: int,
    reason: str | None = None,
    shape: Shape = "other",
) -> Sample:
    """The sample of a statistic of how often each distinct point occurs.

    Args:
        points: One point a judgment, shape (n, d).
        of_points: From distinct points (m, d) and their frequencies (b, m) to values (b,).
        value: The statistic of all points.
        units: What the judgments are on.
        invalid: See `Sample`, and so for the rest.
        unlabeled: See `Sample`.
        reason: See `Sample`.
        shape: See `Sample`.
    """
    distinct, cell = distinct_rows(points)
    rows = np.arange(len(points))
    addends = sparse.csr_array((np.ones(len(points)), (rows, cell)), shape=(len(points), len(distinct)))

    def statistic(weights: Floats) -> Floats:
        return of_points(distinct, weights)

    about = (units.clusters, len(points), invalid, unlabeled, reason, units.n_items, shape)
    return Sample(value, addends, statistic, *about)


def labeled(
    name: str, judgments: Sequence[Judgment], kind: LabelKind, keep_invalid: bool = False
) -> tuple[list[tuple[Judgment, Value]], dict[str, int], int]:
    """Judgments that have a label, with its value; invalid verdicts among them by reason; how many have no label."""
    with_label = [(judgment, judgment.label) for judgment in judgments if judgment.label is not None]
    for judgment, label in with_label:
        for part, found in (("verdict", judgment.verdict.kind), ("label", label.kind)):
            if found not in (kind, "invalid"):
                raise ArgumentError(
                    f"{name} takes {kind} judgments; the {part} on item {judgment.item_id} is a {found}."
                )
    kept = [(judgment, label.value) for judgment, label in with_label if keep_invalid or judgment.verdict.is_valid]
    return kept, invalid_reasons([judgment for judgment, _ in with_label]), len(judgments) - len(with_label)


def cluster_of(judgment: Judgment) -> str:
    """What a judgment is resampled with: its cluster, or its item."""
    return judgment.item_id if judgment.cluster is None else judgment.cluster


def units_of(judgments: Sequence[Judgment]) -> Units:
    """What judgments are on."""
    return Units(clusters_of(judgments), len(np.unique(encoded(judgments, "item_id").codes)))


def invalid_reasons(judgments: Sequence[Judgment]) -> dict[str, int]:
    """How many verdicts are invalid, by reason."""
    return dict(Counter(judgment.verdict.reason or "" for judgment in judgments if not judgment.verdict.is_valid))


def why_none(judgments: Sequence[Judgment], unlabeled: int) -> str:
    """Why no judgment is left to compute a figure from."""
    if not judgments:
        return "no judgments"
    return "no labels" if unlabeled == len(judgments) else "no valid verdicts"


def _ratio(sums: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        result: Floats = sums[:, 0] / sums[:, 1]
    return result

"""Intervals of small samples, and of samples without spread: what a bootstrap can't give.

A bootstrap draws from the items at hand: where all are alike it finds no spread, and of few it finds too little. The
methods here are told by formulas instead. Each takes how many independent items there are: both orders of an item, its
repeats, and the items of one cluster are one. Where clusters differ in size, they count as
`(sum of sizes)² / (sum of squared sizes)`, which is their number where all are as large (Kish, Survey Sampling, 1965).
"""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from critic_eval.metrics.resampling import Floats, Interval, interval
from critic_eval.metrics.statistic import Statistic

FEWEST = 20
"""Clusters from which on a bootstrap is trusted, unless all are alike."""

LEVEL = 0.95


class Bounds(NamedTuple):
    """The bounds of a 95 % interval, the method that they are from, and a standard error; NaN for what is not known.

    The standard error of an exact interval is that of the normal distribution whose interval is as wide.
    """

    low: float
    high: float
    method: str
    stderr: float

    @classmethod
    def of(cls, drawn: Interval) -> "Bounds":
        """The bounds of bootstrap draws."""
        return UNKNOWN if math.isnan(drawn.stderr) else cls(drawn.low, drawn.high, "bootstrap", drawn.stderr)


UNKNOWN = Bounds(float("nan"), float("nan"), "none", float("nan"))


def spread(statistic: Statistic, draws: Floats) -> Bounds:
    """How sure the value of a statistic is: by its bootstrap draws, or exactly where they can't tell.

    They can't where there are fewer than `FEWEST` clusters, or no draw differs. Then a share is taken by Clopper and
    Pearson's interval on independent items, another mean by Student's, a correlation by Fisher's z. For what has no
    exact method here, the interval of few clusters is the bootstrap's, and that without spread unknown.
    """
    if statistic.reason is not None or not len(draws):
        return UNKNOWN
    drawn = Bounds.of(interval(draws))
    varies = drawn.stderr > 1e-12 * max(1.0, abs(statistic.value))
    clusters = statistic.counted.clusters
    if varies and not are_few(clusters):
        return drawn
    if statistic.shape == "other":
        return drawn if varies else UNKNOWN
    _, of_row = np.unique(np.asarray(clusters), return_inverse=True)
    if statistic.shape in ("pearson", "spearman", "kendall"):
        return fisher_z(statistic.shape, statistic.value, independent(_per_cluster(of_row, np.ones(len(of_row)))))
    sums = [_per_cluster(of_row, np.asarray(statistic.addends)[:, column]) for column in (0, 1)]
    if statistic.shape == "mean" and varies:
        return student_t(*sums)
    return (
        UNKNOWN if statistic.scale is None else clopper_pearson(statistic.value, independent(sums[1]), statistic.scale)
    )


def are_few(clusters: Iterable[str]) -> bool:
    """Whether there are fewer than `FEWEST` distinct ones, told without looking at all of many."""
    seen: set[str] = set()
    for cluster in clusters:
        seen.add(cluster)
        if len(seen) >= FEWEST:
            return False
    return True


def clopper_pearson(value: float, n: float, scale: tuple[float, float] = (0.0, 1.0)) -> Bounds:
    """Clopper and Pearson's interval of a proportion (Biometrika 26, 1934), or of a mean of values on a scale.

    An item counts as right in part where its two orders differ: `n * value` need not be whole. Of all distributions on
    a scale with one mean, that on both of its ends is the widest, so the interval is cautious for means as well.

    Args:
        value: the proportion or mean, on the scale.
        n: how many independent items, above 0; need not be whole.
        scale: the least and the greatest value of an item.

    >>> [round(bound, 3) for bound in clopper_pearson(1.0, 6)[:2]]
    [0.541, 1.0]
    """
    least, span = scale[0], scale[1] - scale[0]
    right = min(max((value - least) / span, 0.0), 1.0) * n
    tail = (1 - LEVEL) / 2
    low = float(stats.beta.ppf(tail, right, n - right + 1)) if right > 0 else 0.0
    high = float(stats.beta.ppf(1 - tail, right + 1, n - right)) if right < n else 1.0
    return _bounds(least + span * low, least + span * high, "clopper-pearson")


def fisher_z(name: str, value: float, n: float) -> Bounds:
    """The interval of a correlation by Fisher's z (Metron 1, 1921); unknown for too few items, and for 1 and -1.

    The variance of z is 1 / (n - 3) for `pearson`, (1 + r² / 2) / (n - 3) for `spearman` (Bonett & Wright,
    Psychometrika 65, 2000), 0.437 / (n - 4) for `kendall` (Fieller, Hartley & Pearson, Biometrika 44, 1957).

    >>> [round(bound, 3) for bound in fisher_z("pearson", 0.5, 19)[:2]]
    [0.059, 0.778]
    """
    factor, lost = {"pearson": (1.0, 3), "spearman": (1 + value**2 / 2, 3), "kendall": (0.437, 4)}[name]
    if n <= lost or abs(value) > 1 - 1e-9:  # up to rounding
        return UNKNOWN
    half = float(stats.norm.ppf((1 + LEVEL) / 2)) * math.sqrt(factor / (n - lost))
    z = math.atanh(value)
    return _bounds(math.tanh(z - half), math.tanh(z + half), "fisher-z")


def student_t(numerators: Floats, denominators: Floats) -> Bounds:
    """Student's interval of a ratio of sums over clusters, such as a mean; unknown where there is no spread.

    The ratio is taken as linear around its value (Cochran, Sampling Techniques, 1977, 6.3 and 9A).

    Args:
        numerators: one a cluster, shape (n,).
        denominators: as `numerators`; ones for a mean.

    >>> [round(bound, 3) for bound in student_t(np.array([1.0, 2.0, 3.0]), np.ones(3))[:2]]
    [-0.484, 4.484]
    """
    n = len(numerators)
    value = numerators.sum() / denominators.sum()
    off = (numerators - value * denominators) / denominators.mean()
    if n < 2 or math.isclose(float(np.square(off).sum()), 0, abs_tol=1e-18):
        return UNKNOWN
    half = float(stats.t.ppf((1 + LEVEL) / 2, n - 1)) * math.sqrt(float(np.square(off).sum()) / (n * (n - 1)))
    return _bounds(float(value) - half, float(value) + half, "student-t")


def mean_of_groups(values: Sequence[float], bounds: Sequence[tuple[float, float]]) -> Bounds:
    """The interval of the mean of independent figures, from theirs; unknown where one of them is.

    The variance on either side is recovered from the bounds (MOVER: Zou & Donner, Statistics in Medicine 27, 2008).

    >>> [round(bound, 3) for bound in mean_of_groups([0.5, 0.5], [(0.2, 0.8), (0.1, 0.9)])[:2]]
    [0.25, 0.75]
    """
    mean, n = float(np.mean(values)), len(values)
    below, above = (
        math.sqrt(sum((value - bound[side]) ** 2 for value, bound in zip(values, bounds, strict=True))) / n
        for side in (0, 1)
    )
    return UNKNOWN if math.isnan(below + above) else _bounds(mean - below, mean + above, "mover")


def independent(sizes: Floats) -> float:
    """How many independent items clusters of these sizes (or weights) are worth, by Kish's formula.

    >>> independent(np.array([2.0, 2.0, 2.0]))
    3.0
    """
    return float(sizes.sum() ** 2 / np.square(sizes).sum())


def _per_cluster(of_row: NDArray[np.intp], values: Floats) -> Floats:
    return np.bincount(of_row, values).astype(np.float64)


def _bounds(low: float, high: float, method: str) -> Bounds:
    return Bounds(low, high, method, (high - low) / (2 * float(stats.norm.ppf((1 + LEVEL) / 2))))

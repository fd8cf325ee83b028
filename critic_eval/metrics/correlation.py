"""How well two series of scores go together: Pearson, Spearman, Kendall, Lin's concordance.

`pearson`, `spearman` and `kendall` are SciPy's, with one answer for degenerate input: NaN, without a warning. The
`weighted_*` functions compute the same from distinct points and how often each occurs, for many weightings at once, as
the bootstrap needs. The figures are of the scores that critics give and their labels; a review of two scores counts
with its last.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from critic_eval.judging import Judgment
from critic_eval.metrics.labeled import ON_SCALE, labeled_scores, score_statistic, without_scale
from critic_eval.metrics.registry import figure
from critic_eval.metrics.resampling import Floats, OfSums
from critic_eval.metrics.statistic import Shape, Statistic, undefined_statistic


def pearson(x: ArrayLike, y: ArrayLike) -> float:
    """Pearson's r of two series of equal length, -1 to 1; NaN for fewer than two points or a constant series.

    >>> round(pearson([1, 2, 3], [1, 2, 4]), 3)
    0.982
    >>> pearson([1, 1], [1, 2])
    nan
    """
    points = _points(x, y)
    return float("nan") if points is None else float(stats.pearsonr(*points).statistic)


def spearman(x: ArrayLike, y: ArrayLike) -> float:
    """Spearman's rho, -1 to 1: Pearson's r of the ranks, ties at their mean rank; NaN as for `pearson`.

    >>> spearman([1, 2, 3], [1, 2, 4])
    1.0
    """
    points = _points(x, y)
    return float("nan") if points is None else float(stats.spearmanr(*points).statistic)


def kendall(x: ArrayLike, y: ArrayLike) -> float:
    """Kendall's tau-b, -1 to 1, which allows for ties in both series; NaN as for `pearson`.

    >>> round(kendall([1, 2, 3, 4], [1, 1, 2, 2]), 3)
    0.816
    """
    points = _points(x, y)
    return float("nan") if points is None else float(stats.kendalltau(*points, variant="b").statistic)


def concordance(x: ArrayLike, y: ArrayLike) -> float:
    """Lin's concordance correlation, -1 to 1: Pearson's r, lowered where scale or place differ; NaN as for `pearson`.

    2 cov(x, y) / (var x + var y + (mean x - mean y)^2). Lin, Biometrics 45 (1989).

    >>> concordance([1, 2, 3], [2, 3, 4])
    0.5714285714285714
    """
    points = _points(x, y)
    return float("nan") if points is None else float(concordance_of_sums(sums_of(*points).sum(axis=0)[None])[0])


@figure(
    "pearson",
    higher_is_better=True,
    kinds=("score", "scores"),
    label="score",
    invalid="left out",
    formula="cov(x, y) / sqrt(var x · var y)",
)
def pearson_figure(judgments: Sequence[Judgment]) -> Statistic:
    """Pearson's correlation of scores and labels, -1 to 1."""
    return _statistic_of_sums(judgments, pearson, pearson_of_sums, "pearson")


@figure(
    "spearman",
    higher_is_better=True,
    kinds=("score", "scores"),
    label="score",
    invalid="left out",
    formula="Pearson's correlation of the ranks, ties at their mean rank",
)
def spearman_figure(judgments: Sequence[Judgment]) -> Statistic:
    """Spearman's correlation of scores and labels, -1 to 1."""
    return score_statistic(judgments, spearman, weighted_spearman, "spearman")


@figure(
    "kendall",
    higher_is_better=True,
    kinds=("score", "scores"),
    label="score",
    invalid="left out",
    formula="(concordant - discordant) / sqrt(pairs not tied in x · pairs not tied in y)",
)
def kendall_figure(judgments: Sequence[Judgment]) -> Statistic:
    """Kendall's tau-b of scores and labels, -1 to 1."""
    return score_statistic(judgments, kendall, weighted_kendall, "kendall")


@figure(
    "concordance",
    higher_is_better=True,
    kinds=("score", "scores"),
    label="score",
    need=ON_SCALE,
    invalid="left out",
    formula="2 cov(x, y) / (var x + var y + (mean x - mean y)²)",
    source="Lin, Biometrics 45 (1989)",
)
def concordance_figure(judgments: Sequence[Judgment]) -> Statistic:
    """Lin's concordance correlation of scores and labels, -1 to 1: lower than Pearson's where scale or mean differ."""
    if (undefined := without_scale(judgments)) is not None:
        return undefined
    return _statistic_of_sums(judgments, concordance, concordance_of_sums)


def weighted_pearson(x: Floats, y: Floats, weights: Floats) -> Floats:
    """Pearson's r of points that occur `weights` times; NaN where a series is constant.

    Args:
        x: One value a point, shape (m,), or (samples, m).
        y: As x.
        weights: How often each point occurs in each sample, shape (samples, m).

    Returns:
        One r a sample, shape (samples,).
    """
    total = weights.sum(axis=1)
    # Centering first keeps the sums of squares small enough for their differences to be exact.
    dx, dy = x - x.mean(), y - y.mean()
    wx, wy = weights * dx, weights * dy
    sums = np.stack([total, wx.sum(1), wy.sum(1), (wx * dx).sum(1), (wy * dy).sum(1), (wx * dy).sum(1)], axis=1)
    return pearson_of_sums(sums)


def pearson_of_sums(sums: Floats) -> Floats:
    """Pearson's r from the columns n, Σx, Σy, Σx², Σy², Σxy of roughly centered series, shape (samples, 6).

    A variance below 1e-12 of its own sum of squares is rounding: the series is constant and r is NaN.
    """
    vx, vy, cov = _moments(sums)
    with np.errstate(invalid="ignore"):
        return np.clip(cov / np.sqrt(vx * vy), -1.0, 1.0)


def sums_of(x: Floats, y: Floats) -> Floats:
    """What each point adds to the sums that `pearson_of_sums` takes, shape (n, 6); both series are shifted alike."""
    shift = (x.mean() + y.mean()) / 2
    dx, dy = x - shift, y - shift
    return np.stack([np.ones_like(x), dx, dy, dx * dx, dy * dy, dx * dy], axis=1)


def concordance_of_sums(sums: Floats) -> Floats:
    """Lin's concordance correlation from the sums that `pearson_of_sums` takes, NaN where that is."""
    n, sx, sy = sums.T[:3]
    vx, vy, cov = _moments(sums)
    with np.errstate(divide="ignore", invalid="ignore"):
        result: Floats = 2 * cov / (vx + vy + np.square(sx - sy) / n)
    return result


def weighted_spearman(points: Floats, weights: Floats) -> Floats:
    """Spearman's rho of points, shape (m, 2), that occur `weights` times, shape (samples, m); shape (samples,)."""
    x, y = points.T
    return weighted_pearson(_midranks(x, weights), _midranks(y, weights), weights)


def weighted_kendall(points: Floats, weights: Floats) -> Floats:
    """Kendall's tau-b of points that occur `weights` times; arguments as for `weighted_spearman`.

    Concordant minus discordant pairs are half of wᵀSw, S the signs of all pairs of points. Time grows with
    samples * points², so that few distinct points (scores on a scale) are cheap.
    """
    x, y = points.T
    balance = np.zeros(len(weights))
    for start in range(0, len(x), _BLOCK):
        rows = slice(start, start + _BLOCK)
        signs = np.sign(x[rows, None] - x[None, :]) * np.sign(y[rows, None] - y[None, :])
        balance += np.einsum("sp,sp->s", weights[:, rows], weights @ signs.T)
    total = weights.sum(axis=1)
    pairs = total * (total - 1)
    untied_x, untied_y = (pairs - _tied(values, weights) for values in (x, y))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where((untied_x > 0) & (untied_y > 0), balance / np.sqrt(untied_x * untied_y), np.nan)


_BLOCK = 1024


def _statistic_of_sums(
    judgments: Sequence[Judgment],
    formula: Callable[[Floats, Floats], float],
    of_sums: OfSums,
    shape: Shape = "other",
) -> Statistic:
    """A correlation that is a function of the sums of `sums_of`."""
    scores = labeled_scores(judgments)
    said, label, counted = scores
    if (reason := scores.why_undefined) is not None:
        return undefined_statistic(reason, counted, len(said), shape)
    return Statistic(formula(said, label), sums_of(said, label), of_sums, counted, shape=shape)


def _moments(sums: Floats) -> tuple[Floats, Floats, Floats]:
    """Variances and covariance, each times n; a variance is NaN where its series is constant."""
    n, sx, sy, sxx, syy, sxy = sums.T
    with np.errstate(divide="ignore", invalid="ignore"):
        vx, vy, cov = sxx - sx * sx / n, syy - sy * sy / n, sxy - sx * sy / n
        known = (vx > 1e-12 * sxx) & (vy > 1e-12 * syy)
    return np.where(known, vx, np.nan), np.where(known, vy, np.nan), cov


def _points(x: ArrayLike, y: ArrayLike) -> tuple[Floats, Floats] | None:
    a, b = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if a.size < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    return a, b


def _per_level(values: Floats, weights: Floats) -> tuple[Floats, NDArray[np.intp]]:
    _, level = np.unique(values, return_inverse=True)
    order = np.argsort(level, kind="stable")
    starts = np.searchsorted(level[order], np.arange(level.max() + 1))
    return np.add.reduceat(weights[:, order], starts, axis=1), level


def _midranks(values: Floats, weights: Floats) -> Floats:
    counts, level = _per_level(values, weights)
    ranks: Floats = (np.cumsum(counts, axis=1) - (counts - 1) / 2)[:, level]
    return ranks


def _tied(values: Floats, weights: Floats) -> Floats:
    counts, _ = _per_level(values, weights)
    tied: Floats = (counts * (counts - 1)).sum(axis=1)
    return tied

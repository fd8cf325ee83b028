"""Agreement beyond chance: Cohen's kappa, Krippendorff's alpha, macro F1."""

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Level = Literal["nominal", "ordinal", "interval"]


def cohen_kappa(x: ArrayLike, y: ArrayLike) -> float:
    """Cohen's kappa of two raters' categories, at most 1; NaN of nothing, or where both give one and the same category.

    Cohen, Educational and Psychological Measurement 20 (1960).

    >>> cohen_kappa([0, 1, 1, 0], [0, 1, 0, 0])
    0.5
    """
    return _of_all(x, y, weighted_cohen_kappa)


def quadratic_kappa(x: ArrayLike, y: ArrayLike) -> float:
    """Cohen's kappa with disagreements weighted by their squared distance; numbers are compared, not ranks.

    Cohen, Psychological Bulletin 70 (1968). NaN as for `cohen_kappa`.

    >>> round(quadratic_kappa([1, 2, 3], [1, 2, 4]), 3)
    0.857
    """
    return _of_all(x, y, weighted_quadratic_kappa)


def macro_f1(x: ArrayLike, y: ArrayLike) -> float:
    """Unweighted mean of the F1 of every category that occurs in verdicts x or labels y, 0 to 1; NaN of nothing.

    >>> round(macro_f1([0, 0, 1], [0, 1, 1]), 3)
    0.667
    """
    return _of_all(x, y, weighted_macro_f1)


def krippendorff_alpha(ratings: ArrayLike, level: Level = "nominal") -> float:
    """Krippendorff's alpha of any number of raters, at most 1; NaN where it is undefined.

    Units rated once are left out; NaN too where all paired ratings are equal, for lack of variation. Krippendorff,
    "Computing Krippendorff's Alpha-Reliability" (2011), section E.

    Args:
        ratings: Shape (raters, units); NaN where a rater gave none.
        level: How far apart two ratings are: "nominal", "ordinal" or "interval".

    >>> krippendorff_alpha([[1, 1, 2, 2], [1, 1, 2, 1]])
    0.5333333333333333
    """
    table = np.asarray(ratings, dtype=np.float64)
    table = table[:, (~np.isnan(table)).sum(axis=0) > 1]
    values = np.unique(table[~np.isnan(table)])
    of_unit = (table[:, :, None] == values).sum(axis=0).astype(np.float64)
    coincidences = np.zeros((len(values), len(values)))
    for counts in of_unit:
        coincidences += (np.outer(counts, counts) - np.diag(counts)) / (counts.sum() - 1)
    totals = coincidences.sum(axis=0)
    distances = _DISTANCES[level](values, totals)
    expected = (np.outer(totals, totals) * distances).sum()
    if not expected:
        return float("nan")
    return float(1 - (totals.sum() - 1) * (coincidences * distances).sum() / expected)


def weighted_cohen_kappa(points: Floats, weights: Floats) -> Floats:
    """Cohen's kappa of pairs of categories, points (m, 2), that occur `weights` (samples, m) times; (samples,)."""
    return _weighted_kappa(points, weights, lambda a, b: (a != b).astype(np.float64))


def weighted_quadratic_kappa(points: Floats, weights: Floats) -> Floats:
    """Quadratic kappa; arguments as of `weighted_cohen_kappa`."""
    return _weighted_kappa(points, weights, lambda a, b: np.square(a - b))


def weighted_macro_f1(points: Floats, weights: Floats) -> Floats:
    """Macro F1 over the categories that occur in each sample; arguments as of `weighted_cohen_kappa`."""
    found = np.unique(points)
    with np.errstate(divide="ignore", invalid="ignore"):
        scores = [
            2 * weights[:, (points == value).all(axis=1)].sum(axis=1) / (weights @ (points == value).sum(axis=1))
            for value in found
        ]
        # A category that does not occur in a sample is 0 / 0, and no part of its mean.
        table = np.stack(scores, axis=1) if scores else np.empty((len(weights), 0))
        result: Floats = np.nansum(table, axis=1) / (~np.isnan(table)).sum(axis=1)
    return result


def _weighted_kappa(points: Floats, weights: Floats, distance: Callable[[Floats, Floats], Floats]) -> Floats:
    found = np.unique(points)
    total = weights.sum(axis=1)
    observed = weights @ distance(points[:, 0], points[:, 1]) / total
    of_x, of_y = (weights @ (points[:, [side]] == found).astype(np.float64) / total[:, None] for side in (0, 1))
    expected = np.einsum("sa,ab,sb->s", of_x, distance(found[:, None], found[None, :]), of_y)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(expected > 0, 1 - observed / expected, np.nan)


def _of_all(x: ArrayLike, y: ArrayLike, weighted: Callable[[Floats, Floats], Floats]) -> float:
    points = np.stack([np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)], axis=1)
    return float(weighted(points, np.ones((1, len(points))))[0]) if len(points) else float("nan")


def _ordinal(values: Floats, totals: Floats) -> Floats:
    # The ratings from one value to the other, those at both ends counted half.
    middles = np.cumsum(totals) - totals / 2
    result: Floats = np.square(middles[:, None] - middles[None, :])
    return result


_DISTANCES: dict[Level, Callable[[Floats, Floats], Floats]] = {
    "nominal": lambda values, totals: (values[:, None] != values[None, :]).astype(np.float64),
    "ordinal": _ordinal,
    "interval": lambda values, totals: np.square(values[:, None] - values[None, :]),
}

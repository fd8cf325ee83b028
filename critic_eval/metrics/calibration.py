"""Scores and probabilities from a verdict's distribution, and how far such probabilities can be trusted."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import isotonic_regression


def expected_score(logprobs: ArrayLike, values: ArrayLike) -> float:
    """Mean score of a distribution over verdict tokens, renormalized over the given ones; NaN where all are -inf.

    As G-Eval weighs scores by their token probabilities (arXiv 2303.16634, section 2.2).

    Args:
        logprobs: Natural log-probability of each score's token, at most 0 each.
        values: The scores.

    >>> round(expected_score([-0.7, -0.7], [4, 5]), 6)
    4.5
    """
    logs, scores = np.asarray(logprobs, dtype=np.float64), np.asarray(values, dtype=np.float64)
    if not np.isfinite(logs).any():
        return float("nan")
    shares = np.exp(logs - logs.max())
    return float(shares @ scores / shares.sum())


def isotonic_map(scores: ArrayLike, labels: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The monotone map from scores to labels of least squared error, as knots to interpolate between.

    Scores on any scale get onto the labels' so, in the same order; equal scores get one value. Beyond the outermost
    knots the map is constant (`numpy.interp`), so that no label is exceeded. Barlow, Bartholomew, Bremner and Brunk,
    "Statistical Inference under Order Restrictions" (1972); computed by SciPy.

    Args:
        scores: Shape (n,).
        labels: Shape (n,).

    Returns:
        The distinct scores, ascending, and the value of each.

    >>> knots = isotonic_map([-2.0, 0.5, 1.0, 3.0], [0, 50, 40, 100])
    >>> float(np.interp(0.7, *knots)), float(np.interp(9.0, *knots))
    (45.0, 100.0)
    """
    known, place, times = np.unique(np.asarray(scores, dtype=np.float64), return_inverse=True, return_counts=True)
    means = np.bincount(place, weights=np.asarray(labels, dtype=np.float64)) / times
    return known, np.asarray(isotonic_regression(means, weights=times).x)


def brier(probabilities: ArrayLike, outcomes: ArrayLike) -> float:
    """Brier score: mean squared difference of the probability of an event and whether it came, 0 (best) to 1.

    NaN of nothing. Brier, Monthly Weather Review 78 (1950), for two classes counted once.

    >>> brier([0.9, 0.2], [1, 0])
    0.025
    """
    p, came = np.asarray(probabilities, dtype=np.float64), np.asarray(outcomes, dtype=np.float64)
    return float(np.square(p - came).mean()) if p.size else float("nan")


def calibration_error(probabilities: ArrayLike, outcomes: ArrayLike, n_bins: int = 10) -> float:
    """Expected calibration error over equally wide bins of [0, 1], the last one closed; 0 (best) to 1, NaN of nothing.

    Mean over bins, weighted by size, of the difference between mean probability and share of events. Naeini, Cooper and
    Hauskrecht, AAAI 2015.

    >>> round(calibration_error([0.9, 0.9, 0.9, 0.1], [1, 1, 0, 0]), 3)
    0.2
    """
    p, came = np.asarray(probabilities, dtype=np.float64), np.asarray(outcomes, dtype=np.float64)
    if not p.size:
        return float("nan")
    bins = np.minimum((p * n_bins).astype(np.intp), n_bins - 1)
    gaps = np.bincount(bins, weights=p - came, minlength=n_bins)
    return float(np.abs(gaps).sum() / p.size)

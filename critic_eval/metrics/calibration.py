"""Scores from a verdict's distribution, and how far probabilities and other confidences can be trusted."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import isotonic_regression

from critic_eval.metrics.resampling import Floats

N_BINS = 10


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


def calibration_error(probabilities: ArrayLike, outcomes: ArrayLike, n_bins: int = N_BINS) -> float:
    """Expected calibration error over equally wide bins of [0, 1], the last one closed; 0 (best) to 1, NaN of nothing.

    Mean over bins, weighted by size, of the difference between mean probability and share of events. Naeini, Cooper and
    Hauskrecht, AAAI 2015.

    >>> round(calibration_error([0.9, 0.9, 0.9, 0.1], [1, 1, 0, 0]), 3)
    0.2
    """
    p, came = np.asarray(probabilities, dtype=np.float64), np.asarray(outcomes, dtype=np.float64)
    return float(calibration_error_of_sums(bin_gaps(p, came, n_bins).sum(axis=0)[None])[0]) if p.size else float("nan")


def bin_gaps(p: Floats, came: Floats, n_bins: int = N_BINS) -> Floats:
    """What each forecast adds to the gap of its bin, and 1 to their number; shape (n, n_bins + 1)."""
    gaps = np.zeros((len(p), n_bins + 1))
    gaps[np.arange(len(p)), np.minimum((p * n_bins).astype(np.intp), n_bins - 1)] = p - came
    gaps[:, -1] = 1.0
    return gaps


def calibration_error_of_sums(sums: Floats) -> Floats:
    """`calibration_error` of sums of `bin_gaps`, shape (samples, n_bins + 1), as (samples,)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        error: Floats = np.abs(sums[:, :-1]).sum(axis=1) / sums[:, -1]
    return error


def auroc(confidences: ArrayLike, outcomes: ArrayLike) -> float:
    """Chance that a right answer is more confident than a wrong one, ties counted half: the area under the ROC curve.

    0.5 tells nothing, 1 is best. NaN unless there are both right (1) and wrong (0) ones. Hanley and McNeil, Radiology
    143 (1982).

    >>> auroc([0.9, 0.8, 0.8, 0.4], [1, 1, 0, 0])
    0.875
    """
    return float(weighted_auroc(_points(confidences, outcomes), np.ones((1, np.size(confidences))))[0])


def selective_accuracy(confidences: ArrayLike, outcomes: ArrayLike, coverage: float) -> float:
    """Share of right answers among the most confident ones, 0 to 1; NaN of nothing.

    Where several are equally confident and not all are among these, they count by their mean, and where the coverage is
    no whole number of answers, the last one counts in part: so no order of the answers matters. El-Yaniv and Wiener,
    JMLR 11 (2010).

    Args:
        confidences: shape (n,).
        outcomes: right (1) or wrong (0), shape (n,).
        coverage: which share of the answers is kept, above 0 to 1.

    >>> selective_accuracy([0.9, 0.8, 0.8, 0.4], [1, 1, 0, 0], 0.5)
    0.75
    """
    points = _points(confidences, outcomes)
    return float(weighted_selective_accuracy(points, np.ones((1, len(points))), coverage)[0])


def weighted_auroc(points: Floats, weights: Floats) -> Floats:
    """`auroc` of points of confidence and outcome (m, 2) that occur `weights` (samples, m) times; (samples,)."""
    right, every = _by_confidence(points, weights)
    wrong = every - right
    below = np.cumsum(wrong, axis=1) - wrong
    with np.errstate(divide="ignore", invalid="ignore"):
        area: Floats = (right * (below + wrong / 2)).sum(axis=1) / (right.sum(axis=1) * wrong.sum(axis=1))
    return area


def weighted_selective_accuracy(points: Floats, weights: Floats, coverage: float) -> Floats:
    """`selective_accuracy`; the other arguments as of `weighted_auroc`."""
    right, every = (part[:, ::-1] for part in _by_confidence(points, weights))
    kept = coverage * every.sum(axis=1)
    taken = np.clip(kept[:, None] - (np.cumsum(every, axis=1) - every), 0, every)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(every > 0, right / every, 0.0)
        accuracy: Floats = (taken * share).sum(axis=1) / kept
    return accuracy


def _points(confidences: ArrayLike, outcomes: ArrayLike) -> Floats:
    return np.stack([np.asarray(confidences, np.float64), np.asarray(outcomes, np.float64)], axis=1)


def _by_confidence(points: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """For each distinct confidence, ascending, how many answers are right and how many there are, (samples, k) each."""
    if not len(points):
        return np.zeros((len(weights), 0)), np.zeros((len(weights), 0))
    ordered = np.argsort(points[:, 0], kind="stable")
    _, starts = np.unique(points[ordered, 0], return_index=True)
    every = weights[:, ordered]
    right = every * points[ordered, 1]
    return np.add.reduceat(right, starts, axis=1), np.add.reduceat(every, starts, axis=1)

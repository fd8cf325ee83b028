"""The bootstrap clustered by item: standard errors and intervals of figures over judgments.

Judgments of one item (its two orders, its repeats) are not independent, so whole items are drawn with replacement. In a
resample an item occurs `count` times, and a statistic that depends on sums over judgments is computed for many
resamples at once from (resamples x items) counts times per-item sums.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

Floats = NDArray[np.float64]


class Interval(NamedTuple):
    """Standard error and bounds of a bootstrap distribution."""

    stderr: float
    low: float
    high: float


def interval(draws: ArrayLike, level: float = 0.95) -> Interval:
    """Standard deviation and percentile interval of bootstrap draws.

    Draws where the statistic is undefined (NaN) are left out; if those are more than half, or fewer than two remain,
    the answer is NaN. Percentile method: Efron & Tibshirani, An Introduction to the Bootstrap, 13.3.

    >>> interval([0.0, 1.0, 2.0], level=0.5)
    Interval(stderr=1.0, low=0.5, high=1.5)
    """
    values = np.asarray(draws, dtype=np.float64)
    defined = values[np.isfinite(values)]
    if len(defined) < 2 or 2 * len(defined) < len(values):
        return Interval(float("nan"), float("nan"), float("nan"))
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(defined.std(ddof=1)), float(low), float(high))


def bootstrap_sums(
    columns: ArrayLike, clusters: ArrayLike, statistic: Callable[[Floats], Floats], resamples: int, seed: int
) -> Floats:
    """Draws of a statistic of column sums.

    Args:
        columns: Shape (rows, k).
        clusters: The cluster of each row, any integers or strings, shape (rows,).
        statistic: Takes sums of the columns, shape (b, k), and gives one value a resample, shape (b,).
        resamples: How many draws.
        seed: Equal seeds give equal draws.

    Returns:
        Shape (resamples,); all NaN for fewer than two clusters, whose spread can't be known.

    >>> draws = bootstrap_sums([[1, 1], [0, 1], [1, 1]], [0, 1, 2], lambda s: s[:, 0] / s[:, 1], resamples=4, seed=0)
    >>> draws.shape
    (4,)
    """
    rows = np.asarray(columns, dtype=np.float64)
    of_row, n = _numbered(clusters)
    per_cluster = np.zeros((n, rows.shape[1]))
    np.add.at(per_cluster, of_row, rows)
    return _draws(n, lambda counts: statistic(counts @ per_cluster), resamples, seed)


def bootstrap_cells(
    cells: ArrayLike, clusters: ArrayLike, statistic: Callable[[Floats], Floats], resamples: int, seed: int
) -> Floats:
    """Draws of a statistic of how often each distinct point ("cell") occurs.

    Args:
        cells: The cell of each row, 0 to k - 1, shape (rows,).
        clusters: The cluster of each row, shape (rows,).
        statistic: Takes the cells' frequencies, shape (b, k), and gives one value a resample, shape (b,).
        resamples: How many draws.
        seed: Equal seeds give equal draws.

    Returns:
        As `bootstrap_sums`.

    >>> bootstrap_cells([0, 1, 1], [0, 1, 2], lambda w: w.sum(axis=1), resamples=2, seed=0)
    array([3., 3.])
    """
    of_row, n = _numbered(clusters)
    of_cell = np.asarray(cells, dtype=np.intp)
    k = int(of_cell.max(initial=-1)) + 1
    # Sparse, since with continuous scores nearly every row is a cell of its own.
    by_cell = sparse.csr_array((np.ones(len(of_cell)), (of_cell, of_row)), shape=(k, n))
    return _draws(n, lambda counts: statistic(np.ascontiguousarray((by_cell @ counts.T).T)), resamples, seed)


_BLOCK_ENTRIES = 2_000_000


def _draws(n: int, statistic: Callable[[Floats], Floats], resamples: int, seed: int) -> Floats:
    if n < 2:
        return np.full(resamples, np.nan)
    return np.concatenate([statistic(counts) for counts in _counts(n, resamples, seed)] or [np.empty(0)])


def _counts(n: int, resamples: int, seed: int) -> Iterator[Floats]:
    """How often each of n clusters is drawn in each resample, in blocks that stay small in memory."""
    rng = np.random.default_rng(seed)
    block = max(1, _BLOCK_ENTRIES // n)
    for start in range(0, resamples, block):
        size = min(block, resamples - start)
        drawn = rng.integers(0, n, size=(size, n))
        drawn += np.arange(size)[:, None] * n
        yield np.bincount(drawn.ravel(), minlength=size * n).reshape(size, n).astype(np.float64)


def _numbered(clusters: ArrayLike) -> tuple[NDArray[np.intp], int]:
    names, of_row = np.unique(np.asarray(clusters), return_inverse=True)
    return of_row, len(names)

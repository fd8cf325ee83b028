"""The bootstrap clustered by item: standard errors and intervals of figures over judgments.

Judgments of one item (its two orders, its repeats) are not independent, so whole items are drawn with replacement.
Every figure here is a function of sums over judgments; in a resample an item occurs `count` times, and the sums of
many resamples at once are (resamples x items) counts times per-item sums. Items whose sums are equal are one type, and
where types are few, how often each occurs is drawn directly: the same distribution, for a fraction of the work.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

Floats = NDArray[np.float64]
Addends = Floats | sparse.csr_array
OfSums = Callable[[Floats], Floats]
"""From sums of columns, shape (b, k), to one value a resample, shape (b,), or several, shape (b, m)."""
Seed = int | tuple[int, ...]


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


def bootstrap(addends: ArrayLike | Addends, clusters: ArrayLike, of_sums: OfSums, n: int, seed: Seed) -> Floats:
    """Draws of a figure that is a function of column sums.

    Args:
        addends: What each row adds to the sums, shape (rows, k), dense or sparse.
        clusters: The cluster of each row, any integers or strings, shape (rows,).
        of_sums: The figure from the sums; see `OfSums`.
        n: How many resamples.
        seed: Equal seeds give equal draws.

    Returns:
        Shape (n,), or (n, m) for m values; all NaN, of shape (n,), for fewer than two clusters, whose spread can't be
        known.

    >>> draws = bootstrap([[1, 1], [0, 1], [1, 1]], [0, 1, 2], lambda s: s[:, 0] / s[:, 1], n=4, seed=0)
    >>> draws.shape
    (4,)
    """
    rows = addends if sparse.issparse(addends) else np.asarray(addends, dtype=np.float64)
    names, of_row = np.unique(np.asarray(clusters), return_inverse=True)
    n_clusters = len(names)
    if n_clusters < 2 or n == 0:
        return np.full(n, np.nan)
    members = (np.ones(len(of_row)), (of_row, np.arange(len(of_row))))
    per_cluster = sparse.csr_array(members, shape=(n_clusters, len(of_row))) @ rows
    rng = np.random.default_rng(seed)
    if per_cluster.shape[1] <= _DENSE:
        few = _few_types(per_cluster)
        if few is not None:
            types, size = few
            return of_sums(rng.multinomial(n_clusters, size / n_clusters, size=n) @ types)
        dense = per_cluster.toarray() if sparse.issparse(per_cluster) else per_cluster
        return np.concatenate([of_sums(counts @ dense) for counts in _counts(n_clusters, n, rng)])
    transposed = sparse.csr_array(per_cluster.T)
    blocks = (np.ascontiguousarray((transposed @ counts.T).T) for counts in _counts(n_clusters, n, rng))
    return np.concatenate([of_sums(block) for block in blocks])


def distinct_rows(rows: Floats) -> tuple[Floats, NDArray[np.intp]]:
    """The distinct rows of a table (m, k) in ascending order, and the index of each row among them.

    As `np.unique(rows, axis=0, return_inverse=True)`, by hashing: that sorts all rows, and takes ten times as long.
    """
    import pandas as pd  # takes a quarter of a second to load

    index = np.zeros(len(rows), dtype=np.intp)
    for column in rows.T:
        if len(column) and (column == column[0]).all():
            continue
        codes, values = pd.factorize(column, sort=True, use_na_sentinel=False)
        index, _ = pd.factorize(index * max(len(values), 1) + codes, sort=True)
    first = np.unique(index, return_index=True)[1]
    return rows[first], index


def _few_types(per_cluster: Any) -> tuple[Floats, NDArray[np.intp]] | None:
    """The distinct rows and how often each occurs, or None where they are too many to be worth it."""
    n = per_cluster.shape[0]
    types, size = np.empty((0, per_cluster.shape[1])), np.empty(0, dtype=np.intp)
    step = max(1, _BLOCK_ENTRIES // per_cluster.shape[1])
    for start in range(0, n, step):
        block = per_cluster[start : start + step]
        block_types, type_of_row = distinct_rows(block if isinstance(block, np.ndarray) else block.toarray())
        types, merged = distinct_rows(np.concatenate([types, block_types]))
        sizes = np.concatenate([size, np.bincount(type_of_row, minlength=len(block_types))])
        size = np.bincount(merged, weights=sizes, minlength=len(types)).astype(np.intp)
        if _FEW * len(types) > n:
            return None
    return types, size


_BLOCK_ENTRIES = 2_000_000
_DENSE = 64
_FEW = 8


def _counts(n_clusters: int, n: int, rng: np.random.Generator) -> Iterator[Floats]:
    """How often each cluster is drawn in each of n resamples, in blocks that stay small in memory."""
    block = max(1, _BLOCK_ENTRIES // n_clusters)
    for start in range(0, n, block):
        size = min(block, n - start)
        drawn = rng.integers(0, n_clusters, size=(size, n_clusters))
        drawn += np.arange(size)[:, None] * n_clusters
        counted = np.bincount(drawn.ravel(), minlength=size * n_clusters)
        yield counted.reshape(size, n_clusters).astype(np.float64)

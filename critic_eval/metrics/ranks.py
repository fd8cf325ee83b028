"""Ranks of critics with their uncertainty, and groups of critics that can't be told apart."""

from collections.abc import Collection, Sequence

import numpy as np

from critic_eval.errors import ArgumentError
from critic_eval.metrics.resampling import Floats


def rank_intervals(draws: Floats, higher_is_better: bool = True) -> list[tuple[int, int]]:
    """95 % intervals of ranks, 1 the best, from bootstrap draws of each critic's figure, shape (critics, resamples).

    Equal values share the better rank. NaN is worse than everything.

    Raises:
        ArgumentError: there are no draws.

    >>> import numpy as np
    >>> rank_intervals(np.array([[0.9, 0.8, 0.9], [0.5, 0.5, 0.5], [0.8, 0.9, 0.8]]))
    [(1, 2), (3, 3), (1, 2)]
    """
    values = np.asarray(draws, dtype=np.float64)
    if values.ndim != 2 or not values.size:
        raise ArgumentError("Ranks need draws of at least one critic.")
    signed = np.where(np.isnan(values), -np.inf, values if higher_is_better else -values)
    ranks = 1 + (signed[None, :, :] > signed[:, None, :]).sum(axis=1)
    low, high = np.percentile(ranks, [2.5, 97.5], axis=1, method="nearest").astype(int)
    return list(zip(low.tolist(), high.tolist(), strict=True))


def significance_letters(n: int, different: Collection[tuple[int, int]]) -> list[str]:
    """Letters for `n` critics, best first: two share a letter exactly where they are not known to differ.

    The insert-and-absorb method: Piepho, Journal of Computational and Graphical Statistics 13 (2004).

    Args:
        n: how many critics.
        different: pairs of indices that differ significantly, in either order.

    >>> significance_letters(3, [(0, 2)])
    ['a', 'ab', 'b']
    """
    columns: list[frozenset[int]] = [frozenset(range(n))] if n else []
    for first, second in sorted({(min(pair), max(pair)) for pair in different}):
        split: list[frozenset[int]] = []
        for column in columns:
            split += [column - {first}, column - {second}] if {first, second} <= column else [column]
        columns = _absorbed(split)
    columns.sort(key=sorted)
    return ["".join(_letter(index) for index, column in enumerate(columns) if critic in column) for critic in range(n)]


def _absorbed(columns: Sequence[frozenset[int]]) -> list[frozenset[int]]:
    """Columns without those that lie within another."""
    distinct = list(dict.fromkeys(columns))
    return [column for column in distinct if column and not any(column < other for other in distinct)]


def _letter(index: int) -> str:
    """One of a to z, then numbers in parentheses."""
    return chr(ord("a") + index) if index < 26 else f"({index})"

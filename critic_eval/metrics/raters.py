"""Krippendorff's alpha with its interval: how far several raters agree, for the bootstrap over units."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from critic_eval.metrics.agreement import Level
from critic_eval.metrics.resampling import Floats
from critic_eval.metrics.statistic import Counted, Statistic, undefined_statistic


def alpha_statistic(ratings: ArrayLike, clusters: Sequence[str], level: Level = "nominal") -> Statistic:
    """Krippendorff's alpha of any number of raters, at most 1; see `agreement.krippendorff_alpha`.

    Args:
        ratings: shape (raters, units); NaN where a rater gave none. A unit rated once is left out.
        clusters: what each unit is resampled with, shape (units,).
        level: "nominal" or "interval", which are functions of sums over units; "ordinal" is not.
    """
    table = np.asarray(ratings, dtype=np.float64).T
    is_paired = (~np.isnan(table)).sum(axis=1) > 1
    table = table[is_paired]
    kept = [cluster for cluster, is_kept in zip(clusters, is_paired, strict=True) if is_kept]
    counted = Counted(kept, len(set(kept)), if_none="no unit is rated by two")
    if not len(table):
        return undefined_statistic(counted.if_none, counted)
    addends = _nominal_addends(table) if level == "nominal" else _interval_addends(table)
    of_sums = _nominal_alpha if level == "nominal" else _interval_alpha
    value = float(of_sums(addends.sum(axis=0)[None])[0])
    reason = "all ratings are the same" if np.isnan(value) else None
    return Statistic(value, addends, of_sums, counted, reason)


def _nominal_addends(table: Floats) -> Floats:
    """Of each unit the disagreeing pairs over raters less one, and how often it is rated by each category."""
    of_category = np.stack([(table == value).sum(axis=1) for value in np.unique(table[~np.isnan(table)])], axis=1)
    n = of_category.sum(axis=1)
    disagreeing = (n**2 - (of_category**2).sum(axis=1)) / (n - 1)
    return np.column_stack([disagreeing, of_category]).astype(np.float64)


def _nominal_alpha(sums: Floats) -> Floats:
    n = sums[:, 1:].sum(axis=1)
    return _alpha(n, sums[:, 0], n**2 - (sums[:, 1:] ** 2).sum(axis=1))


def _interval_addends(table: Floats) -> Floats:
    """Of each unit the squared distances over raters less one, and number, sum and squares of its ratings."""
    n, total, squares = (~np.isnan(table)).sum(axis=1), np.nansum(table, axis=1), np.nansum(table**2, axis=1)
    return np.column_stack([2 * (n * squares - total**2) / (n - 1), n, total, squares]).astype(np.float64)


def _interval_alpha(sums: Floats) -> Floats:
    distances, n, total, squares = sums.T
    return _alpha(n, distances, 2 * (n * squares - total**2))


def _alpha(n: Floats, observed: Floats, expected: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        # What is left of equal numbers after their squares are subtracted is rounding.
        return np.where(expected > 1e-9 * n**2, 1 - (n - 1) * observed / expected, np.nan)

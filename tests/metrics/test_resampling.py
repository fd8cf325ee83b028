"""Oracle: the analytic standard error of a mean of clusters, and loops that resample rows one by one."""

import numpy as np
import pytest
from scipy import sparse

from critic_eval.metrics import bootstrap, interval
from critic_eval.metrics.resampling import _counts


def mean_draws(values: np.ndarray, clusters: np.ndarray, resamples: int = 4000) -> np.ndarray:
    columns = np.stack([values, np.ones_like(values)], axis=1)
    return bootstrap(columns, clusters, lambda sums: sums[:, 0] / sums[:, 1], resamples, seed=0)


def test_error_of_a_mean_of_clusters_is_the_analytic_one() -> None:
    rng = np.random.default_rng(1)
    clusters = np.repeat(np.arange(400), 2)
    values = np.repeat(rng.normal(size=400), 2) + 0.1 * rng.normal(size=800)
    stderr, low, high = interval(mean_draws(values, clusters))
    means = values.reshape(400, 2).mean(axis=1)
    analytic = means.std(ddof=1) / np.sqrt(400)
    assert stderr == pytest.approx(analytic, rel=0.05)
    assert low == pytest.approx(means.mean() - 1.96 * analytic, abs=0.1 * analytic)
    assert high == pytest.approx(means.mean() + 1.96 * analytic, abs=0.1 * analytic)


def test_judgments_of_one_item_move_together() -> None:
    values = np.repeat(np.random.default_rng(2).integers(0, 2, 300), 2).astype(float)
    together = interval(mean_draws(values, np.repeat(np.arange(300), 2))).stderr
    apart = interval(mean_draws(values, np.arange(600))).stderr
    assert together == pytest.approx(apart * np.sqrt(2), rel=0.06)


def test_sums_equal_a_loop_over_the_same_draws() -> None:
    rng = np.random.default_rng(3)
    clusters = rng.integers(0, 7, 40)
    values = rng.normal(size=40)
    counts = np.concatenate(list(_counts(7, 50, np.random.default_rng(0))))
    expected = [np.repeat(values, row[clusters].astype(int)).mean() for row in counts]
    np.testing.assert_allclose(mean_draws(values, clusters, 50), expected)


def test_sparse_addends_give_the_same_draws_as_dense_ones() -> None:
    rng = np.random.default_rng(4)
    clusters, cells = rng.integers(0, 90, 200), rng.integers(0, 80, 200)
    one_hot = np.eye(80)[cells]
    weights = rng.normal(size=80)

    def statistic(sums: np.ndarray) -> np.ndarray:
        drawn: np.ndarray = sums @ weights
        return drawn

    dense, thin = (bootstrap(rows, clusters, statistic, 50, seed=0) for rows in (one_hot, sparse.csr_array(one_hot)))
    np.testing.assert_allclose(dense, thin)


def test_few_types_of_items_are_drawn_from_the_same_distribution() -> None:
    """Equal items are drawn by type; a tiny second column that tells them apart forces drawing one by one."""
    rng = np.random.default_rng(5)
    hits = rng.integers(0, 2, 900).astype(float)
    apart = np.stack([hits, np.ones(900), rng.normal(size=900)], axis=1)
    by_type, one_by_one = (
        interval(bootstrap(rows, np.arange(900), lambda sums: sums[:, 0] / sums[:, 1], 20_000, seed=0))
        for rows in (apart[:, :2], apart)
    )
    assert by_type.stderr == pytest.approx(one_by_one.stderr, rel=0.03)
    assert by_type.low == pytest.approx(one_by_one.low, abs=0.003)
    assert by_type.high == pytest.approx(one_by_one.high, abs=0.003)


def test_every_resample_has_as_many_clusters_as_there_are() -> None:
    blocks = list(_counts(1500, 3000, np.random.default_rng(0)))
    assert len(blocks) > 1
    counts = np.concatenate(blocks)
    assert counts.shape == (3000, 1500)
    assert (counts.sum(axis=1) == 1500).all()
    assert counts.var() == pytest.approx(1, abs=0.02)


def test_seed_fixes_the_draws() -> None:
    values, clusters = np.arange(9.0), np.arange(9)
    assert (mean_draws(values, clusters, 9) == mean_draws(values, clusters, 9)).all()


def test_one_cluster_has_no_known_spread() -> None:
    assert np.isnan(interval(mean_draws(np.arange(3.0), np.zeros(3)))).all()


def test_interval_leaves_out_undefined_draws_unless_they_prevail() -> None:
    assert interval([1.0, 2.0, 3.0, np.nan]).stderr == pytest.approx(1)
    assert np.isnan(interval([1.0, 2.0, np.nan, np.nan, np.nan])).all()
    assert np.isnan(interval([])).all()

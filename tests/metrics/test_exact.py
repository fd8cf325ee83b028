"""Intervals that a bootstrap can't give. Oracles: SciPy's exact intervals, and how often they hold a planted truth."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

from critic_eval.judging import Judgment, Ranking
from critic_eval.metrics import Figure, compute_figure, group_figures
from critic_eval.metrics.exact import clopper_pearson, fisher_z, mean_of_groups, student_t
from tests.factories import judged, scored


@pytest.mark.parametrize(("right", "n"), [(6, 6), (0, 7), (11, 19), (1, 1)])
def test_a_share_of_few_items_has_scipys_exact_interval(right: int, n: int) -> None:
    found = compute_figure("accuracy_with_tie", judged([[i < right] for i in range(n)]))
    expected = stats.binomtest(right, n).proportion_ci(0.95, "exact")
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.interval == "clopper-pearson"
    assert found.stderr == pytest.approx((found.high - found.low) / 3.92, rel=1e-4)


def test_both_orders_of_an_item_are_one_item() -> None:
    once, twice = (compute_figure("accuracy_with_tie", judged([[True] * orders] * 6)) for orders in (1, 2))
    assert (once.low, once.high) == (twice.low, twice.high)
    assert (once.n, once.n_items, twice.n, twice.n_items) == (6, 6, 12, 6)


def test_items_of_one_cluster_are_one() -> None:
    found = compute_figure("accuracy_with_tie", judged([[True]] * 6, cluster="one image"))
    expected = stats.binomtest(1, 1).proportion_ci(0.95, "exact")
    assert found.low == pytest.approx(expected.low)
    assert found.n_items == 6


def test_many_items_that_are_all_right_are_not_without_doubt() -> None:
    found = compute_figure("accuracy_with_tie", judged([[True, True]] * 200))
    assert found.low == pytest.approx(stats.binomtest(200, 200).proportion_ci(0.95, "exact").low)
    assert found.stderr > 0


def test_twenty_items_that_differ_keep_the_bootstrap() -> None:
    assert compute_figure("accuracy_with_tie", judged([[i < 9] for i in range(20)])).interval == "bootstrap"
    assert compute_figure("accuracy_with_tie", judged([[i < 9] for i in range(19)])).interval == "clopper-pearson"


def test_intervals_of_small_runs_in_both_orders_hold_the_true_accuracy() -> None:
    """1,000 runs of 6 to 19 items; the orders of an item agree by a share that differs from run to run."""
    rng = np.random.default_rng(11)
    held = 0
    for _ in range(1000):
        n, truth, alike = int(rng.integers(6, 20)), rng.uniform(0.5, 0.98), rng.random()
        first, second = (rng.random(n) < truth for _ in range(2))
        second = np.where(rng.random(n) < alike, first, second)
        found = compute_figure("accuracy_with_tie", judged(np.stack([first, second], 1).tolist()), resamples=2)
        held += found.low <= truth <= found.high
    assert held >= 930


@pytest.mark.parametrize("name", ["pearson", "spearman", "kendall"])
def test_a_correlation_of_few_items_has_an_interval_by_fishers_z(name: str) -> None:
    rng = np.random.default_rng(2)
    label = rng.normal(size=12)
    found = compute_figure(name, scored(label + rng.normal(size=12), label))
    assert found.interval == "fisher-z"
    assert -1 < found.low < found.value < found.high < 1


def test_fishers_z_of_pearson_is_scipys() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=15)
    y = x + rng.normal(size=15)
    result = stats.pearsonr(x, y)
    expected = result.confidence_interval(0.95)
    assert fisher_z("pearson", float(result.statistic), 15)[:2] == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize("name", ["pearson", "spearman", "kendall"])
def test_intervals_of_small_correlations_hold_the_true_one(name: str) -> None:
    rng = np.random.default_rng(4)
    r = 0.6
    truth = {"pearson": r, "spearman": 6 / np.pi * np.arcsin(r / 2), "kendall": 2 / np.pi * np.arcsin(r)}[name]
    oracle: Any = {"pearson": stats.pearsonr, "spearman": stats.spearmanr, "kendall": stats.kendalltau}[name]
    held = 0
    for _ in range(400):
        x = rng.normal(size=14)
        y = r * x + np.sqrt(1 - r**2) * rng.normal(size=14)
        low, high, *_ = fisher_z(name, float(oracle(x, y)[0]), 14)
        held += low <= truth <= high
    assert held >= 0.92 * 400


def test_a_perfect_correlation_of_few_items_has_no_known_interval() -> None:
    found = compute_figure("pearson", scored(np.arange(6.0), np.arange(6.0)))
    assert found.value == pytest.approx(1)
    assert found.interval == "none"
    assert np.isnan([found.low, found.high, found.stderr]).all()


def test_what_has_no_exact_method_has_no_spread_of_nothing() -> None:
    found = compute_figure("macro_f1", judged([[True]] * 6))
    assert (found.value, found.interval) == (1, "none")
    assert np.isnan(found.stderr)


def test_students_interval_of_a_mean_is_scipys() -> None:
    values = np.random.default_rng(5).normal(size=9)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert student_t(values, np.ones(9))[:2] == pytest.approx((expected.low, expected.high))


def test_a_mean_distance_of_few_items_is_students_and_of_none_clopper_and_pearsons() -> None:
    label = Ranking((0, 1, 2, 3))
    right, other = Ranking((0, 1, 2, 3)), Ranking((0, 1, 3, 2))
    for said, method in (([right, other, right, other], "student-t"), ([right] * 4, "clopper-pearson")):
        judgments = [Judgment(str(i), "ABCD", one, "", "p", label=label) for i, one in enumerate(said)]
        assert compute_figure("levenshtein", judgments).interval == method


def test_the_mean_over_small_groups_is_as_sure_as_they_are() -> None:
    figures = {
        one.group: one
        for one in group_figures("accuracy_with_tie", [*judged([[True]] * 6, "x"), *judged([[True]] * 8, "y")])
    }
    mean, parts = figures["mean"], [figures["x"], figures["y"]]
    assert mean.interval == "mover"
    assert mean.low == pytest.approx(1 - np.hypot(1 - parts[0].low, 1 - parts[1].low) / 2)
    assert (mean.high, mean.n_items) == (1, 14)


def test_mover_of_symmetric_intervals_adds_variances() -> None:
    bounds = mean_of_groups([0.4, 0.6], [(0.3, 0.5), (0.5, 0.7)])
    assert (bounds.high - bounds.low) / 2 == pytest.approx(np.hypot(0.1, 0.1) / 2)


def test_an_interval_on_another_scale_is_the_same_interval() -> None:
    low, high, *_ = clopper_pearson(0.75, 8)
    assert clopper_pearson(50.0, 8, (-100, 100))[:2] == pytest.approx((200 * low - 100, 200 * high - 100))


def test_no_resamples_is_no_interval() -> None:
    found: Figure = compute_figure("accuracy_with_tie", judged([[True]] * 6), resamples=0)
    assert np.isnan(found.low)

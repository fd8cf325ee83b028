"""Oracles: SciPy's binomial test, Holm's rule by hand, and planted differences."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from critic_eval.errors import ArgumentError
from critic_eval.metrics import compare, compute_figure, group_figures, holm, interval, mcnemar
from critic_eval.metrics.paired import paired_figures
from tests.factories import judged, scored


def test_mcnemar_is_the_binomial_test_of_discordant_pairs() -> None:
    first, second = np.array([1] * 12 + [0] * 5 + [1] * 30), np.array([0] * 12 + [1] * 5 + [1] * 30)
    assert mcnemar(first, second) == pytest.approx(stats.binomtest(12, 17).pvalue)
    assert mcnemar([1, 0], [1, 0]) == 1.0


def test_a_planted_difference_lies_in_the_interval_and_is_significant() -> None:
    rng = np.random.default_rng(0)
    hard = rng.random(800)
    first, second = (hard < 0.8), (hard < 0.7)
    found = compare("accuracy_with_tie", judged(first), judged(second), resamples=2000)
    assert found.difference == pytest.approx(first.mean() - second.mean())
    assert found.low < 0.1 < found.high
    assert found.test == "McNemar, exact"
    assert found.p < 1e-6


def test_pairing_makes_the_interval_narrower_than_two_of_its_own() -> None:
    rng = np.random.default_rng(1)
    label = rng.normal(size=400)
    said = label + rng.normal(size=400)
    other = said + 0.2 * rng.normal(size=400)
    found = compare("pearson", scored(said, label), scored(other, label), resamples=2000)
    single = compute_figure("pearson", scored(said, label))
    assert found.test == "paired bootstrap"
    assert found.high - found.low < 0.6 * (single.high - single.low)


def test_equal_critics_do_not_differ() -> None:
    rng = np.random.default_rng(2)
    label = rng.integers(1, 6, 60).astype(float)
    said = rng.integers(1, 6, 60).astype(float)
    found = compare("pearson", scored(said, label), scored(said, label), resamples=500)
    assert (found.difference, found.low, found.high, found.p) == (0, 0, 0, 1)


def test_p_values_are_uniform_where_critics_are_alike() -> None:
    rng = np.random.default_rng(3)
    p = []
    for _ in range(150):
        label = rng.normal(size=80)
        one, two = (label + 2 * rng.normal(size=80) for _ in range(2))
        p.append(compare("pearson", scored(one, label), scored(two, label), resamples=300).p)
    assert np.mean(np.array(p) < 0.05) < 0.12
    assert 0.38 < np.mean(p) < 0.62


@pytest.mark.parametrize("name", ["pearson", "kendall"])
def test_an_undefined_figure_has_no_difference_and_no_p(name: str) -> None:
    label = np.arange(6.0)
    found = compare(name, scored(np.ones(6), label), scored(label, label), resamples=20)
    assert np.isnan([found.difference, found.low, found.high, found.p]).all()


def test_only_common_items_count() -> None:
    first, second = judged(np.ones(10, dtype=bool)), judged(np.zeros(10, dtype=bool))
    found = compare("accuracy_with_tie", first, second[:4], resamples=100)
    assert (found.n, found.difference) == (4, 1)
    with pytest.raises(ArgumentError, match="no item in common"):
        compare("accuracy_with_tie", first[:3], second[5:], resamples=100)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_steps_down_and_never_lowers_a_p_value(p: list[float]) -> None:
    corrected = holm(p)
    assert (corrected >= np.array(p) - 1e-12).all()
    assert (corrected <= 1).all()
    order = np.argsort(p, kind="stable")
    assert (np.diff(corrected[order]) >= -1e-12).all()
    assert corrected[order[0]] == pytest.approx(min(1, min(p) * len(p)))


def test_holm_leaves_unknown_p_values_out() -> None:
    assert holm([0.02, float("nan"), 0.03])[[0, 2]].tolist() == [0.04, 0.04]


def test_a_mean_over_groups_is_compared_as_it_is_measured() -> None:
    rng = np.random.default_rng(3)
    groups = np.repeat(["a", "b", "c"], [300, 60, 20])
    first, second = rng.random(380) < 0.8, rng.random(380) < 0.7
    own, other = (
        [replace(one, group=str(group)) for one, group in zip(judged(hits), groups, strict=True)]
        for hits in (first, second)
    )
    found = compare("accuracy_with_tie", own, other, resamples=3000, group="mean")
    differences = [first[groups == group].astype(float) - second[groups == group] for group in "abc"]
    assert found.name == "mean accuracy_with_tie"
    assert found.difference == pytest.approx(np.mean([part.mean() for part in differences]))
    # The standard error of a mean of three independent means of paired differences.
    expected = np.sqrt(sum(part.var() / len(part) for part in differences)) / 3
    assert found.stderr == pytest.approx(expected, rel=0.05)
    (mean, *_) = group_figures("accuracy_with_tie", own, resamples=500)
    paired = paired_figures("accuracy_with_tie", [own, other], resamples=500, group="mean")
    assert interval(paired.draws[0]) == pytest.approx((mean.stderr, mean.low, mean.high), rel=0.02)


def test_what_a_critic_has_no_figure_of_leaves_the_others_alone() -> None:
    label = np.arange(8.0)
    constant, own = scored(np.ones(8), label), scored(label, label)
    found = paired_figures("pearson", [constant, own], resamples=50)
    assert np.isnan(found.values[0])
    assert np.isnan(found.draws[0]).all()
    assert found.values[1] == pytest.approx(1.0)
    assert np.nanmin(found.draws[1]) == pytest.approx(1.0)

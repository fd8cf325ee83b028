"""Figures of groups, their mean, and all judgments together."""

import math

import numpy as np
import pytest
from scipy import stats

from critic_eval.judging import Judgment, Preference
from critic_eval.metrics import Figure, compute_figure, group_figures
from tests.factories import scored


def by_group(figures: list[Figure]) -> dict[str, Figure]:
    return {found.group: found for found in figures}


def two_groups() -> tuple[list[Judgment], list[float]]:
    rng = np.random.default_rng(0)
    judged, r = [], []
    for group, n, shift in (("x", 60, 0.0), ("y", 90, 3.0)):
        label = rng.normal(size=n) + shift
        said = label + rng.normal(size=n)
        judged += scored(said, label, group)
        r.append(float(stats.pearsonr(said, label)[0]))
    return judged, r


def test_the_mean_is_unweighted_and_pooled_is_of_all() -> None:
    judged, r = two_groups()
    found = by_group(group_figures("pearson", judged))
    assert found["mean"].value == pytest.approx(np.mean(r))
    assert found["pooled"] == compute_figure("pearson", judged)
    assert [found[group].value for group in "xy"] == pytest.approx(r)
    assert (found["mean"].n, found["x"].n, found["y"].n) == (150, 60, 90)


def test_the_error_of_the_mean_is_that_of_independent_groups() -> None:
    judged, _ = two_groups()
    found = by_group(group_figures("pearson", judged, resamples=4000))
    expected = math.hypot(found["x"].stderr, found["y"].stderr) / 2
    assert found["mean"].stderr == pytest.approx(expected, rel=0.05)


def test_an_undefined_group_is_named_and_makes_the_mean_undefined() -> None:
    judged, _ = two_groups()
    found = by_group(group_figures("pearson", [*judged, *scored(np.ones(5), np.arange(5.0), "z")]))
    assert math.isnan(found["mean"].value)
    assert found["mean"].reason == "group z: every verdict is the same score"
    assert not math.isnan(found["pooled"].value)


def test_a_judgment_without_a_group_counts_as_pooled_only() -> None:
    judged, _ = two_groups()
    found = by_group(group_figures("pearson", [*judged, *scored(np.arange(3.0), np.arange(3.0))]))
    assert (found["pooled"].n, found["mean"].n) == (153, 150)


def test_without_groups_there_is_one_figure() -> None:
    (found,) = group_figures("pearson", scored(np.arange(4.0), np.array([1.0, 0, 2, 3])))
    assert found.group == "pooled"


def test_cluster_accuracy_needs_all_of_a_cluster_to_be_right() -> None:
    judged = [
        Judgment(str(i), "AB", Preference(said), "", "p", label=Preference(0), cluster=cluster)
        for i, (cluster, said) in enumerate([("a", 0), ("a", 0), ("b", 0), ("b", 1), ("c", 0)])
    ]
    found = compute_figure("cluster_accuracy", judged)
    assert found.value == pytest.approx(2 / 3)
    assert found.n == 3
    assert compute_figure("accuracy_with_tie", judged).value == pytest.approx(4 / 5)


def test_a_judge_that_takes_the_first_shown_has_first_position_rate_1() -> None:
    biased = [
        Judgment(str(i), order, Preference("AB".index(order[0])), "", "p", label=Preference(0))
        for i in range(5)
        for order in ("AB", "BA")
    ]
    fair = [
        Judgment(str(i), order, Preference(0), "", "p", label=Preference(0)) for i in range(5) for order in ("AB", "BA")
    ]
    assert compute_figure("first_position_rate", biased).value == 1
    assert compute_figure("first_position_rate", fair).value == 0.5
    assert compute_figure("first_position_rate", fair[::2]).reason == "no item was judged in two orders"

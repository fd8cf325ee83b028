"""Figures of confidence. Oracles: scikit-learn's AUROC, and accuracies of all orders of equally confident verdicts."""

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from critic_eval.judging import Judgment, Preference
from critic_eval.metrics import (
    CONFIDENCE_FIGURES,
    applies,
    auroc,
    calibration_error,
    compute_figure,
    selective_accuracy,
)
from tests.factories import INVALID, judged, judgment

answers = st.lists(st.tuples(st.sampled_from([0.2, 0.5, 0.6, 0.7, 0.9, 1.0]), st.booleans()), min_size=2, max_size=40)


def confident(*rows: tuple[float | None, bool]) -> list[Judgment]:
    """Judgments of pairs, each by its confidence and whether it is right."""
    return [
        judgment(item, Preference(0 if is_right else 1), Preference(0), confidence=value, confidence_from="draws")
        for item, (value, is_right) in enumerate(rows)
    ]


@given(answers)
def test_auroc_is_scikit_learns(rows: list[tuple[float, bool]]) -> None:
    values, right = zip(*rows, strict=True)
    if len(set(right)) == 2:
        expected = roc_auc_score(right, values)
        assert auroc(values, right) == pytest.approx(expected)
        assert compute_figure("auroc_of_confidence", confident(*rows), resamples=0).value == pytest.approx(expected)
    else:
        assert np.isnan(auroc(values, right))


@given(st.lists(st.tuples(st.sampled_from([0.5, 0.8]), st.booleans()), min_size=1, max_size=5), st.sampled_from([1, 2]))
@settings(max_examples=40)
def test_selective_accuracy_is_its_mean_over_all_orders_of_equal_confidence(
    rows: list[tuple[float, bool]], kept: int
) -> None:
    coverage = min(1.0, kept / len(rows))
    orders = [sorted(order, key=lambda row: -row[0]) for order in itertools.permutations(rows)]
    n = round(coverage * len(rows))
    expected = np.mean([np.mean([is_right for _, is_right in order[:n]]) for order in orders])
    values, right = zip(*rows, strict=True)
    assert selective_accuracy(values, right, coverage) == pytest.approx(expected)


@given(answers)
def test_figures_are_those_of_the_formulas(rows: list[tuple[float, bool]]) -> None:
    values, right = zip(*rows, strict=True)
    judgments = confident(*rows)
    assert compute_figure("ece", judgments, resamples=0).value == pytest.approx(calibration_error(values, right))
    for percent in (50, 80, 100):
        found = compute_figure(f"selective_accuracy_{percent}", judgments, resamples=0).value
        assert found == pytest.approx(selective_accuracy(values, right, percent / 100))
    whole = compute_figure("accuracy_without_tie", judgments, resamples=0).value
    assert compute_figure("selective_accuracy_100", judgments, resamples=0).value == pytest.approx(whole)


def test_a_critic_that_knows_what_it_knows_is_calibrated_and_better_where_it_is_sure() -> None:
    rng = np.random.default_rng(0)
    sure = rng.uniform(0.5, 1.0, 4000)
    judgments = confident(*zip(sure.tolist(), (rng.random(4000) < sure).tolist(), strict=True))
    figures = {name: compute_figure(name, judgments, resamples=200) for name in CONFIDENCE_FIGURES}
    assert figures["ece"].value < 0.03
    # Of confidences that are uniform from 0.5 to 1 the mean accuracy is 0.75, and 0.875 of the upper half.
    for name, expected in (("selective_accuracy_100", 0.75), ("selective_accuracy_50", 0.875)):
        assert figures[name].low < expected < figures[name].high
    # ∫ 8c/3 (8c - 4c² - 3) dc from 1/2 to 1: the density of right ones times the share of wrong ones below.
    assert figures["auroc_of_confidence"].low < 13 / 18 < figures["auroc_of_confidence"].high


def test_a_confidence_that_says_nothing_is_at_half() -> None:
    rng = np.random.default_rng(1)
    judgments = confident(*zip(rng.random(2000).tolist(), (rng.random(2000) < 0.7).tolist(), strict=True))
    figure = compute_figure("auroc_of_confidence", judgments, resamples=200)
    assert figure.low < 0.5 < figure.high


def test_ties_and_verdicts_of_unknown_confidence_are_left_out_and_invalid_ones_are_by_the_policy() -> None:
    judgments = [
        *confident((0.9, True), (0.6, False), (None, True)),
        judgment(7, Preference(None), Preference(None), confidence=0.9, confidence_from="draws"),
        judgment(8, INVALID, Preference(0)),
    ]
    excluded = compute_figure("selective_accuracy_100", judgments, resamples=0)
    wrong = compute_figure("selective_accuracy_100", judgments, "wrong", resamples=0)
    assert (excluded.value, excluded.n, wrong.n) == (0.5, 2, 3)
    assert wrong.value == pytest.approx(1 / 3)
    assert excluded.invalid == wrong.invalid == {"no verdict found": 1}
    assert compute_figure("auroc_of_confidence", judgments, "wrong", resamples=0).n == 2


def test_without_a_confidence_of_their_own_the_agreement_of_an_items_orders_counts() -> None:
    judgments = judged([[True, True], [False, True], [False, False], [True]])
    figure = compute_figure("auroc_of_confidence", judgments, resamples=0)
    # Right: two at 1.0 and one at 0.5; wrong: two at 1.0 and one at 0.5. The item of one judgment has none.
    assert (figure.value, figure.n) == (0.5, 6)
    assert compute_figure("ece", judgments, resamples=0).value == pytest.approx(4 / 6 * 0.5)


@pytest.mark.parametrize(
    ("judgments", "why"),
    [
        (judged([True, False]), "no confidence, and no item with two valid verdicts"),
        ([judgment(1, Preference(0), confidence=0.5, confidence_from="draws")], "no labels"),
    ],
)
def test_figures_do_not_apply_where_no_confidence_is_known(judgments: Sequence[Judgment], why: str) -> None:
    assert {applies(name, judgments) for name in CONFIDENCE_FIGURES} == {why}


def test_there_is_no_auroc_where_all_are_right() -> None:
    figure = compute_figure("auroc_of_confidence", confident((0.5, True), (0.9, True)))
    assert np.isnan(figure.value)
    assert figure.reason == "every verdict is right"

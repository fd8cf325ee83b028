"""Verdicts pooled to one: held against NumPy, `statistics`, SciPy's ranks and planted majorities."""

import random
import statistics
from collections.abc import Sequence
from itertools import combinations, permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from critic_eval.errors import ArgumentError
from critic_eval.judging import Invalid, Preference, Ranking, Score, Scores, Verdict
from critic_eval.judging.pooling import PoolingRule, concentration, pool_verdicts

A, B, TIE = Preference(0), Preference(1), Preference(None)
NONE = Invalid("empty answer")
FEW = settings(max_examples=30)
UNWEIGHTED: tuple[PoolingRule, ...] = ("majority", "mean", "median")
numbers = st.floats(-100, 100, allow_nan=False).map(lambda number: round(number, 3))
preferences = st.sampled_from([A, B, TIE, Preference(0, 2), Preference(1, 2)])
scores = numbers.map(Score)
rankings = st.permutations(range(4)).map(Ranking)
verdicts = st.one_of(*(st.lists(kind, min_size=1, max_size=9) for kind in (preferences, scores, rankings)))


@pytest.mark.parametrize(
    ("said", "rule", "pooled", "confidence"),
    [
        ((A, A, B), "majority", A, 2 / 3),
        ((A, B), "majority", TIE, 0),
        ((A, A, TIE, TIE), "majority", TIE, 0.5),
        ((A, TIE, TIE), "majority", TIE, 2 / 3),
        ((A, TIE, TIE), "mean", A, 1 / 3),
        ((A, TIE, TIE), "median", TIE, 2 / 3),
        ((A, A, Preference(1, 2)), "majority", A, 2 / 3),
        ((A, A, Preference(1, 2)), "mean", TIE, 0),
        ((Preference(0, 2), Preference(0, 2), A), "majority", Preference(0, 2), 1),
        ((A, NONE, NONE), "majority", A, 1),
    ],
)
def test_preferences_are_pooled_as_the_table_of_rules_says(
    said: Sequence[Verdict], rule: PoolingRule, pooled: Verdict, confidence: float
) -> None:
    result = pool_verdicts(said, rule)
    assert result.verdict == pooled
    assert result.confidence == pytest.approx(confidence)


def test_equal_weights_are_a_tie_although_sums_of_floats_differ() -> None:
    assert pool_verdicts([A, A, B], "weighted", [0.1, 0.2, 0.3]).verdict == TIE


def test_a_heavier_member_outvotes_two_lighter_ones() -> None:
    pooled = pool_verdicts([A, B, B], "weighted", [3, 1, 1])
    assert (pooled.verdict, pooled.confidence) == (A, 0.6)


@FEW
@given(st.lists(numbers, min_size=1, max_size=9), st.randoms())
def test_scores_are_pooled_as_numpy_and_statistics_do(said: list[float], rng: random.Random) -> None:
    weights = [rng.uniform(0.1, 3) for _ in said]
    given_scores = [Score(value) for value in said]
    assert pool_verdicts(given_scores, "mean").verdict.value == pytest.approx(np.mean(said), rel=1e-9, abs=1e-9)
    assert pool_verdicts(given_scores, "median").verdict.value == pytest.approx(np.median(said), rel=1e-9, abs=1e-9)
    weighted = pool_verdicts(given_scores, "weighted", weights).verdict.value
    assert weighted == pytest.approx(np.average(said, weights=weights), rel=1e-9, abs=1e-9)
    modes = statistics.multimode(value + 0.0 for value in said)
    assert pool_verdicts(given_scores, "majority").verdict.value == pytest.approx(np.mean(modes), rel=1e-9, abs=1e-9)


def test_several_scores_are_pooled_place_by_place() -> None:
    said = [Scores((2, 8)), Scores((4, 8)), Scores((9, 5))]
    assert pool_verdicts(said, "median").verdict == Scores((4, 8))
    assert pool_verdicts(said, "mean").verdict == Scores((5, 7))
    assert pool_verdicts(said, "majority").confidence == pytest.approx(1 / 3)


@FEW
@given(st.lists(rankings, min_size=1, max_size=7))
def test_the_mean_of_rankings_is_in_the_order_of_their_mean_ranks(said: list[Ranking]) -> None:
    ranks = np.array([np.argsort(ranking.value) for ranking in said])
    ordered = stats.rankdata(ranks.sum(axis=0), method="dense")[np.array(pool_verdicts(said, "mean").verdict.value)]
    assert (np.diff(ordered) >= 0).all()


@FEW
@given(st.lists(rankings, min_size=1, max_size=7))
def test_a_response_that_most_rankings_put_before_each_other_one_is_ranked_first(said: list[Ranking]) -> None:
    ranks = np.array([np.argsort(ranking.value) for ranking in said])
    winners = [
        response
        for response in range(4)
        if all(np.mean(ranks[:, response] < ranks[:, other]) > 0.5 for other in range(4) if other != response)
    ]
    if winners:
        assert np.array(pool_verdicts(said, "majority").verdict.value)[0] == winners[0]


@FEW
@given(st.lists(rankings, min_size=2, max_size=7))
def test_the_confidence_of_a_ranking_rises_with_kendalls_tau_to_each_verdict(said: list[Ranking]) -> None:
    pooled = pool_verdicts(said, "mean")
    place = np.argsort(np.array(pooled.verdict.value))
    taus = [stats.kendalltau(place, np.argsort(ranking.value)).statistic for ranking in said]
    assert pooled.confidence == pytest.approx((np.mean(taus) + 1) / 2)


@pytest.mark.parametrize("rule", UNWEIGHTED)
def test_what_nothing_else_can_tell_apart_is_ranked_as_the_first_verdict_has_it(rule: PoolingRule) -> None:
    assert pool_verdicts([Ranking((2, 0, 1)), Ranking((1, 0, 2))], rule).verdict == Ranking((2, 0, 1))


@pytest.mark.parametrize("rule", UNWEIGHTED)
@FEW
@given(said=verdicts)
def test_equal_verdicts_are_pooled_to_themselves_with_full_confidence(rule: PoolingRule, said: list[Verdict]) -> None:
    pooled = pool_verdicts([said[0]] * 3, rule)
    assert (pooled.verdict, pooled.confidence, pooled.n_valid) == (said[0], 1, 3)


@pytest.mark.parametrize("rule", UNWEIGHTED)
@FEW
@given(said=st.one_of(*(st.lists(kind, min_size=1, max_size=6) for kind in (preferences, scores))), rng=st.randoms())
def test_the_order_of_verdicts_and_invalid_ones_among_them_change_nothing(
    rule: PoolingRule, said: list[Verdict], rng: random.Random
) -> None:
    pooled = pool_verdicts(said, rule)
    shuffled = [*said, NONE, NONE]
    rng.shuffle(shuffled)
    again = pool_verdicts(shuffled, rule)
    assert again.verdict.value == pytest.approx(pooled.verdict.value, nan_ok=True)
    assert again.confidence == pytest.approx(pooled.confidence)
    assert (again.n_valid, again.n_invalid) == (len(said), 2)


@FEW
@given(verdicts)
def test_equal_weights_are_the_majority_of_preferences_and_the_mean_of_all_else(said: list[Verdict]) -> None:
    rule: PoolingRule = "majority" if said[0].kind == "preference" else "mean"
    weighted, plain = pool_verdicts(said, "weighted", [0.7] * len(said)), pool_verdicts(said, rule)
    assert weighted.verdict.value == pytest.approx(plain.verdict.value)
    assert weighted.confidence == pytest.approx(plain.confidence)


@FEW
@given(verdicts)
def test_confidence_is_between_0_and_1(said: list[Verdict]) -> None:
    confidences = [pool_verdicts(said, rule).confidence for rule in UNWEIGHTED]
    assert all(confidence is not None and 0 <= confidence <= 1 for confidence in confidences)


def test_the_reverse_of_two_responses_reverses_what_is_pooled() -> None:
    # Draws are pooled on presented positions: what a rule does must not depend on which side was shown first.
    turn: dict[Verdict, Verdict] = {A: B, B: A, TIE: TIE}
    for said in ([A, A, B], [A, B], [B, TIE, TIE], [A, B, TIE]):
        for rule in UNWEIGHTED:
            turned = pool_verdicts([turn[verdict] for verdict in said], rule).verdict
            assert turned == turn[pool_verdicts(said, rule).verdict]


def test_without_any_valid_verdict_the_commonest_reason_is_told() -> None:
    pooled = pool_verdicts([Invalid("cut off"), NONE, NONE])
    assert (pooled.verdict, pooled.confidence, pooled.n_valid, pooled.n_invalid) == (NONE, None, 0, 3)


def test_a_verdict_of_no_weight_has_no_vote() -> None:
    assert pool_verdicts([A, B], "weighted", [0, 1]).verdict == B
    assert pool_verdicts([A, NONE], "weighted", [0, 1]).verdict == NONE
    assert pool_verdicts([A], "weighted", [0]).verdict == Invalid("no verdict has a weight")


def test_the_concentration_of_scores_on_whole_numbers_is_the_share_of_the_commonest() -> None:
    said = [Score(value) for value in (1, 3, 3, 4, 3, 5)]
    assert pool_verdicts(said, "mean").confidence == 0.5
    assert concentration({Score(1): 0.2, Score(2): 0.6}) == pytest.approx(0.75)


def test_a_ranking_pooled_by_pairs_is_the_one_nearest_to_all_where_there_is_no_cycle() -> None:
    # Kemeny's ranking, by trying all: without a cycle of majorities it is the order by pairs won.
    said = [
        Ranking((0, 1, 2, 3)),
        Ranking((0, 2, 1, 3)),
        Ranking((1, 0, 2, 3)),
        Ranking((3, 0, 1, 2)),
        Ranking((0, 1, 3, 2)),
    ]

    def distance(order: Sequence[int]) -> int:
        return sum(
            verdict.value.index(a) > verdict.value.index(b) for verdict in said for a, b in combinations(order, 2)
        )

    assert pool_verdicts(said, "majority").verdict.value == min(permutations(range(4)), key=distance)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([A], "mode"), "is majority, mean, median, weighted"),
        (([], "mean"), "no verdicts"),
        (([A], "weighted"), "Weights belong"),
        (([A], "mean", [1]), "Weights belong"),
        (([A], "weighted", [-1]), "a weight of 0 or more"),
        (([A, B], "weighted", [1]), "a weight of 0 or more"),
        (([A], "weighted", [float("nan")]), "a weight of 0 or more"),
        (([A, Score(1)], "mean"), "preference and score"),
        (([Scores((1, 2)), Scores((1, 2, 3))], "mean"), "scores of 2 and scores of 3"),
    ],
)
def test_what_can_not_be_pooled_is_refused(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        pool_verdicts(*arguments)

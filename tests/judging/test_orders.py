import itertools
from string import ascii_uppercase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from critic_eval.errors import ArgumentError
from critic_eval.judging import (
    Invalid,
    Preference,
    Ranking,
    Score,
    Scores,
    identity_order,
    orders,
    reversed_order,
    to_canonical,
    to_presented,
)


def test_orders_by_policy() -> None:
    assert orders(2, "single") == ["AB"]
    assert orders(4, "both") == ["ABCD", "DCBA"]
    assert orders(1, "both") == ["A"]
    assert identity_order(26) == ascii_uppercase
    assert reversed_order(3) == "CBA"


@pytest.mark.parametrize("n", [0, 27])
def test_impossible_numbers_of_responses_are_refused(n: int) -> None:
    with pytest.raises(ArgumentError, match="1 to 26"):
        identity_order(n)


def test_a_random_order_is_one_of_both() -> None:
    assert {orders(2, "random")[0] for _ in range(200)} == {"AB", "BA"}
    assert orders(3, "random", max) == ["CBA"]
    assert orders(1, "random") == ["A"]


def test_unknown_policy_is_refused() -> None:
    with pytest.raises(ArgumentError, match="thrice"):
        orders(2, "thrice")  # type: ignore[arg-type]


@pytest.mark.parametrize("order", ["", "AA", "AC", "ab", "BAD", "1"])
def test_malformed_order_is_refused(order: str) -> None:
    with pytest.raises(ArgumentError):
        to_canonical(Score(1), order)


def test_preference_shown_in_reverse_names_the_other_response() -> None:
    assert to_canonical(Preference(0), "BA") == Preference(1)
    assert to_canonical(Preference(1), "AB") == Preference(1)
    assert to_canonical(Preference(None), "BA") == Preference(None)


def test_ranking_by_hand() -> None:
    # Shown: C, A, B. The critic puts the second shown (A) first, then the first (C), then the third (B).
    assert to_canonical(Ranking((1, 0, 2)), "CAB") == Ranking((0, 2, 1))


def test_scores_go_back_to_their_responses() -> None:
    assert to_canonical(Scores((7, 9, 1)), "CAB") == Scores((9, 1, 7))


def test_score_and_invalid_stay() -> None:
    assert to_canonical(Score(3), "A") == Score(3)
    assert to_canonical(Invalid("why"), "BA") == Invalid("why")


def test_verdict_on_another_number_of_responses_is_refused() -> None:
    with pytest.raises(ArgumentError):
        to_canonical(Ranking((0, 1)), "ABC")
    with pytest.raises(ArgumentError):
        to_canonical(Preference(0), "ABC")


@given(st.permutations(range(5)), st.permutations("ABCDE"))
def test_presented_is_the_inverse_of_canonical(ranking: list[int], order: list[str]) -> None:
    shown = "".join(order)
    verdict = Ranking(ranking)
    assert to_presented(to_canonical(verdict, shown), shown) == verdict
    assert to_canonical(to_presented(verdict, shown), shown) == verdict


def test_same_preference_over_responses_gives_one_canonical_ranking_in_every_order() -> None:
    true = (2, 0, 1)
    for order in map("".join, itertools.permutations("ABC")):
        presented = Ranking([order.index("ABC"[index]) for index in true])
        assert to_canonical(presented, order) == Ranking(true)

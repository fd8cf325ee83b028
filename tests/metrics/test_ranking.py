import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from critic_eval.metrics import levenshtein


@pytest.mark.parametrize(
    ("one", "two", "distance"),
    [("CADB", "CADB", 0), ("CADB", "CABD", 2), ("ABCD", "DCBA", 4), ("ABCD", "BCDA", 2), ("kitten", "sitting", 3)],
)
def test_by_hand(one: str, two: str, distance: int) -> None:
    assert levenshtein(one, two) == distance / max(len(one), len(two))


def test_empty() -> None:
    assert levenshtein("", "") == 0
    assert levenshtein("", "ABCD") == levenshtein("ABCD", "") == 1


def test_equals_nltk_on_all_rankings_of_four() -> None:
    nltk = pytest.importorskip("nltk")
    for ranking in itertools.permutations("ABCD"):
        assert levenshtein(ranking, "ABCD") == nltk.edit_distance("".join(ranking), "ABCD") / 4


@given(st.text("ABCD"), st.text("ABCD"))
def test_symmetric_and_bounded(one: str, two: str) -> None:
    assert 0 <= levenshtein(one, two) == levenshtein(two, one) <= 1
    assert (levenshtein(one, two) == 0) == (one == two)

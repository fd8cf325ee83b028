"""Ranks follow the draws, and letters say exactly which critics differ."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from critic_eval.errors import ArgumentError
from critic_eval.metrics.ranks import rank_intervals, significance_letters

PAIRS = st.integers(1, 7).flatmap(
    lambda n: st.tuples(st.just(n), st.sets(st.sampled_from(list(combinations(range(max(n, 2)), 2)))))
)


@given(PAIRS)
def test_two_critics_share_a_letter_exactly_where_they_do_not_differ(drawn: tuple[int, set[tuple[int, int]]]) -> None:
    n, pairs = drawn
    different = {pair for pair in pairs if max(pair) < n}
    letters = significance_letters(n, different)
    assert all(letters)
    for first, second in combinations(range(n), 2):
        assert bool(set(letters[first]) & set(letters[second])) == ((first, second) not in different)


def test_ranks_of_clear_and_of_equal_critics() -> None:
    rng = np.random.default_rng(0)
    clear = np.array([0.9, 0.5, 0.1])[:, None] + rng.normal(0, 0.01, (3, 500))
    assert rank_intervals(clear) == [(1, 1), (2, 2), (3, 3)]
    assert rank_intervals(clear, higher_is_better=False) == [(3, 3), (2, 2), (1, 1)]
    assert rank_intervals(rng.normal(0, 1, (3, 500))) == [(1, 3)] * 3
    assert rank_intervals(np.array([[0.5], [0.5], [np.nan]])) == [(1, 1), (1, 1), (3, 3)]
    with pytest.raises(ArgumentError, match="at least one critic"):
        rank_intervals(np.empty((0, 5)))

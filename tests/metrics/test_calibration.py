"""Oracles: scikit-learn's Brier score, and a loop over bins."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss

from critic_eval.metrics import brier, calibration_error, expected_score

forecasts = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 1)), min_size=1, max_size=50)


@given(forecasts)
def test_brier_is_scikit_learns(rows: list[tuple[float, int]]) -> None:
    p, came = zip(*rows, strict=True)
    assert brier(p, came) == pytest.approx(brier_score_loss(came, p, pos_label=1))


@given(forecasts)
def test_calibration_error_is_that_of_a_loop_over_bins(rows: list[tuple[float, int]]) -> None:
    p, came = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    total = 0.0
    for low in range(10):
        inside = (p * 10 >= low) & ((p * 10 < low + 1) | (low == 9))
        if inside.any():
            total += inside.sum() * abs(p[inside].mean() - came[inside].mean())
    assert calibration_error(p, came) == pytest.approx(total / len(p), abs=1e-12)


@given(st.lists(st.floats(-30, 0), min_size=5, max_size=5))
def test_expected_score_lies_on_the_scale_and_renormalizes(logprobs: list[float]) -> None:
    found = expected_score(logprobs, [1, 2, 3, 4, 5])
    assert 1 <= found <= 5
    assert found == pytest.approx(expected_score([value - 3 for value in logprobs], [1, 2, 3, 4, 5]))


def test_nothing_has_no_value() -> None:
    assert np.isnan([brier([], []), calibration_error([], []), expected_score([-np.inf], [1])]).all()

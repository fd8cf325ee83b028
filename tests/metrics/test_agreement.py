"""Oracles: scikit-learn, and the worked examples of Krippendorff's own text."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score, f1_score

from critic_eval.metrics import cohen_kappa, krippendorff_alpha, macro_f1, quadratic_kappa
from critic_eval.metrics.agreement import weighted_cohen_kappa, weighted_macro_f1, weighted_quadratic_kappa

NAN = float("nan")

categories = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=40)


@given(categories)
@settings(max_examples=80)
def test_kappas_and_f1_are_scikit_learns(pairs: list[tuple[int, int]]) -> None:
    x, y = np.array(pairs).T
    assert macro_f1(x, y) == pytest.approx(f1_score(y, x, average="macro"))
    if len(set(x) | set(y)) < 2:
        assert np.isnan(cohen_kappa(x, y))
        assert np.isnan(quadratic_kappa(x, y))
    else:
        assert cohen_kappa(x, y) == pytest.approx(cohen_kappa_score(x, y), abs=1e-12)
        labels = list(range(4))
        expected = cohen_kappa_score(x, y, labels=labels, weights="quadratic")
        assert quadratic_kappa(x, y) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("weighted", "plain"),
    [
        (weighted_cohen_kappa, cohen_kappa),
        (weighted_quadratic_kappa, quadratic_kappa),
        (weighted_macro_f1, macro_f1),
    ],
)
def test_weights_are_repetitions(weighted: Any, plain: Any) -> None:
    rng = np.random.default_rng(0)
    points = np.array([(a, b) for a in range(3) for b in range(3)], dtype=float)
    weights = rng.integers(0, 4, (5, 9)).astype(float)
    found = weighted(points, weights)
    for row, value in zip(weights.astype(int), found, strict=True):
        x, y = np.repeat(points, row, axis=0).T
        assert value == pytest.approx(plain(x, y))


def test_alpha_is_that_of_krippendorffs_examples() -> None:
    """ "Computing Krippendorff's Alpha-Reliability" (2011), examples B and C (four observers, values missing)."""
    observers = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
        [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
    ]
    assert krippendorff_alpha(observers, "nominal") == pytest.approx(0.743, abs=5e-4)
    assert krippendorff_alpha(observers, "ordinal") == pytest.approx(0.815, abs=5e-4)
    assert krippendorff_alpha(observers, "interval") == pytest.approx(0.849, abs=5e-4)


def test_degenerate_ratings_are_nan() -> None:
    assert np.isnan(krippendorff_alpha([[1, 1], [1, 1]]))
    assert np.isnan(krippendorff_alpha([[1, NAN], [NAN, 2]]))
    assert np.isnan(cohen_kappa([], []))
    assert np.isnan(macro_f1([], []))

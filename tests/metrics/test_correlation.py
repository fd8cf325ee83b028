"""Oracle: SciPy, and for the weighted forms SciPy on the points repeated as often as they weigh."""

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from critic_eval.metrics import correlation

NAMES = ["pearson", "spearman", "kendall"]
ORACLES: dict[str, Callable[[NDArray[np.float64], NDArray[np.float64]], float]] = {
    "pearson": lambda x, y: float(stats.pearsonr(x, y)[0]),
    "spearman": lambda x, y: float(stats.spearmanr(x, y)[0]),
    "kendall": lambda x, y: float(stats.kendalltau(x, y)[0]),
}


def plain(name: str, x: object, y: object) -> float:
    return float(getattr(correlation, name)(x, y))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("levels", [3, 5, 1000])
def test_equals_scipy_with_ties_and_without(name: str, levels: int) -> None:
    rng = np.random.default_rng(levels)
    x, y = rng.integers(0, levels, (2, 200)).astype(float)
    assert plain(name, x, y) == pytest.approx(ORACLES[name](x, y), abs=1e-12)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("x", "y"), [([], []), ([1], [2]), ([1, 1, 1], [1, 2, 3]), ([1, 2, 3], [5, 5, 5])])
def test_degenerate_input_is_nan_without_a_warning(name: str, x: list[float], y: list[float]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert math.isnan(plain(name, x, y))


def weighted(name: str, x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    if name == "pearson":
        return correlation.weighted_pearson(x, y, weights)
    function: Any = getattr(correlation, f"weighted_{name}")
    found: np.ndarray = function(np.stack([x, y], axis=1), weights)
    return found


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_weighted_equals_repeated_points(name: str, data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 8))
    numbers = st.lists(st.integers(-3, 3).map(float), min_size=n, max_size=n)
    x, y = np.array(data.draw(numbers)), np.array(data.draw(numbers))
    counts = data.draw(st.lists(st.lists(st.integers(0, 4), min_size=n, max_size=n), min_size=1, max_size=4))
    weights = np.array(counts, dtype=float)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = weighted(name, x, y, weights)
    expected = [plain(name, np.repeat(x, row), np.repeat(y, row)) for row in counts]
    np.testing.assert_allclose(found, expected, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_weighted_in_blocks_equals_scipy(name: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=2500)
    y = np.round(x + rng.normal(size=2500), 1)
    found = weighted(name, x, y, np.ones((1, 2500)))
    assert found[0] == pytest.approx(ORACLES[name](x, y), abs=1e-9)


def test_pearson_of_sums_knows_a_constant_from_rounding() -> None:
    x, y = np.full(1000, 0.1), np.arange(1000.0)
    assert np.isnan(correlation.weighted_pearson(x + 1e-17, y, np.ones((1, 1000)))[0])


@given(st.lists(st.tuples(st.floats(-50, 50), st.floats(-50, 50)), min_size=3, max_size=30))
def test_concordance_is_its_definition(points: list[tuple[float, float]]) -> None:
    """Oracle: NumPy's moments, and that it never exceeds Pearson's r in size."""
    x, y = np.round(np.array(points), 3).T
    found = correlation.concordance(x, y)
    if np.ptp(x) and np.ptp(y):
        expected = 2 * np.cov(x, y, bias=True)[0, 1] / (x.var() + y.var() + (x.mean() - y.mean()) ** 2)
        assert found == pytest.approx(expected, abs=1e-9)
        assert abs(found) <= abs(correlation.pearson(x, y)) + 1e-9
    else:
        assert math.isnan(found)

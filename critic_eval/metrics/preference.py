"""How often preferences meet their labels. A preference is 0 or 1, the better response, or `TIE`."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

TIE = -1
"""How a tie is written in an array of preferences."""


def accuracy_with_tie(preferences: ArrayLike, labels: ArrayLike) -> float:
    """Share of preferences equal to their label, ties included on both sides, 0 to 1; NaN of nothing.

    Pair "with tie" of MLLM-as-a-Judge (arXiv 2402.04788).

    >>> accuracy_with_tie([0, 1, TIE, 0], [0, 0, TIE, TIE])
    0.5
    """
    return _mean(hits(preferences, labels))


def accuracy_without_tie(preferences: ArrayLike, labels: ArrayLike) -> float:
    """Share of right preferences among those whose label is no tie, 0 to 1; NaN where there is none.

    A critic that calls a tie there is wrong. Pair "without tie" of MLLM-as-a-Judge (arXiv 2402.04788), as computed by
    Flex-Judge's mllm_judge_eval.

    >>> accuracy_without_tie([0, TIE, TIE, 0], [0, 0, TIE, TIE])
    0.5
    """
    return _mean(hits(preferences, labels)[np.asarray(labels) != TIE])


def first_position_rate(presented: ArrayLike) -> float:
    """Share of the response shown first among preferences that are no tie, 0 to 1; NaN where there is none.

    With both orders shown, a critic without position bias is at 0.5 whatever the labels are.

    >>> first_position_rate([0, 0, 1, TIE])
    0.6666666666666666
    """
    positions = np.asarray(presented)
    return _mean((positions[positions != TIE] == 0).astype(np.float64))


def hits(preferences: ArrayLike, labels: ArrayLike) -> NDArray[np.float64]:
    """1.0 where a preference equals its label, else 0.0; same length as both.

    >>> hits([0, TIE], [1, TIE])
    array([0., 1.])
    """
    right: NDArray[np.float64] = (np.asarray(preferences) == np.asarray(labels)).astype(np.float64)
    return right


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if values.size else float("nan")

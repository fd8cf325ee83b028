"""Scores put on their labels' scale: the map is fitted on some items, and figures are computed of the others."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from critic_eval.benchmarks.loading.seeds import seeded
from critic_eval.errors import ArgumentError, DataError
from critic_eval.judging import Score, Scores, Verdict
from critic_eval.metrics import isotonic_map
from critic_eval.metrics.columns import JudgmentColumns
from critic_eval.metrics.labeled import labeled_scores
from critic_eval.metrics.statistic import clusters_of


def calibrate(judgments: JudgmentColumns, share: float, seed: int = 0) -> tuple[JudgmentColumns, str]:
    """Put scores, such as raw rewards, on their labels' scale.

    Args:
        judgments: of scores.
        share: of the items, above 0 and below 1, that the map is fitted on; what is clustered stays together.
        seed: draws these items.

    Returns:
        The judgments of all other items, with calibrated scores, and the words for a signature.

    Raises:
        ArgumentError: the share is none.
        DataError: the items are too few to part, or those that were drawn hold no two labels.
    """
    if not 0 < share < 1:
        raise ArgumentError(f"--calibrate {share:g}: give the share of items to fit on, above 0 and below 1, as 0.2.")
    clusters = np.asarray(clusters_of(judgments))
    names = np.unique(clusters)
    n = round(share * len(names))
    if not 0 < n < len(names):
        raise DataError(f"{share:.0%} of {len(names)} independent items leave none to fit on, or none to measure.")
    is_fitted_on = np.isin(clusters, seeded(seed, "calibrate").choice(names, n, replace=False))
    said, label, _ = labeled_scores(judgments.take(is_fitted_on))
    if len(np.unique(said)) < 2 or len(np.unique(label)) < 2:
        raise DataError("The items to fit on hold no two different scores with different labels; give a larger share.")
    knots = isotonic_map(said, label)
    rest = [
        replace(judgment, verdict=_mapped(judgment.verdict, knots), rewards=None)
        for judgment in judgments.take(~is_fitted_on)
    ]
    return JudgmentColumns.of(rest), f"isotonic on {100 * share:g} % of items, seed {seed}"


def _mapped(verdict: Verdict, knots: tuple[NDArray[np.float64], NDArray[np.float64]]) -> Verdict:
    match verdict:
        case Score(value):
            return Score(float(np.interp(value, *knots)))
        case Scores(values):
            return Scores([float(number) for number in np.interp(values, *knots)])
    return verdict

"""How a model does beside its reference, by reviews that score both: the first score is the reference's."""

from collections.abc import Sequence

import numpy as np

from critic_eval.judging import Judgment
from critic_eval.metrics.labeled import ON_SCALE, without_scale
from critic_eval.metrics.registry import figure
from critic_eval.metrics.resampling import Floats
from critic_eval.metrics.statistic import Counted, Statistic, ratio_statistic

_SOURCE = "LLaVA-Bench, summarize_gpt_review.py"


@figure(
    "relative_score",
    higher_is_better=True,
    kinds="scores",
    need=ON_SCALE,
    invalid="left out",
    formula="100 · sum of second scores / sum of first scores",
    source=_SOURCE,
)
def relative_score(judgments: Sequence[Judgment]) -> Statistic:
    """A model's scores in percent of its reference's, 0 or more."""
    if (undefined := without_scale(judgments)) is not None:
        return undefined
    scores, counted = _scores(judgments)
    return ratio_statistic(100 * scores[:, 1], scores[:, 0], counted)


@figure("mean_score_1", higher_is_better=True, kinds="scores", invalid="left out", source=_SOURCE)
def mean_score_1(judgments: Sequence[Judgment]) -> Statistic:
    """Mean score of the reference, on the reviews' own scale."""
    scores, counted = _scores(judgments)
    return ratio_statistic(scores[:, 0], np.ones(len(scores)), counted)


@figure("mean_score_2", higher_is_better=True, kinds="scores", invalid="left out", source=_SOURCE)
def mean_score_2(judgments: Sequence[Judgment]) -> Statistic:
    """Mean score of the model, on the reviews' own scale."""
    scores, counted = _scores(judgments)
    return ratio_statistic(scores[:, 1], np.ones(len(scores)), counted)


def _scores(judgments: Sequence[Judgment]) -> tuple[Floats, Counted]:
    """Both scores of each valid review, shape (n, 2)."""
    valid = [judgment for judgment in judgments if judgment.verdict.is_valid]
    scores = np.array([judgment.verdict.value for judgment in valid], dtype=np.float64).reshape(-1, 2)
    return scores, Counted.of(valid, among=judgments)

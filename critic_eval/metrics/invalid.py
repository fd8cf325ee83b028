"""How often a critic gives no verdict that can be read."""

from collections.abc import Sequence

import numpy as np

from critic_eval.judging import Judgment
from critic_eval.metrics.columns import encoded
from critic_eval.metrics.registry import figure
from critic_eval.metrics.statistic import Counted, Statistic, mean_statistic


@figure("invalid_rate", higher_is_better=False, invalid="alike", formula="invalid verdicts / judgments")
def invalid_rate(judgments: Sequence[Judgment]) -> Statistic:
    """Share of judgments without a valid verdict, 0 to 1."""
    codes, verdicts = encoded(judgments, "verdict")
    values = np.array([not verdict.is_valid for verdict in verdicts], np.float64)[codes]
    return mean_statistic(values, Counted.of(judgments, among=judgments))

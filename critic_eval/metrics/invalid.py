"""How often a critic gives no verdict that can be read."""

from collections.abc import Sequence

import numpy as np

from critic_eval.judging import Judgment
from critic_eval.judging.parsing.answer import UNFINISHED, thought_end
from critic_eval.metrics.columns import encoded
from critic_eval.metrics.registry import Need, figure
from critic_eval.metrics.statistic import Counted, Statistic, mean_statistic


def _thinks(judgment: Judgment) -> bool:
    """Whether an answer holds a thought; most texts are told by their first character, or have no mark at all."""
    texts = judgment.draws or (judgment.raw,)
    return any(
        (text.lstrip()[:1] in _OPENERS or "</" in text or "think" in text) and thought_end(text) > 0 for text in texts
    )


_OPENERS = ("<", "[", "◁")


@figure("invalid_rate", higher_is_better=False, invalid="alike", formula="invalid verdicts / judgments")
def invalid_rate(judgments: Sequence[Judgment]) -> Statistic:
    """Share of judgments without a valid verdict, 0 to 1."""
    codes, verdicts = encoded(judgments, "verdict")
    values = np.array([not verdict.is_valid for verdict in verdicts], np.float64)[codes]
    return mean_statistic(values, Counted.of(judgments, among=judgments))


@figure(
    "unfinished_thinking",
    higher_is_better=False,
    need=Need("answers that think", lambda judgments: None if any(map(_thinks, judgments)) else "no answer thinks"),
    invalid="alike",
    formula="judgments whose thought never ends / judgments",
)
def unfinished_thinking(judgments: Sequence[Judgment]) -> Statistic:
    """Share of judgments that came to no verdict since the critic's thought took all of its tokens, 0 to 1."""
    codes, verdicts = encoded(judgments, "verdict")
    values = np.array([verdict.reason == UNFINISHED for verdict in verdicts], np.float64)[codes]
    return mean_statistic(values, Counted.of(judgments, among=judgments))

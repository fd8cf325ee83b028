"""What a model wins against a baseline, by a critic's verdicts on both: response B is the model's, A the baseline's.

All three are in percent, as WildVision-Bench prints them.
"""

from collections.abc import Callable, Sequence

import numpy as np

from critic_eval.judging import Judgment, Preference, Verdict
from critic_eval.metrics.registry import figure
from critic_eval.metrics.statistic import Counted, InvalidPolicy, Shape, Statistic, ratio_statistic

_SOURCE = "WildVision-Bench (arXiv 2406.11069), show_results, recomputed from its published judgments"


@figure(
    "score",
    higher_is_better=True,
    kinds="preference",
    formula="100 · (3 · B>>A + B>A + A=B / 2) / (3 · B>>A + B>A + A=B + A>B + 3 · A>>B)",
    source=_SOURCE,
)
def score(judgments: Sequence[Judgment], policy: InvalidPolicy) -> Statistic:
    """Wins of a model, clear ones counted three times and ties half, of all battles so counted, 0 to 100.

    By "wrong", an invalid verdict is a battle without weight.
    """
    return _percentage(judgments, policy, _score, "mean", (0.0, 100.0))


@figure("win_rate", higher_is_better=True, kinds="preference", formula="100 · wins / battles", source=_SOURCE)
def win_rate(judgments: Sequence[Judgment], policy: InvalidPolicy) -> Statistic:
    """Share of battles that a model wins, 0 to 100.

    By "wrong", an invalid verdict is a battle that is not won.
    """
    return _percentage(judgments, policy, _win, "proportion", (0.0, 100.0))


@figure(
    "reward",
    higher_is_better=True,
    kinds="preference",
    formula="mean of 100 for B>>A, 50 for B>A, 0 for A=B, -50 for A>B and -100 for A>>B",
    source=_SOURCE,
)
def reward(judgments: Sequence[Judgment], policy: InvalidPolicy) -> Statistic:
    """Mean reward of a model for battles that it wins clearly, wins, draws or loses, -100 to 100.

    By "wrong", an invalid verdict is a battle that nobody wins.
    """
    return _percentage(judgments, policy, _reward, "mean", (-100.0, 100.0))


def _percentage(
    judgments: Sequence[Judgment],
    policy: InvalidPolicy,
    weigh: Callable[[Verdict], tuple[float, float]],
    shape: Shape,
    scale: tuple[float, float],
) -> Statistic:
    """100 times what battles add to a model's side, by what they weigh."""
    battles = [judgment for judgment in judgments if judgment.verdict.is_valid or policy == "wrong"]
    parts = np.array([weigh(judgment.verdict) for judgment in battles], dtype=np.float64).reshape(-1, 2)
    return ratio_statistic(100 * parts[:, 0], parts[:, 1], Counted.of(battles, among=judgments), shape, scale)


def _score(verdict: Verdict) -> tuple[float, float]:
    match verdict:
        case Preference(None):
            return 0.5, 1.0
        case Preference(better, strength):
            weight = 3.0 if strength == 2 else 1.0
            return (weight if better == 1 else 0.0), weight
        case _:
            return 0.0, 0.0


def _win(verdict: Verdict) -> tuple[float, float]:
    return float(verdict.value == 1), 1.0


def _reward(verdict: Verdict) -> tuple[float, float]:
    match verdict:
        case Preference(0 | 1 as better, strength):
            return (1 if better == 1 else -1) * strength / 2, 1.0
        case _:
            return 0.0, 1.0

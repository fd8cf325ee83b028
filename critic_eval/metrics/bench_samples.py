"""Samples of the figures that rate a model by a critic's verdicts on it, without any label."""

from collections.abc import Sequence

import numpy as np

from critic_eval.errors import ArgumentError
from critic_eval.judging import Judgment, Verdict
from critic_eval.metrics.statistic import InvalidPolicy, Sample, Shape, invalid_reasons, ratio_sample, units_of


def battle_sample(name: str, judgments: Sequence[Judgment], policy: InvalidPolicy) -> Sample:
    """The sample of a rating of response B against a baseline, response A, all in percent, as in WildVision-Bench.

    - `score`: wins of B, those by ">>" counted three times and ties half, of all battles so counted;
    - `win_rate`: share of battles that B wins;
    - `reward`: mean of 100 for B>>A, 50 for B>A, 0 for a tie, and the negatives for A.

    By "wrong", an invalid verdict is a battle that B neither wins nor loses, and has no weight in `score`.
    Source: WildVision-Bench's show_results (arXiv 2406.11069), recomputed from its published judgments.
    """
    _check(name, judgments, "preference")
    counted = [judgment for judgment in judgments if judgment.verdict.is_valid or policy == "wrong"]
    parts = np.array([_BATTLES[name](judgment.verdict) for judgment in counted], dtype=np.float64).reshape(-1, 2)
    reason = "no valid verdicts" if judgments else "no judgments"
    invalid = invalid_reasons(judgments)
    return ratio_sample(100 * parts[:, 0], parts[:, 1], units_of(counted), invalid, 0, reason, *_SHAPES[name])


def review_sample(name: str, judgments: Sequence[Judgment], policy: InvalidPolicy) -> Sample:
    """The sample of figures over two-score reviews: `mean_score_1`, `mean_score_2`, and `relative_score`.

    `relative_score` is 100 times the sum of second scores over that of first ones, as LLaVA-Bench rates a model (the
    second) by its reference (the first).
    """
    if policy == "wrong":
        raise ArgumentError(f"{name} can't count invalid verdicts as wrong, since no score is the wrong one.")
    _check(name, judgments, "scores")
    valid = [judgment for judgment in judgments if judgment.verdict.is_valid]
    scores = np.array([judgment.verdict.value for judgment in valid], dtype=np.float64).reshape(-1, 2)
    above = 100 * scores[:, 1] if name == "relative_score" else scores[:, 0 if name == "mean_score_1" else 1]
    below = scores[:, 0] if name == "relative_score" else np.ones(len(scores))
    reason = "no valid verdicts" if judgments else "no judgments"
    return ratio_sample(above, below, units_of(valid), invalid_reasons(judgments), 0, reason)


def _score(verdict: Verdict) -> tuple[float, float]:
    if not verdict.is_valid:
        return 0.0, 0.0
    weight = 3.0 if verdict.strength == 2 else 1.0
    return {None: (0.5, 1.0), 0: (0.0, weight), 1: (weight, weight)}[verdict.value]  # type: ignore[index]


def _win(verdict: Verdict) -> tuple[float, float]:
    return float(verdict.is_valid and verdict.value == 1), 1.0


def _reward(verdict: Verdict) -> tuple[float, float]:
    if not verdict.is_valid or verdict.value is None:
        return 0.0, 1.0
    return (1 if verdict.value == 1 else -1) * verdict.strength / 2, 1.0


_BATTLES = {"score": _score, "win_rate": _win, "reward": _reward}
_SHAPES: dict[str, tuple[Shape, tuple[float, float]]] = {
    "score": ("mean", (0.0, 100.0)),
    "win_rate": ("proportion", (0.0, 100.0)),
    "reward": ("mean", (-100.0, 100.0)),
}


def _check(name: str, judgments: Sequence[Judgment], kind: str) -> None:
    for judgment in judgments:
        if judgment.verdict.kind not in (kind, "invalid"):
            raise ArgumentError(
                f"{name} takes {kind} judgments; the verdict on item {judgment.item_id} is a {judgment.verdict.kind}."
            )

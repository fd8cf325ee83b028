"""Whether a critic is right where it is sure: figures of the confidence of preferences.

A judgment may carry its confidence: the verdict's own probability, the agreement of several draws, or that of a jury's
members. Where no judgment does, the agreement of an item's judgments stands for it, over orders and repeats: the share
of the item's valid verdicts that are the same as this one, which of two orders is 1 where they agree and 0.5 where they
don't.

All these figures are about preferences whose label is no tie: a score has no natural line between right and wrong.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from critic_eval.judging import Judgment, Preference
from critic_eval.metrics.calibration import (
    auroc,
    bin_gaps,
    calibration_error_of_sums,
    selective_accuracy,
    weighted_auroc,
    weighted_selective_accuracy,
)
from critic_eval.metrics.columns import encoded
from critic_eval.metrics.labeled import is_right, labeled
from critic_eval.metrics.registry import Need, figure
from critic_eval.metrics.resampling import Floats
from critic_eval.metrics.statistic import Counted, InvalidPolicy, Statistic, cell_statistic, undefined_statistic

CONFIDENCE_FIGURES = (
    "auroc_of_confidence",
    "ece",
    "selective_accuracy_50",
    "selective_accuracy_80",
    "selective_accuracy_100",
)
"""What results hold of themselves where judgments carry a confidence; elsewhere a benchmark may name them."""


def carry_confidence(judgments: Sequence[Judgment]) -> bool:
    """Whether any of the judgments has a confidence of its own."""
    return any(value is not None for value in encoded(judgments, "confidence").values)


def confidences(judgments: Sequence[Judgment]) -> list[float | None]:
    """How sure each verdict is, 0 to 1, as the module says; None where that is not known."""
    if carry_confidence(judgments):
        return [judgment.confidence for judgment in judgments]
    said: dict[str, Counter[object]] = {}
    for judgment in judgments:
        if judgment.verdict.is_valid:
            said.setdefault(judgment.item_id, Counter())[judgment.verdict.value] += 1
    shares: list[float | None] = []
    for judgment in judgments:
        times = said.get(judgment.item_id, Counter())
        n = times.total()
        shares.append(times[judgment.verdict.value] / n if judgment.verdict.is_valid and n > 1 else None)
    return shares


def _lacking(judgments: Sequence[Judgment]) -> str | None:
    return None if any(value is not None for value in confidences(judgments)) else _NO_CONFIDENCE


_NO_CONFIDENCE = "no confidence, and no item with two valid verdicts"
CONFIDENCE = Need("a confidence, or two judgments of an item", _lacking)


@figure(
    "auroc_of_confidence",
    higher_is_better=True,
    kinds="preference",
    label="preference",
    need=CONFIDENCE,
    invalid="alike",
    formula="P(confidence of a right verdict > of a wrong one) + P(equal) / 2",
    source="Hanley and McNeil, Radiology 143 (1982)",
)
def auroc_of_confidence(judgments: Sequence[Judgment]) -> Statistic:
    """Chance that a right preference is more confident than a wrong one, 0 to 1, and 0.5 where confidence says nothing.

    An invalid verdict has no confidence and is left out.
    """
    points, counted = confident_points(judgments, "exclude")
    if not len(points):
        return undefined_statistic(counted.if_none, counted)
    rights = points[:, 1]
    reason = None if np.ptp(rights) else f"every verdict is {'right' if rights[0] else 'wrong'}"
    return cell_statistic(points, weighted_auroc, auroc(points[:, 0], rights), counted, reason)


@figure(
    "ece",
    higher_is_better=False,
    kinds="preference",
    label="preference",
    need=CONFIDENCE,
    invalid="alike",
    formula="Σ over ten equally wide bins of share of verdicts · |mean confidence - accuracy|",
    source="Naeini, Cooper and Hauskrecht, AAAI 2015",
)
def ece(judgments: Sequence[Judgment]) -> Statistic:
    """Expected calibration error of the confidence of preferences over ten equally wide bins, 0 to 1.

    An invalid verdict has no confidence and is left out.
    """
    points, counted = confident_points(judgments, "exclude")
    if not len(points):
        return undefined_statistic(counted.if_none, counted)
    addends = bin_gaps(points[:, 0], points[:, 1])
    value = float(calibration_error_of_sums(addends.sum(axis=0)[None])[0])
    return Statistic(value, addends, calibration_error_of_sums, counted)


_selective_figure = partial(
    figure,
    higher_is_better=True,
    kinds="preference",
    label="preference",
    need=CONFIDENCE,
    formula="mean(verdict = label) of the most confident share, equally confident ones counted by their mean",
    source="El-Yaniv and Wiener, JMLR 11 (2010)",
)


@_selective_figure("selective_accuracy_50")
def selective_accuracy_50(judgments: Sequence[Judgment], policy: InvalidPolicy) -> Statistic:
    """Share of right preferences among the more confident half, 0 to 1.

    By "wrong", an invalid verdict is a wrong one of confidence 0.
    """
    return _selective(judgments, policy, 0.5)


@_selective_figure("selective_accuracy_80")
def selective_accuracy_80(judgments: Sequence[Judgment], policy: InvalidPolicy) -> Statistic:
    """Share of right preferences among the 80 % that are most confident, 0 to 1.

    By "wrong", an invalid verdict is a wrong one of confidence 0.
    """
    return _selective(judgments, policy, 0.8)


@_selective_figure("selective_accuracy_100")
def selective_accuracy_100(judgments: Sequence[Judgment], policy: InvalidPolicy) -> Statistic:
    """Share of right preferences among all whose confidence is known, 0 to 1.

    By "wrong", an invalid verdict is a wrong one of confidence 0.
    """
    return _selective(judgments, policy, 1.0)


def _selective(judgments: Sequence[Judgment], policy: InvalidPolicy, coverage: float) -> Statistic:
    points, counted = confident_points(judgments, policy)
    if not len(points):
        return undefined_statistic(counted.if_none, counted)
    value = selective_accuracy(points[:, 0], points[:, 1], coverage)
    return cell_statistic(points, partial(weighted_selective_accuracy, coverage=coverage), value, counted)


def confident_points(judgments: Sequence[Judgment], policy: InvalidPolicy) -> tuple[Floats, Counted]:
    """Of preferences whose label is no tie, those of known confidence: confidence and whether right, shape (n, 2).

    By "wrong", an invalid verdict is a wrong one of confidence 0.
    """
    decided = [judgment for judgment in judgments if judgment.label != Preference(None)]
    pairs, among = labeled(decided, policy)
    rows = [
        (judgment, 0.0 if confidence is None else confidence, is_right((judgment, label)))
        for (judgment, label), confidence in zip(pairs, confidences([judgment for judgment, _ in pairs]), strict=True)
        if confidence is not None or not judgment.verdict.is_valid
    ]
    counted = Counted.of([judgment for judgment, _, _ in rows], among=[judgment for judgment, _ in pairs])
    if_none = among.if_none if not pairs else _NO_CONFIDENCE
    points = np.array([row[1:] for row in rows], dtype=np.float64).reshape(len(rows), 2)
    return points, replace(counted, invalid=among.invalid, unlabeled=among.unlabeled, if_none=if_none)

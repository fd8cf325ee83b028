"""Samples of the figures about preferences: accuracy, agreement, and what the presented order does."""

from collections.abc import Sequence

import numpy as np

from critic_eval.judging import Judgment, Label, Verdict
from critic_eval.judging.verdicts import Value
from critic_eval.metrics import agreement
from critic_eval.metrics.preference import TIE, hits
from critic_eval.metrics.samples import (
    InvalidPolicy,
    Sample,
    cell_sample,
    cluster_of,
    invalid_reasons,
    labeled,
    mean_sample,
    why_none,
)


def accuracy_sample(name: str, judgments: Sequence[Judgment], policy: InvalidPolicy) -> Sample:
    """The sample of `accuracy_with_tie`, or of `accuracy_without_tie`, which leaves out items labeled a tie."""
    every = judgments
    if name == "accuracy_without_tie":
        judgments = [judgment for judgment in judgments if judgment.label != Label.preference(None)]
        if every and not judgments:
            return mean_sample([], [], {}, 0, "every label is a tie")
    pairs, invalid, unlabeled = labeled(name, judgments, "preference", keep_invalid=policy == "wrong")
    clusters = [cluster_of(judgment) for judgment, _ in pairs]
    return mean_sample(_hits(pairs), clusters, invalid, unlabeled, why_none(judgments, unlabeled))


def cluster_accuracy_sample(name: str, judgments: Sequence[Judgment], policy: InvalidPolicy) -> Sample:
    """The sample of the share of clusters whose judgments are all right (ACC+ of MM-RLHF, arXiv 2502.10391)."""
    pairs, invalid, unlabeled = labeled(name, judgments, "preference", keep_invalid=policy == "wrong")
    all_right: dict[str, float] = {}
    for (judgment, _), hit in zip(pairs, _hits(pairs), strict=True):
        cluster = cluster_of(judgment)
        all_right[cluster] = min(all_right.get(cluster, 1.0), float(hit))
    return mean_sample(list(all_right.values()), list(all_right), invalid, unlabeled, why_none(judgments, unlabeled))


def agreement_sample(name: str, judgments: Sequence[Judgment], policy: InvalidPolicy) -> Sample:
    """The sample of `macro_f1` or `cohen_kappa` over first, second and tie."""
    pairs, invalid, unlabeled = labeled(name, judgments, "preference", keep_invalid=policy == "wrong")
    points = np.array([[_code(judgment.verdict), _label_code(label)] for judgment, label in pairs], dtype=np.float64)
    clusters = [cluster_of(judgment) for judgment, _ in pairs]
    weighted = agreement.weighted_macro_f1 if name == "macro_f1" else agreement.weighted_cohen_kappa
    if not len(pairs):
        return mean_sample([], [], invalid, unlabeled, why_none(judgments, unlabeled))
    value = float(weighted(points, np.ones((1, len(points))))[0])
    reason = "every verdict and label is the same" if np.isnan(value) else None
    return cell_sample(points, weighted, value, clusters, invalid, unlabeled, reason)


def order_consistency_sample(name: str, judgments: Sequence[Judgment], policy: InvalidPolicy) -> Sample:
    """The sample of the share of items judged in two or more orders on which all canonical verdicts are the same.

    An item with an invalid verdict is left out or, by "wrong", inconsistent; two invalid verdicts never agree.
    """
    of_item: dict[str, list[Judgment]] = {}
    for judgment in judgments:
        of_item.setdefault(judgment.item_id, []).append(judgment)
    twice = {item: group for item, group in of_item.items() if len({judgment.order for judgment in group}) > 1}
    invalid = invalid_reasons([judgment for group in twice.values() for judgment in group])
    agreed: list[float] = []
    clusters = []
    for group in twice.values():
        valid = all(judgment.verdict.is_valid for judgment in group)
        if valid or policy == "wrong":
            agreed.append(float(valid and len({judgment.verdict.value for judgment in group}) == 1))
            clusters.append(cluster_of(group[0]))
    reason = "no item has valid verdicts in two orders" if twice else "no item was judged in two orders"
    return mean_sample(agreed, clusters, invalid, 0, reason)


def first_position_sample(name: str, judgments: Sequence[Judgment], policy: InvalidPolicy) -> Sample:
    """The sample of the share of verdicts for the response shown first, of those that prefer one.

    Only items judged in two or more orders count, so that a critic is not called biased for what the labels are.
    """
    shown: dict[str, set[str]] = {}
    for judgment in judgments:
        shown.setdefault(judgment.item_id, set()).add(judgment.order)
    twice = [judgment for judgment in judgments if len(shown[judgment.item_id]) > 1]
    decided = [judgment for judgment in twice if judgment.verdict.is_valid and judgment.verdict.value is not None]
    firsts = [float(judgment.presented.value == 0) for judgment in decided]
    reason = "no preference in an item judged in two orders" if twice else "no item was judged in two orders"
    return mean_sample(firsts, [cluster_of(judgment) for judgment in decided], invalid_reasons(twice), 0, reason)


def _hits(pairs: Sequence[tuple[Judgment, Value]]) -> np.ndarray:
    return hits([_code(judgment.verdict) for judgment, _ in pairs], [_label_code(label) for _, label in pairs])


def _code(verdict: Verdict) -> int:
    return _label_code(verdict.value) if verdict.is_valid else _NO_ANSWER


def _label_code(value: Value) -> int:
    return TIE if value is None else int(value)  # type: ignore[arg-type]  # a preference's value


_NO_ANSWER = -2  # equal to no label

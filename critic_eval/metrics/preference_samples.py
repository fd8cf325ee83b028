"""Samples of the figures about preferences: accuracy, agreement, and what the presented order does."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from critic_eval.judging import Judgment, Label, Verdict
from critic_eval.judging.verdicts import Value
from critic_eval.metrics import agreement
from critic_eval.metrics.preference import TIE, hits
from critic_eval.metrics.statistic import (
    InvalidPolicy,
    Sample,
    Units,
    cell_sample,
    cluster_of,
    invalid_reasons,
    labeled,
    mean_sample,
    units_of,
    why_none,
)


def accuracy_sample(name: str, judgments: Sequence[Judgment], policy: InvalidPolicy) -> Sample:
    """The sample of `accuracy_with_tie`, or of `accuracy_without_tie`, which leaves out items labeled a tie."""
    every = judgments
    if name == "accuracy_without_tie":
        judgments = [judgment for judgment in judgments if judgment.label != Label.preference(None)]
        if every and not judgments:
            return mean_sample([], Units([], 0), {}, 0, "every label is a tie")
    pairs, invalid, unlabeled = labeled(name, judgments, "preference", keep_invalid=policy == "wrong")
    return mean_sample(_hits(pairs), _units(pairs), invalid, unlabeled, why_none(judgments, unlabeled))


def cluster_accuracy_sample(name: str, judgments: Sequence[Judgment], policy: InvalidPolicy) -> Sample:
    """The sample of the share of clusters whose judgments are all right (ACC+ of MM-RLHF, arXiv 2502.10391)."""
    pairs, invalid, unlabeled = labeled(name, judgments, "preference", keep_invalid=policy == "wrong")
    all_right: dict[str, float] = {}
    for (judgment, _), hit in zip(pairs, _hits(pairs), strict=True):
        cluster = cluster_of(judgment)
        all_right[cluster] = min(all_right.get(cluster, 1.0), float(hit))
    units = Units(list(all_right), _units(pairs).n_items, len(pairs))
    return mean_sample(list(all_right.values()), units, invalid, unlabeled, why_none(judgments, unlabeled))


def majority_accuracy_sample(name: str, judgments: Sequence[Judgment], policy: InvalidPolicy) -> Sample:
    """The sample of the share of items whose judgments are right more often than not, of those that are decided.

    An item is decided where more than half of all its judgments are right, or more than half are wrong (cal.py of
    VL-RewardBench, arXiv 2411.17451). By "wrong", an undecided item counts as not right.
    """
    pairs, invalid, unlabeled = labeled(name, judgments, "preference", keep_invalid=True)
    votes: dict[str, list[int]] = {}
    clusters: dict[str, str] = {}
    for (judgment, _), hit in zip(pairs, _hits(pairs), strict=True):
        votes.setdefault(judgment.item_id, []).append(int(hit) if judgment.verdict.is_valid else _NO_ANSWER)
        clusters[judgment.item_id] = cluster_of(judgment)
    right: dict[str, float] = {}
    for item, cast in votes.items():
        for_it, against = cast.count(1), cast.count(0)
        if 2 * max(for_it, against) > len(cast) or policy == "wrong":
            right[item] = float(2 * for_it > len(cast))
    reason = "no item has a majority" if votes else why_none(judgments, unlabeled)
    n_judgments = sum(len(votes[item]) for item in right)
    units = Units([clusters[item] for item in right], len(right), n_judgments)
    return mean_sample(list(right.values()), units, invalid, unlabeled, reason)


def model_kendall_sample(name: str, judgments: Sequence[Judgment], policy: InvalidPolicy) -> Sample:
    """The sample of Kendall's tau-b between two rankings of the models that wrote the responses.

    Models are ranked by their share of wins over their judged battles, a tie as half a win: once by the labels, once by
    the verdicts. Needs who wrote both responses. By "wrong", a battle without a verdict is one that nobody wins.
    """
    pairs, invalid, unlabeled = labeled(name, judgments, "preference", keep_invalid=policy == "wrong")
    named = [(judgment, label) for judgment, label in pairs if len(judgment.models) == 2 and all(judgment.models)]
    models = sorted({str(model) for judgment, _ in named for model in judgment.models})
    column = {model: index for index, model in enumerate(models)}
    addends = np.zeros((len(named), 3 * len(models)))
    for row, (judgment, label) in enumerate(named):
        points = [_points(_label_code(label)), _points(_code(judgment.verdict))]
        for side, model in enumerate(judgment.models):
            at = column[str(model)]
            addends[row, at] += 1
            for which, won in enumerate(points):
                addends[row, (which + 1) * len(models) + at] += won[side]
    reason = None
    if not named:
        reason = "no judgment names the models of both responses" if pairs else why_none(judgments, unlabeled)
    clusters, n_items, _ = _units(named)
    value = float("nan") if reason else float(_tau_of_sums(addends.sum(axis=0)[None])[0])
    if reason is None and np.isnan(value):
        reason = "all models are ranked equal"
    return Sample(value, addends, _tau_of_sums, clusters, len(named), invalid, unlabeled, reason, n_items)


def _points(code: int) -> tuple[float, float]:
    """What each side of a battle wins."""
    return {0: (1.0, 0.0), 1: (0.0, 1.0), TIE: (0.5, 0.5)}.get(code, (0.0, 0.0))


def _tau_of_sums(sums: np.ndarray) -> np.ndarray:
    """Kendall's tau-b of win rates, from sums of shape (b, 3m): battles, points by labels and points by verdicts."""
    battles, by_label, by_verdict = np.split(sums, 3, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        x, y = by_label / battles, by_verdict / battles
        upper = np.triu_indices(x.shape[1], k=1)
        # A model that a resample has no battle of is in no pair.
        known = np.isfinite(x[:, upper[0]] + x[:, upper[1]])
        dx, dy = (np.where(known, np.sign(v[:, upper[0]] - v[:, upper[1]]), 0.0) for v in (x, y))
        result: np.ndarray = (dx * dy).sum(axis=1) / np.sqrt((dx**2).sum(axis=1) * (dy**2).sum(axis=1))
    return result


def agreement_sample(name: str, judgments: Sequence[Judgment], policy: InvalidPolicy) -> Sample:
    """The sample of `macro_f1` or `cohen_kappa` over first, second and tie."""
    pairs, invalid, unlabeled = labeled(name, judgments, "preference", keep_invalid=policy == "wrong")
    points = np.array([[_code(judgment.verdict), _label_code(label)] for judgment, label in pairs], dtype=np.float64)
    units = _units(pairs)
    weighted = agreement.weighted_macro_f1 if name == "macro_f1" else agreement.weighted_cohen_kappa
    if not len(pairs):
        return mean_sample([], units, invalid, unlabeled, why_none(judgments, unlabeled))
    value = float(weighted(points, np.ones((1, len(points))))[0])
    reason = "every verdict and label is the same" if np.isnan(value) else None
    return cell_sample(points, weighted, value, units, invalid, unlabeled, reason)


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
    counted: list[list[Judgment]] = []
    for group in twice.values():
        valid = all(judgment.verdict.is_valid for judgment in group)
        if valid or policy == "wrong":
            agreed.append(float(valid and len({judgment.verdict.value for judgment in group}) == 1))
            counted.append(group)
    reason = "no item has valid verdicts in two orders" if twice else "no item was judged in two orders"
    return mean_sample(agreed, _units_of_groups(counted), invalid, 0, reason)


def draw_agreement_sample(name: str, judgments: Sequence[Judgment], policy: InvalidPolicy) -> Sample:
    """The sample of how often two draws of an item in one order give one verdict, as a mean over items and orders.

    Draws with an invalid verdict are left out or, by "wrong", agree with none.
    """
    drawn: dict[tuple[str, str], list[Judgment]] = {}
    for judgment in judgments:
        drawn.setdefault((judgment.item_id, judgment.order), []).append(judgment)
    several = [draws for draws in drawn.values() if len(draws) > 1]
    invalid = invalid_reasons([judgment for draws in several for judgment in draws])
    shares: list[float] = []
    counted: list[list[Judgment]] = []
    for draws in several:
        valid = Counter(judgment.verdict.value for judgment in draws if judgment.verdict.is_valid)
        n = len(draws) if policy == "wrong" else valid.total()
        if n > 1:
            shares.append(sum(times * (times - 1) for times in valid.values()) / (n * (n - 1)))
            counted.append(draws if policy == "wrong" else [one for one in draws if one.verdict.is_valid])
    reason = "no item has two valid draws" if several else "no item was judged twice in one order"
    return mean_sample(shares, _units_of_groups(counted), invalid, 0, reason)


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
    return mean_sample(firsts, units_of(decided), invalid_reasons(twice), 0, reason)


def _units_of_groups(groups: Sequence[Sequence[Judgment]]) -> Units:
    """What rows of several judgments of one item each are on."""
    return units_of([group[0] for group in groups])._replace(n_judgments=sum(map(len, groups)))


def _units(pairs: Sequence[tuple[Judgment, Value]]) -> Units:
    return units_of([judgment for judgment, _ in pairs])


def _hits(pairs: Sequence[tuple[Judgment, Value]]) -> np.ndarray:
    return hits([_code(judgment.verdict) for judgment, _ in pairs], [_label_code(label) for _, label in pairs])


def _code(verdict: Verdict) -> int:
    return _label_code(verdict.value) if verdict.is_valid else _NO_ANSWER


def _label_code(value: Value) -> int:
    return TIE if value is None else int(value)  # type: ignore[arg-type]  # a preference's value


_NO_ANSWER = -2  # equal to no label

"""How often verdicts are right: per judgment, per item, per cluster of items."""

from collections.abc import Sequence
from dataclasses import replace

from critic_eval.judging import Judgment, Preference
from critic_eval.metrics.labeled import ON_SCALE, is_right, labeled, labeled_scores, without_scale
from critic_eval.metrics.registry import figure
from critic_eval.metrics.statistic import Counted, InvalidPolicy, Statistic, cluster_of, mean_statistic


@figure(
    "accuracy_with_tie",
    higher_is_better=True,
    kinds="preference",
    label="preference",
    formula="mean(verdict = label)",
    source='pair "with tie" of MLLM-as-a-Judge (arXiv 2402.04788)',
)
def accuracy_with_tie(judgments: Sequence[Judgment], policy: InvalidPolicy) -> Statistic:
    """Share of preferences that equal their label, ties included on both sides, 0 to 1.

    By "wrong", an invalid verdict is not right.
    """
    pairs, counted = labeled(judgments, policy)
    return mean_statistic([float(is_right(pair)) for pair in pairs], counted)


@figure(
    "accuracy_without_tie",
    higher_is_better=True,
    kinds="preference",
    label="preference",
    formula="mean(verdict = label), of labels that are no tie",
    source='pair "without tie" of MLLM-as-a-Judge (arXiv 2402.04788), as flex-judge\'s mllm_judge_eval computes it',
)
def accuracy_without_tie(judgments: Sequence[Judgment], policy: InvalidPolicy) -> Statistic:
    """Share of right preferences among those whose label is no tie, 0 to 1.

    A critic that calls a tie there is wrong. By "wrong", so is an invalid verdict.
    """
    decided = [judgment for judgment in judgments if judgment.label != Preference(None)]
    statistic = accuracy_with_tie(decided, policy)
    if len(decided) < len(judgments) and all(judgment.label is None for judgment in decided):
        return replace(statistic, reason="every label is a tie")
    return statistic


@figure(
    "score_accuracy",
    higher_is_better=True,
    kinds=("score", "scores"),
    label="score",
    need=ON_SCALE,
    invalid="left out",
    formula="mean(score = label)",
)
def score_accuracy(judgments: Sequence[Judgment]) -> Statistic:
    """Share of scores that equal their label, 0 to 1."""
    if (undefined := without_scale(judgments)) is not None:
        return undefined
    said, label, counted = labeled_scores(judgments)
    return mean_statistic((said == label).astype(float), counted)


@figure(
    "cluster_accuracy",
    higher_is_better=True,
    kinds="preference",
    label="preference",
    formula="mean over clusters of min(verdict = label)",
    source="ACC+ of MM-RLHF (arXiv 2502.10391)",
)
def cluster_accuracy(judgments: Sequence[Judgment], policy: InvalidPolicy) -> Statistic:
    """Share of clusters whose judgments are all right, 0 to 1.

    By "wrong", an invalid verdict is not right.
    """
    pairs, counted = labeled(judgments, policy)
    all_right: dict[str, bool] = {}
    for judgment, label in pairs:
        cluster = cluster_of(judgment)
        all_right[cluster] = all_right.get(cluster, True) and is_right((judgment, label))
    of_clusters = replace(counted, clusters=list(all_right), n_judgments=len(pairs))
    return mean_statistic([float(right) for right in all_right.values()], of_clusters)


@figure(
    "majority_accuracy",
    higher_is_better=True,
    kinds="preference",
    label="preference",
    formula="mean over decided items of (2 · right > judgments)",
    source="VL-RewardBench (arXiv 2411.17451), cal.py",
)
def majority_accuracy(judgments: Sequence[Judgment], policy: InvalidPolicy) -> Statistic:
    """Share of items whose judgments are right more often than not, of those that are decided, 0 to 1.

    An item is decided where more than half of all its judgments are right, or more than half are wrong; an invalid one
    is neither. By "wrong", an undecided item counts as not right.
    """
    pairs, counted = labeled(judgments, "wrong")
    votes: dict[str, list[bool | None]] = {}
    clusters: dict[str, str] = {}
    for judgment, label in pairs:
        vote = is_right((judgment, label)) if judgment.verdict.is_valid else None
        votes.setdefault(judgment.item_id, []).append(vote)
        clusters[judgment.item_id] = cluster_of(judgment)
    right: dict[str, float] = {}
    for item, cast in votes.items():
        most = max(cast.count(True), cast.count(False))
        if 2 * most > len(cast) or policy == "wrong":
            right[item] = float(2 * cast.count(True) > len(cast))
    of_items = Counted(
        [clusters[item] for item in right],
        len(right),
        sum(len(votes[item]) for item in right),
        counted.invalid,
        counted.unlabeled,
        "no item has a majority" if votes else counted.if_none,
    )
    return mean_statistic(list(right.values()), of_items)

"""Figures by the names they have in results: a value over judgments with its error, its n and what was invalid.

Every figure states what it does with invalid verdicts. "exclude" leaves them out and counts them. "wrong" counts them
as the worst outcome, which means

- accuracies, `macro_f1`, `cohen_kappa`: not right;
- `order_consistency`: the item is inconsistent;
- `draw_agreement`: a draw that agrees with none;
- `levenshtein`, `kendall_distance`: distance 1;
- correlations, `quadratic_kappa`, `score_accuracy`, figures of reviews: ArgumentError, since no score is the wrong one;
- `score`, `win_rate`, `reward`, `model_kendall`: a battle that nobody wins;
- `first_position_rate`, `invalid_rate`: the same as "exclude".
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import NamedTuple

import numpy as np

from critic_eval.errors import ArgumentError
from critic_eval.judging import Judgment
from critic_eval.metrics.bench_samples import battle_sample, review_sample
from critic_eval.metrics.columns import by_group, encoded, invalid_counts
from critic_eval.metrics.exact import Bounds, are_few, mean_of_groups, spread
from critic_eval.metrics.preference_samples import (
    accuracy_sample,
    agreement_sample,
    cluster_accuracy_sample,
    draw_agreement_sample,
    first_position_sample,
    majority_accuracy_sample,
    model_kendall_sample,
    order_consistency_sample,
)
from critic_eval.metrics.ranking_samples import distance_sample
from critic_eval.metrics.resampling import interval
from critic_eval.metrics.score_samples import score_sample
from critic_eval.metrics.statistic import InvalidPolicy, Sample, Sampler, mean_sample, units_of

POOLED, MEAN = "pooled", "mean"
"""The groups of a figure over all judgments together, and of the unweighted mean of the figures of all groups."""


@dataclass(frozen=True)
class Figure:
    """One number of a result, and how sure it is.

    `n` counts what the value was computed from: judgments, or items for `order_consistency`, clusters for
    `cluster_accuracy`. `invalid` counts the invalid verdicts among the judgments that the figure is about, by reason,
    whatever the policy; `unlabeled` those left out because their item has no label. Where `value` is NaN, `reason` says
    why. `stderr`, `low` and `high` (95 %) are from a bootstrap clustered by item or, where that can't tell, an exact
    method (see `metrics.exact`); `interval` names which, and they are NaN where it is `none`. `group` is a part of the
    benchmark, `pooled`, or `mean`. `n_items` and `n_judgments` count both for every figure.
    """

    name: str
    value: float
    stderr: float
    low: float
    high: float
    n: int
    invalid: dict[str, int]
    unlabeled: int = 0
    reason: str | None = None
    group: str = POOLED
    n_items: int = 0
    n_judgments: int = 0
    interval: str = "bootstrap"


def figure(
    name: str,
    judgments: Sequence[Judgment],
    invalid_policy: InvalidPolicy = "exclude",
    resamples: int = 1000,
    seed: int = 0,
) -> Figure:
    """Compute a figure over judgments.

    Args:
        name: One of `figure_names()`.
        judgments: Of one critic on one set of items, in any order.
        invalid_policy: What becomes of invalid verdicts, as the module says.
        resamples: Bootstrap resamples; 0 for no error and no interval.
        seed: Seed of the bootstrap.

    Raises:
        ArgumentError: An unknown name or policy; "wrong" for a correlation; verdicts or labels of another kind than the
            figure is about.

    >>> from critic_eval.judging import Label, Verdict
    >>> judgments = [
    ...     Judgment(str(i), "AB", Verdict.preference(0), "", "llava_critic_pair", label=Label.preference(i % 2))
    ...     for i in range(4)
    ... ]
    >>> figure("accuracy_with_tie", judgments).value
    0.5
    """
    return figure_of(name, draw_sample(name, judgments, invalid_policy), resamples, seed)


def figure_of(name: str, sample: Sample, resamples: int = 1000, seed: int = 0) -> Figure:
    """The figure of a sample, over all its judgments."""
    return _figure(name, sample, sample.draws(resamples, seed), POOLED)


def group_figures(
    name: str,
    judgments: Sequence[Judgment],
    invalid_policy: InvalidPolicy = "exclude",
    resamples: int = 1000,
    seed: int = 0,
) -> list[Figure]:
    """The figure of each group, their unweighted mean, and the figure of all judgments pooled; arguments as `figure`.

    The mean is computed anew inside each resample, which draws items within their group: a benchmark's groups are of
    fixed sizes. It is NaN where one group's figure is, and names that group. A judgment without a group counts only in
    the pooled figure. Without any group, the pooled figure is all.
    """
    of_group = by_group(judgments)
    pooled = figure(name, judgments, invalid_policy, resamples, seed)
    if not of_group:
        return [pooled]
    samples = {shown_group(group): draw_sample(name, part, invalid_policy) for group, part in of_group.items()}
    draws = {group: sample.draws(resamples, (seed, index)) for index, (group, sample) in enumerate(samples.items())}
    figures = [_figure(name, sample, draws[group], group) for group, sample in samples.items()]
    unknown = [f"group {found.group}: {found.reason}" for found in figures if found.reason]
    value = float("nan") if unknown else float(np.mean([found.value for found in figures]))
    bounds = Bounds.of(interval(np.mean(list(draws.values()), axis=0) if not unknown else ()))
    small = any(are_few(sample.clusters) for sample in samples.values())
    if not unknown and resamples and (small or not bounds.stderr > 0):
        bounds = mean_of_groups([found.value for found in figures], [(found.low, found.high) for found in figures])
    invalid: Counter[str] = Counter()
    for part in of_group.values():
        invalid.update(invalid_counts(encoded(part, "verdict")))
    n, n_items, n_judgments, unlabeled = (
        sum(getattr(found, part) for found in figures) for part in ("n", "n_items", "n_judgments", "unlabeled")
    )
    counts = (n, dict(invalid), unlabeled, "; ".join(unknown) or None, MEAN, n_items, n_judgments, bounds.method)
    mean = Figure(name, value, bounds.stderr, bounds.low, bounds.high, *counts)
    return [mean, pooled, *figures]


def draw_sample(name: str, judgments: Sequence[Judgment], invalid_policy: InvalidPolicy = "exclude") -> Sample:
    """What a figure is computed from, for the comparison of two critics; arguments and errors as of `figure`."""
    if name not in _METRICS:
        near = get_close_matches(name, _METRICS) or figure_names()
        raise ArgumentError(f"There is no figure {name!r}; did you mean {' or '.join(near)}?")
    if invalid_policy not in ("exclude", "wrong"):
        raise ArgumentError(f"The invalid policy is 'exclude' or 'wrong', not {invalid_policy!r}.")
    return _METRICS[name].sampler(name, judgments, invalid_policy)


def shown_group(group: str) -> str:
    """What a group is called in figures: its name, in quotation marks where that is the name of all or of the mean.

    >>> shown_group("coco"), shown_group("pooled"), shown_group('"pooled"')
    ('coco', '"pooled"', '""pooled""')
    """
    return f'"{group}"' if group.strip('"') in (POOLED, MEAN) else group


def figure_names() -> list[str]:
    """All names that `figure` knows."""
    return list(_METRICS)


def figure_of_metric(name: str) -> tuple[str | None, bool]:
    """The figure that a task's metric is, None for none, and whether it is its unweighted mean over the groups.

    >>> figure_of_metric("mean_pearson"), figure_of_metric("mean_score_1"), figure_of_metric("left_out")
    (('pearson', True), ('mean_score_1', False), (None, False))
    """
    if name in figure_names():
        return name, False
    base = name.removeprefix("mean_")
    return (base, True) if name != base and base in figure_names() else (None, False)


class _Metric(NamedTuple):
    sampler: Sampler
    higher_is_better: bool | None


def _figure(name: str, sample: Sample, draws: np.ndarray, group: str) -> Figure:
    found = spread(sample, draws)
    n_judgments = sample.n if sample.n_judgments is None else sample.n_judgments
    counts = (sample.n, sample.invalid, sample.unlabeled, sample.reason, group, sample.n_items, n_judgments)
    return Figure(name, sample.value, found.stderr, found.low, found.high, *counts, found.method)


def _invalid_rate(name: str, judgments: Sequence[Judgment], policy: InvalidPolicy) -> Sample:
    verdict = encoded(judgments, "verdict")
    values = np.array([not value.is_valid for value in verdict.values], np.float64)[verdict.codes]
    return mean_sample(values, units_of(judgments), invalid_counts(verdict))


_METRICS = {
    "pearson": _Metric(score_sample, True),
    "spearman": _Metric(score_sample, True),
    "kendall": _Metric(score_sample, True),
    "concordance": _Metric(score_sample, True),
    "quadratic_kappa": _Metric(score_sample, True),
    "score_accuracy": _Metric(score_sample, True),
    "accuracy_with_tie": _Metric(accuracy_sample, True),
    "accuracy_without_tie": _Metric(accuracy_sample, True),
    "cluster_accuracy": _Metric(cluster_accuracy_sample, True),
    "majority_accuracy": _Metric(majority_accuracy_sample, True),
    "model_kendall": _Metric(model_kendall_sample, True),
    "macro_f1": _Metric(agreement_sample, True),
    "cohen_kappa": _Metric(agreement_sample, True),
    "order_consistency": _Metric(order_consistency_sample, True),
    "draw_agreement": _Metric(draw_agreement_sample, True),
    "first_position_rate": _Metric(first_position_sample, None),
    "levenshtein": _Metric(distance_sample, False),
    "kendall_distance": _Metric(distance_sample, False),
    "score": _Metric(battle_sample, True),
    "win_rate": _Metric(battle_sample, True),
    "reward": _Metric(battle_sample, True),
    "mean_score_1": _Metric(review_sample, True),
    "mean_score_2": _Metric(review_sample, True),
    "relative_score": _Metric(review_sample, True),
    "invalid_rate": _Metric(_invalid_rate, False),
}

HIGHER_IS_BETTER = {name: metric.higher_is_better for name, metric in _METRICS.items()}
"""Whether a greater value of a figure is better, by name; None where neither is."""

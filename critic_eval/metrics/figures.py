"""Figures by the names they have in results: a value over judgments with its error, its n and what was invalid.

What each figure is, what it needs and where it is from stands with its function, and in `registry.FIGURES`. Every
figure states what it does with invalid verdicts: "exclude" leaves them out and counts them, "wrong" counts them as the
worst outcome, as the figure's function says. Where no verdict is the worst, as with scores, "wrong" is refused.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from critic_eval.judging import Judgment
from critic_eval.metrics.columns import by_group
from critic_eval.metrics.exact import Bounds, are_few, mean_of_groups, spread
from critic_eval.metrics.registry import FIGURES
from critic_eval.metrics.resampling import Floats, interval
from critic_eval.metrics.statistic import InvalidPolicy, Statistic, invalid_by_reason

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


def compute_figure(
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
        ArgumentError: An unknown name or policy; "wrong" where no verdict is the wrong one; verdicts or labels of
            another kind than the figure takes.

    >>> from critic_eval.judging import Preference, Score
    >>> judgments = [
    ...     Judgment(str(i), "AB", Preference(0), "", "llava_critic_pair", label=Preference(i % 2))
    ...     for i in range(4)
    ... ]
    >>> compute_figure("accuracy_with_tie", judgments).value
    0.5
    """
    return figure_of(name, statistic_of(name, judgments, invalid_policy), resamples, seed)


def group_figures(
    name: str,
    judgments: Sequence[Judgment],
    invalid_policy: InvalidPolicy = "exclude",
    resamples: int = 1000,
    seed: int = 0,
) -> list[Figure]:
    """The unweighted mean of the figures of all groups, the figure of all judgments pooled, and that of each group.

    The mean is computed anew inside each resample, which draws items within their group: a benchmark's groups are of
    fixed sizes. It is NaN where one group's figure is, and names that group. A judgment without a group counts only in
    the pooled figure. Without any group, the pooled figure is all. Arguments and errors are those of `compute_figure`.
    """
    of_group = by_group(judgments)
    pooled = compute_figure(name, judgments, invalid_policy, resamples, seed)
    if not of_group:
        return [pooled]
    statistics = {shown_group(group): statistic_of(name, part, invalid_policy) for group, part in of_group.items()}
    draws = [statistic.draws(resamples, (seed, index)) for index, statistic in enumerate(statistics.values())]
    figures = [
        _figure(name, statistic, drawn, group)
        for (group, statistic), drawn in zip(statistics.items(), draws, strict=True)
    ]
    is_small = any(are_few(statistic.counted.clusters) for statistic in statistics.values())
    invalid: Counter[str] = Counter()
    for part in of_group.values():
        invalid.update(invalid_by_reason(part))
    return [_mean(name, figures, draws, is_small, dict(invalid)), pooled, *figures]


def figure_of(name: str, statistic: Statistic, resamples: int = 1000, seed: int = 0) -> Figure:
    """The figure of a statistic, over all its judgments."""
    return _figure(name, statistic, statistic.draws(resamples, seed), POOLED)


def statistic_of(name: str, judgments: Sequence[Judgment], invalid_policy: InvalidPolicy = "exclude") -> Statistic:
    """What a figure is computed from, for the comparison of two critics; arguments and errors of `compute_figure`."""
    return FIGURES.get(name).statistic(judgments, invalid_policy)


def applies(name: str, judgments: Sequence[Judgment]) -> str | None:
    """Why a figure can't apply to judgments, such as "no labels"; None where it can.

    A figure that applies may still be without a value, where all verdicts are invalid for example.

    Raises:
        ArgumentError: An unknown name.

    >>> from critic_eval.judging import Preference, Score
    >>> applies("pearson", [Judgment("1", "A", Score(3), "", "aspect_score")])
    'no labels'
    """
    return FIGURES.get(name).lacking(judgments)


def figure_names() -> list[str]:
    """All names of figures, sorted."""
    return FIGURES.names()


def figure_of_metric(name: str) -> tuple[str | None, bool]:
    """The figure that a task's metric is, None for none, and whether it is its unweighted mean over the groups.

    >>> figure_of_metric("mean_pearson"), figure_of_metric("mean_score_1"), figure_of_metric("left_out")
    (('pearson', True), ('mean_score_1', False), (None, False))
    """
    if name in FIGURES:
        return name, False
    base = name.removeprefix(_MEAN_PREFIX)
    return (base, True) if name != base and base in FIGURES else (None, False)


_MEAN_PREFIX = "mean_"


def shown_group(group: str) -> str:
    """What a group is called in figures: its name, in quotation marks where that is the name of all or of the mean.

    >>> shown_group("coco"), shown_group("pooled"), shown_group('"pooled"')
    ('coco', '"pooled"', '""pooled""')
    """
    return f'"{group}"' if group.strip('"') in (POOLED, MEAN) else group


class _HigherIsBetter(Mapping[str, bool | None]):
    """A view of the registry."""

    def __getitem__(self, name: str) -> bool | None:
        if name not in FIGURES:
            raise KeyError(name)
        return FIGURES.get(name).higher_is_better

    def __iter__(self) -> Iterator[str]:
        return iter(FIGURES)

    def __len__(self) -> int:
        return len(FIGURES.names())


HIGHER_IS_BETTER: Mapping[str, bool | None] = _HigherIsBetter()
"""Whether a greater value of a figure is better, by name; None where neither is. Knows figures registered later."""


def _figure(name: str, statistic: Statistic, draws: Floats, group: str) -> Figure:
    bounds, counted = spread(statistic, draws), statistic.counted
    return Figure(
        name,
        statistic.value,
        bounds.stderr,
        bounds.low,
        bounds.high,
        statistic.n,
        counted.invalid,
        counted.unlabeled,
        statistic.reason,
        group,
        counted.n_items,
        statistic.n if counted.n_judgments is None else counted.n_judgments,
        bounds.method,
    )


def _mean(
    name: str, figures: Sequence[Figure], draws: Sequence[Floats], is_small: bool, invalid: dict[str, int]
) -> Figure:
    """The mean of the figures of groups, from each one's draws; `is_small` where one is of few clusters."""
    unknown = [f"group {figure.group}: {figure.reason}" for figure in figures if figure.reason]
    value = float("nan") if unknown else float(np.mean([figure.value for figure in figures]))
    bounds = Bounds.of(interval(np.mean(draws, axis=0) if not unknown else ()))
    if not unknown and len(draws[0]) and (is_small or not bounds.stderr > 0):
        bounds = mean_of_groups([figure.value for figure in figures], [(figure.low, figure.high) for figure in figures])
    return Figure(
        name,
        value,
        bounds.stderr,
        bounds.low,
        bounds.high,
        sum(figure.n for figure in figures),
        invalid,
        sum(figure.unlabeled for figure in figures),
        "; ".join(unknown) or None,
        MEAN,
        sum(figure.n_items for figure in figures),
        sum(figure.n_judgments for figure in figures),
        bounds.method,
    )

"""Critics on the same items: how their figures differ, how sure that is, and how far their verdicts agree.

What two critics said of one item is not independent, so an item's judgments of all critics are resampled together.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse, stats

from critic_eval.errors import ArgumentError
from critic_eval.judging import Invalid, Judgment, Label, Scores, Verdict
from critic_eval.metrics.columns import by_group
from critic_eval.metrics.figures import POOLED, Figure, compute_figure, statistic_of
from critic_eval.metrics.resampling import Floats, Seed, bootstrap, interval
from critic_eval.metrics.statistic import InvalidPolicy, Statistic, cluster_of


@dataclass(frozen=True)
class Comparison:
    """How a figure of one critic differs from another's on the items that both judged.

    `difference` is first minus second, `stderr` its standard error, `low` and `high` its 95 % percentile interval, `p`
    two-sided: of McNemar's exact test for accuracies, else of the paired bootstrap. `n` is the number of common
    clusters of judgments.
    """

    name: str
    difference: float
    stderr: float
    low: float
    high: float
    p: float
    test: str
    n: int


@dataclass(frozen=True)
class PairedFigures:
    """A figure of several critics on the same items.

    Attributes:
        values: Of each critic, shape (critics,); NaN where it has none.
        draws: Of the bootstrap, the same items in each draw for all, shape (critics, resamples).
        n: How many judgments (or items) each value is computed from.
        invalid: How many of each critic's verdicts are invalid.
    """

    values: Floats
    draws: Floats
    n: list[int]
    invalid: list[int]


def compare(
    name: str,
    first: Sequence[Judgment],
    second: Sequence[Judgment],
    invalid_policy: InvalidPolicy = "exclude",
    resamples: int = 10_000,
    seed: int = 0,
    group: str = POOLED,
) -> Comparison:
    """Compare two critics on the items that both judged.

    Args:
        name: One of `figure_names()`.
        first: Judgments of one critic.
        second: Judgments of the other.
        invalid_policy: What becomes of invalid verdicts.
        resamples: Bootstrap resamples.
        seed: Seed of the bootstrap.
        group: `pooled` for all items together, or `mean` for the unweighted mean over groups of items, which are then
            resampled one by one.

    Raises:
        ArgumentError: No item was judged by both; or as `compute_figure`.
    """
    common = {cluster_of(judgment) for judgment in first} & {cluster_of(judgment) for judgment in second}
    if not common:
        raise ArgumentError(f"The two critics have no item in common, so {name} can't be compared.")
    sides = [[judgment for judgment in side if cluster_of(judgment) in common] for side in (first, second)]
    figures = paired_figures(name, sides, invalid_policy, resamples, seed, group)
    draws = figures.draws[0] - figures.draws[1]
    p, test = bootstrap_p(draws), "paired bootstrap"
    if name in _ACCURACIES and group == POOLED and all(map(_is_once_each, sides)):
        p, test = mcnemar(*_common_hits([statistic_of(name, side, invalid_policy) for side in sides])), "McNemar, exact"
    shown = name if group == POOLED else f"{group} {name}"
    return Comparison(shown, float(figures.values[0] - figures.values[1]), *interval(draws), p, test, len(common))


def paired_figures(
    name: str,
    critics: Sequence[Sequence[Judgment]],
    invalid_policy: InvalidPolicy = "exclude",
    resamples: int = 1000,
    seed: int = 0,
    group: str = POOLED,
) -> PairedFigures:
    """A figure of several critics, given the judgments of each; the other arguments are those of `compare`.

    A mean is over the groups that all critics have, and NaN where a critic's figure of one of them is.
    """
    parts = [critics] if group == POOLED else _common_groups(critics)
    values, draws = [], []
    n, invalid = [0] * len(critics), [0] * len(critics)
    for index, part in enumerate(parts):
        statistics = [statistic_of(name, judgments, invalid_policy) for judgments in part]
        defined = [critic for critic, statistic in enumerate(statistics) if statistic.reason is None]
        drawn = np.full((len(critics), resamples), np.nan)
        if defined:
            part_seed = seed if group == POOLED else (seed, index)  # as the critics' own figures are drawn
            drawn[defined] = paired_draws([statistics[critic] for critic in defined], resamples, part_seed)
        values.append([statistic.value for statistic in statistics])
        draws.append(drawn)
        n = [total + statistic.n for total, statistic in zip(n, statistics, strict=True)]
        counts = [sum(statistic.counted.invalid.values()) for statistic in statistics]
        invalid = [total + count for total, count in zip(invalid, counts, strict=True)]
    if not parts:
        return PairedFigures(np.full(len(critics), np.nan), np.full((len(critics), resamples), np.nan), n, invalid)
    return PairedFigures(np.mean(values, axis=0), np.mean(draws, axis=0), n, invalid)


def agreement_figures(
    judgments: Sequence[Judgment], against: Sequence[Judgment], resamples: int = 1000, seed: int = 0
) -> list[Figure]:
    """Figures of one run with the verdicts of another as its labels, item by item and order by order.

    For preferences `accuracy_with_tie` is the share of equal verdicts. What the other run left without a valid verdict
    counts as unlabeled, what this run did as invalid.

    Args:
        judgments: Of the run.
        against: Of the run that it is held against.
        resamples: Bootstrap resamples.
        seed: Seed of the bootstrap.

    Raises:
        ArgumentError: A negative number of resamples; the runs share no item in the same order, or hold verdicts of
            different kinds.
    """
    if resamples < 0 or seed < 0:
        raise ArgumentError("The number of resamples and the seed are 0 or more.")
    labels: dict[tuple[str, str], Label] = {}
    for judgment in against:
        if (label := _as_label(judgment.verdict)) is not None:
            labels.setdefault((judgment.item_id, judgment.order), label)
    shared = [replace(judgment, label=labels.get((judgment.item_id, judgment.order))) for judgment in judgments]
    kinds: set[str] = {judgment.label.kind for judgment in shared if judgment.label is not None}
    kinds |= {judgment.verdict.kind for judgment in shared if judgment.label is not None and judgment.verdict.is_valid}
    if len(kinds) != 1:
        raise ArgumentError(
            "The two runs have no item in common that was shown in the same order and judged."
            if not kinds
            else f"One run holds verdicts of several kinds ({', '.join(sorted(kinds))}); compare one task at a time."
        )
    return [compute_figure(name, shared, resamples=resamples, seed=seed) for name in _OF_AGREEMENT[kinds.pop()]]


def paired_draws(statistics: Sequence[Statistic], resamples: int, seed: Seed) -> Floats:
    """Bootstrap draws of several critics' figures, the same clusters in each draw for all; shape (critics, resamples).

    Args:
        statistics: Of the critics, on the same clusters.
        resamples: How many draws.
        seed: Seed of the bootstrap.
    """
    joint = sparse.csr_array(sparse.block_diag([sparse.csr_array(statistic.addends) for statistic in statistics]))
    clusters = [cluster for statistic in statistics for cluster in statistic.counted.clusters]
    ends = np.cumsum([statistic.addends.shape[1] for statistic in statistics])

    def of_sums(sums: Floats) -> Floats:
        parts = np.split(sums, ends[:-1], axis=1)
        return np.stack([statistic.of_sums(part) for statistic, part in zip(statistics, parts, strict=True)], axis=1)

    draws = bootstrap(joint, clusters, of_sums, resamples, seed)
    # Of fewer than two clusters there is nothing to draw, and so one column.
    return draws.T if draws.ndim == 2 else np.tile(draws, (len(statistics), 1))


def mcnemar(first: ArrayLike, second: ArrayLike) -> float:
    """Two-sided p of McNemar's exact test of paired right (1) and wrong (0); 1.0 where no pair differs.

    The binomial test of the discordant pairs: McNemar, Psychometrika 12 (1947), in its exact form.

    >>> mcnemar([1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0])
    0.03125
    """
    a, b = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    only_first, discordant = int((a & ~b).sum()), int((a != b).sum())
    return float(stats.binomtest(only_first, discordant).pvalue) if discordant else 1.0


def bootstrap_p(draws: Floats) -> float:
    """Two-sided p of a difference from its bootstrap draws, shape (n,): never 0; NaN where `interval` is.

    Twice the smaller share of draws on one side of zero, counting the sample itself: Davison & Hinkley, Bootstrap
    Methods and their Application, 4.4.

    >>> round(bootstrap_p(np.array([0.1, 0.2, 0.3, -0.1])), 2)
    0.8
    """
    defined = draws[np.isfinite(draws)]
    if len(defined) < 2 or 2 * len(defined) < len(draws):
        return float("nan")
    tail = min((defined <= 0).sum(), (defined >= 0).sum())
    return float(min(1.0, 2 * (tail + 1) / (len(defined) + 1)))


def holm(p_values: ArrayLike) -> Floats:
    """p-values corrected for many tests at once by Holm's step-down method, in the order given; NaN stays NaN.

    Holm, Scandinavian Journal of Statistics 6 (1979).

    >>> holm([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=np.float64)
    known = np.flatnonzero(~np.isnan(p))
    ascending = known[np.argsort(p[known], kind="stable")]
    stepped = p[ascending] * np.arange(len(ascending), 0, -1)
    corrected: Floats = p.copy()
    corrected[ascending] = np.minimum(1.0, np.maximum.accumulate(stepped))
    return corrected


_ACCURACIES = ("accuracy_with_tie", "accuracy_without_tie")
_OF_AGREEMENT: dict[str, tuple[str, ...]] = {
    "preference": ("accuracy_with_tie", "cohen_kappa"),
    "score": ("pearson", "spearman", "concordance"),
    "ranking": ("levenshtein", "kendall_distance"),
}


def _as_label(verdict: Verdict) -> Label | None:
    """What a verdict says, as a label; None for an invalid one, and for a review of two scores."""
    return None if isinstance(verdict, Invalid | Scores) else verdict


def _common_groups(critics: Sequence[Sequence[Judgment]]) -> list[list[Sequence[Judgment]]]:
    """For each group that all critics have, each one's judgments."""
    of_critics = [by_group(judgments) for judgments in critics]
    common = [group for group in of_critics[0] if all(group in of_group for of_group in of_critics)]
    return [[of_group[group] for of_group in of_critics] for group in common]


def _common_hits(statistics: Sequence[Statistic]) -> list[list[float]]:
    """Of items that are in both statistics, each critic's hits (1) and misses (0)."""
    hits = [
        dict(zip(statistic.counted.clusters, np.asarray(statistic.addends)[:, 0], strict=True))
        for statistic in statistics
    ]
    both = sorted(hits[0].keys() & hits[1].keys())
    return [[of_item[item] for item in both] for of_item in hits]


def _is_once_each(judgments: Sequence[Judgment]) -> bool:
    return len({cluster_of(judgment) for judgment in judgments}) == len(judgments)

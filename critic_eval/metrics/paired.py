"""Two critics on the same items: how their figures differ, and how far their verdicts agree."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse, stats

from critic_eval.errors import ArgumentError
from critic_eval.judging import Judgment, Label, LabelKind
from critic_eval.metrics.figures import POOLED, Figure, draw_sample, figure
from critic_eval.metrics.resampling import Floats, Seed, bootstrap, interval
from critic_eval.metrics.statistic import InvalidPolicy, Sample, cluster_of


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
        values: of each critic, shape (critics,); NaN where it has none.
        draws: of the bootstrap, the same items in each draw for all, shape (critics, resamples).
        n: how many judgments (or items) each value is computed from.
        invalid: how many of each critic's verdicts are invalid.
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
    """Compare two critics on the items that both judged, resampling an item's judgments of both together.

    `group` is `pooled` for all items together, or `mean` for the unweighted mean over groups of items, which are then
    resampled one by one.

    Raises:
        ArgumentError: No item was judged by both; or as `figure`.
    """
    common = {cluster_of(judgment) for judgment in first} & {cluster_of(judgment) for judgment in second}
    if not common:
        raise ArgumentError(f"The two critics have no item in common, so {name} can't be compared.")
    own, other = ([judgment for judgment in side if cluster_of(judgment) in common] for side in (first, second))
    found = paired_figures(name, [own, other], invalid_policy, resamples, seed, group)
    draws = found.draws[0] - found.draws[1]
    p, test = bootstrap_p(draws), "paired bootstrap"
    is_accuracy = name in ("accuracy_with_tie", "accuracy_without_tie") and group == POOLED
    if is_accuracy and _once_each(own) and _once_each(other):
        samples = [draw_sample(name, side, invalid_policy) for side in (own, other)]
        hits = [dict(zip(sample.clusters, np.asarray(sample.addends)[:, 0], strict=True)) for sample in samples]
        both = sorted(hits[0].keys() & hits[1].keys())
        p, test = mcnemar([hits[0][item] for item in both], [hits[1][item] for item in both]), "McNemar, exact"
    called = name if group == POOLED else f"{group} {name}"
    return Comparison(called, float(found.values[0] - found.values[1]), *interval(draws), p, test, len(common))


def paired_figures(
    name: str,
    critics: Sequence[Sequence[Judgment]],
    invalid_policy: InvalidPolicy = "exclude",
    resamples: int = 1000,
    seed: int = 0,
    group: str = POOLED,
) -> PairedFigures:
    """A figure of several critics on the same items; arguments as of `compare`.

    A mean is over the groups that all critics have, and NaN where a critic's figure of one of them is.
    """
    parts = [critics] if group == POOLED else _by_group(critics)
    values, draws = [], []
    n, invalid = [0] * len(critics), [0] * len(critics)
    for index, part in enumerate(parts):
        samples = [draw_sample(name, judgments, invalid_policy) for judgments in part]
        defined = [number for number, sample in enumerate(samples) if sample.reason is None]
        drawn = np.full((len(critics), resamples), np.nan)
        if defined:
            part_seed = seed if group == POOLED else (seed, index)  # as the critics' own figures are drawn
            drawn[defined] = paired_draws([samples[number] for number in defined], resamples, part_seed)
        values.append([sample.value for sample in samples])
        draws.append(drawn)
        n = [count + sample.n for count, sample in zip(n, samples, strict=True)]
        invalid = [count + sum(sample.invalid.values()) for count, sample in zip(invalid, samples, strict=True)]
    if not parts:
        return PairedFigures(np.full(len(critics), np.nan), np.full((len(critics), resamples), np.nan), n, invalid)
    return PairedFigures(np.mean(values, axis=0), np.mean(draws, axis=0), n, invalid)


def paired_draws(samples: Sequence[Sample], resamples: int, seed: Seed) -> Floats:
    """Bootstrap draws of several critics' figures, the same clusters in each draw for all; shape (critics, resamples).

    Args:
        samples: Of the critics, on the same clusters.
        resamples: How many draws.
        seed: Seed of the bootstrap.
    """
    joint = sparse.csr_array(sparse.block_diag([sparse.csr_array(sample.addends) for sample in samples]))
    clusters = [cluster for sample in samples for cluster in sample.clusters]
    ends = np.cumsum([sample.addends.shape[1] for sample in samples])

    def figures(sums: Floats) -> Floats:
        parts = np.split(sums, ends[:-1], axis=1)
        return np.stack([sample.statistic(part) for sample, part in zip(samples, parts, strict=True)], axis=1)

    draws = bootstrap(joint, clusters, figures, resamples, seed)
    # Of fewer than two clusters there is nothing to draw, and so one column.
    return draws.T if draws.ndim == 2 else np.tile(draws, (len(samples), 1))


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


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """p-values corrected for many tests at once by Holm's step-down method, in the order given; NaN stays NaN.

    Holm, Scandinavian Journal of Statistics 6 (1979).

    >>> holm([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=np.float64)
    known = np.flatnonzero(~np.isnan(p))
    ascending = known[np.argsort(p[known], kind="stable")]
    stepped = p[ascending] * np.arange(len(ascending), 0, -1)
    corrected: NDArray[np.float64] = p.copy()
    corrected[ascending] = np.minimum(1.0, np.maximum.accumulate(stepped))
    return corrected


def _by_group(critics: Sequence[Sequence[Judgment]]) -> list[list[list[Judgment]]]:
    """For each group that all critics have, each one's judgments."""
    of_group: list[dict[str, list[Judgment]]] = [{} for _ in critics]
    for found, judgments in zip(of_group, critics, strict=True):
        for judgment in judgments:
            if judgment.group:
                found.setdefault(judgment.group, []).append(judgment)
    common = sorted(set.intersection(*(set(found) for found in of_group)))
    return [[found[group] for found in of_group] for group in common]


def _once_each(judgments: Sequence[Judgment]) -> bool:
    return len({cluster_of(judgment) for judgment in judgments}) == len(judgments)


_FIGURES: dict[LabelKind, tuple[str, ...]] = {
    "preference": ("accuracy_with_tie", "cohen_kappa"),
    "score": ("pearson", "spearman", "concordance"),
    "ranking": ("levenshtein", "kendall_distance"),
}


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
    for other in against:
        if other.verdict.is_valid and other.verdict.kind in _FIGURES:
            labels.setdefault((other.item_id, other.order), Label.from_record(other.verdict.to_record()))
    shared = [replace(one, label=labels.get((one.item_id, one.order))) for one in judgments]
    kinds = {one.label.kind for one in shared if one.label is not None}
    kinds |= {one.verdict.kind for one in shared if one.label is not None and one.verdict.is_valid}  # type: ignore[misc]
    if len(kinds) != 1:
        raise ArgumentError(
            "The two runs have no item in common that was shown in the same order and judged."
            if not kinds
            else f"One run holds verdicts of several kinds ({', '.join(sorted(kinds))}); compare one task at a time."
        )
    return [figure(name, shared, resamples=resamples, seed=seed) for name in _FIGURES[kinds.pop()]]

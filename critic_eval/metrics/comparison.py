"""Two critics on the same items: the difference of a figure, its interval and p-value, corrected over many."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse, stats

from critic_eval.errors import ArgumentError
from critic_eval.judging import Judgment
from critic_eval.metrics.figures import draw_sample
from critic_eval.metrics.resampling import Floats, Statistic, bootstrap, interval
from critic_eval.metrics.samples import InvalidPolicy, Sample, cluster_of


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


def compare(
    name: str,
    first: Sequence[Judgment],
    second: Sequence[Judgment],
    invalid_policy: InvalidPolicy = "exclude",
    resamples: int = 10_000,
    seed: int = 0,
) -> Comparison:
    """Compare two critics on the items that both judged, resampling an item's judgments of both together.

    Raises:
        ArgumentError: No item was judged by both; or as `figure`.
    """
    common = {cluster_of(judgment) for judgment in first} & {cluster_of(judgment) for judgment in second}
    if not common:
        raise ArgumentError(f"The two critics have no item in common, so {name} can't be compared.")
    own, other = ([judgment for judgment in side if cluster_of(judgment) in common] for side in (first, second))
    samples = [draw_sample(name, side, invalid_policy) for side in (own, other)]
    unknown = any(sample.reason for sample in samples)
    drawn = np.empty((2, 0)) if unknown else paired_draws(samples, resamples, seed)
    draws = drawn[0] - drawn[1]
    spread = interval(draws)
    p, test = _bootstrap_p(draws), "paired bootstrap"
    if name in ("accuracy_with_tie", "accuracy_without_tie") and _once_each(own) and _once_each(other):
        hits = [dict(zip(sample.clusters, np.asarray(sample.addends)[:, 0], strict=True)) for sample in samples]
        both = sorted(hits[0].keys() & hits[1].keys())
        p, test = mcnemar([hits[0][item] for item in both], [hits[1][item] for item in both]), "McNemar, exact"
    return Comparison(name, samples[0].value - samples[1].value, *spread, p, test, len(common))


def paired_draws(samples: Sequence[Sample], resamples: int, seed: int) -> Floats:
    """Bootstrap draws of several critics' figures, the same clusters in each draw for all; shape (critics, resamples).

    Args:
        samples: Of the critics, on the same clusters.
        resamples: How many draws.
        seed: Seed of the bootstrap.
    """
    joint = sparse.csr_array(sparse.block_diag([sparse.csr_array(sample.addends) for sample in samples]))
    clusters = [cluster for sample in samples for cluster in sample.clusters]
    ends = np.cumsum([sample.addends.shape[1] for sample in samples])

    def part(number: int) -> Statistic:
        end = int(ends[number])
        start = end - samples[number].addends.shape[1]
        return lambda sums: samples[number].statistic(sums[:, start:end])

    # The same sums are drawn for each: only the statistic differs.
    return np.stack([bootstrap(joint, clusters, part(number), resamples, seed) for number in range(len(samples))])


def mcnemar(first: ArrayLike, second: ArrayLike) -> float:
    """Two-sided p of McNemar's exact test of paired right (1) and wrong (0); 1.0 where no pair differs.

    The binomial test of the discordant pairs: McNemar, Psychometrika 12 (1947), in its exact form.

    >>> mcnemar([1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0])
    0.03125
    """
    a, b = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    only_first, discordant = int((a & ~b).sum()), int((a != b).sum())
    return float(stats.binomtest(only_first, discordant).pvalue) if discordant else 1.0


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


def _bootstrap_p(draws: Floats) -> float:
    """Twice the smaller share of draws on one side of zero, counting the sample itself: never 0."""
    defined = draws[np.isfinite(draws)]
    if len(defined) < 2:
        return float("nan")
    tail = min((defined <= 0).sum(), (defined >= 0).sum())
    return float(min(1.0, 2 * (tail + 1) / (len(defined) + 1)))


def _once_each(judgments: Sequence[Judgment]) -> bool:
    return len({cluster_of(judgment) for judgment in judgments}) == len(judgments)

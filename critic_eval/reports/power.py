"""How many items it takes to tell two critics apart, by simulation on a run's own judgments."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from critic_eval.errors import ArgumentError
from critic_eval.judging import Judgment, Preference, Score
from critic_eval.metrics import compare, compute_figure
from critic_eval.metrics.statistic import cluster_of

Weaken = Callable[[Sequence[Judgment]], list[Judgment]]
"""Gives the verdicts of a worse critic on the same items."""

SIZES = (50, 100, 200, 400, 800, 1600, 3200, 6400)
"""Numbers of items that are tried."""


@dataclass(frozen=True)
class Power:
    """Shares of simulations in which a difference was found, by the number of items; and the number that suffices.

    `needed` is interpolated between the sizes that were tried; None where none of them suffices.
    """

    name: str
    effect: float
    target: float
    shares: dict[int, float]
    needed: int | None


def power(
    name: str,
    judgments: Sequence[Judgment],
    effect: float,
    target: float = 0.8,
    agreement: float = 0.8,
    sizes: Sequence[int] = SIZES,
    simulations: int = 100,
    resamples: int = 400,
    seed: int = 0,
) -> Power:
    """Simulate a worse critic beside a run's, on samples of its items, and test the two as `compare` does.

    For accuracies, the other critic differs from the run's on a share of `1 - agreement` of the items, and is worse by
    `effect` over all of them. For correlations, its scores are the run's with as much noise as lowers the figure by
    `effect`.

    Args:
        name: `accuracy_with_tie`, `accuracy_without_tie`, `pearson`, `spearman` or `kendall`.
        judgments: the run's judgments, with labels.
        effect: the difference to be found, above 0.
        target: the wanted share of simulations in which it is found.
        agreement: share of items on which two critics agree, for accuracies.
        sizes: numbers of items to try, ascending.
        simulations: number of simulations of each size.
        resamples: number of resamples of each paired bootstrap.
        seed: seed of the simulations.

    Raises:
        ArgumentError: another figure, an effect that this run can't lose, or an agreement too high for the effect.
    """
    rng = np.random.default_rng(seed)
    worse = weakened(name, judgments, effect, agreement, rng)
    items: dict[str, list[int]] = {}
    for index, judgment in enumerate(judgments):
        items.setdefault(cluster_of(judgment), []).append(index)
    clusters = list(items.values())
    shares: dict[int, float] = {}
    for size in sizes:
        detected = 0
        for _ in range(simulations):
            drawn = rng.integers(0, len(clusters), size)
            renamed = [
                replace(judgments[index], item_id=str(number), cluster=str(number))
                for number, cluster in enumerate(drawn)
                for index in clusters[cluster]
            ]
            # Weakened after drawing: an item that is drawn twice is two items, which the other critic judges apart.
            sides = renamed, worse(renamed)
            tested = compare(name, sides[0], sides[1], resamples=resamples, seed=int(rng.integers(1 << 31)))
            detected += bool(tested.p < 0.05 and tested.difference > 0)
        shares[size] = detected / simulations
        if shares[size] >= target:
            break
    return Power(name, effect, target, shares, _needed(shares, target))


def _needed(shares: dict[int, float], target: float) -> int | None:
    before = (0, 0.0)
    for size, share in shares.items():
        if share >= target:
            size_before, share_before = before
            part = (target - share_before) / (share - share_before)
            return int(np.ceil(size_before + part * (size - size_before)))
        before = (size, share)
    return None


def weakened(
    name: str, judgments: Sequence[Judgment], effect: float, agreement: float, rng: np.random.Generator
) -> Weaken:
    """Draws critics that are worse than a run's by an effect; arguments and errors are those of `power`."""
    if not effect > 0:
        raise ArgumentError("The effect is the difference to be found, above 0.")
    if name in ("accuracy_with_tie", "accuracy_without_tie"):
        return _weakened_preferences(name, judgments, effect, agreement, rng)
    if name in ("pearson", "spearman", "kendall"):
        return _weakened_scores(name, judgments, effect, rng)
    raise ArgumentError(f"Power is simulated for accuracies and correlations, not for {name}.")


def _weakened_preferences(
    name: str, judgments: Sequence[Judgment], effect: float, agreement: float, rng: np.random.Generator
) -> Weaken:
    counted = np.array([_is_counted(name, judgment) for judgment in judgments])
    right = np.array([_is_right(judgment) for judgment in judgments])
    accuracy = float(right[counted].mean()) if counted.any() else 0.0
    differing = 1 - agreement
    if differing < effect:
        raise ArgumentError(
            f"Critics that agree on {agreement:.0%} of the items can't differ by {effect:g} in accuracy."
        )
    lost, won = (differing + effect) / 2, (differing - effect) / 2
    if lost > accuracy or won > 1 - accuracy:
        raise ArgumentError(
            f"With an accuracy of {accuracy:.3f}, critics that differ by {effect:g} can't agree on as few as "
            f"{agreement:.0%} of the items; raise --agreement, up to {1 - effect:.3g}."
        )
    chances = {True: lost / accuracy, False: won / max(1 - accuracy, 1e-12)}

    def drawn(sample: Sequence[Judgment]) -> list[Judgment]:
        # One draw an item: what changes a verdict in one order is likely to change it in the other.
        draw = {cluster: rng.random() for cluster in dict.fromkeys(map(cluster_of, sample))}
        return [
            _with_accuracy(judgment, not is_right)
            if _is_counted(name, judgment) and draw[cluster_of(judgment)] < chances[is_right := _is_right(judgment)]
            else judgment
            for judgment in sample
        ]

    return drawn


def _is_right(judgment: Judgment) -> bool:
    return judgment.label is not None and judgment.verdict.value == judgment.label.value


def _is_counted(name: str, judgment: Judgment) -> bool:
    """Whether an accuracy is about a judgment."""
    if judgment.label is None or not judgment.verdict.is_valid:
        return False
    return name == "accuracy_with_tie" or judgment.label.value is not None


def _with_accuracy(judgment: Judgment, right: bool) -> Judgment:
    """The judgment with a verdict that is right, or wrong."""
    label = judgment.label.value if judgment.label is not None else None
    better = label if right else {0: 1, 1: 0, None: 0}[label]  # type: ignore[index]
    return replace(judgment, verdict=Preference(better))  # type: ignore[arg-type]


def _weakened_scores(name: str, judgments: Sequence[Judgment], effect: float, rng: np.random.Generator) -> Weaken:
    usable = [judgment for judgment in judgments if judgment.verdict.is_valid and judgment.label is not None]
    values = np.array([float(judgment.verdict.value) for judgment in usable])  # type: ignore[arg-type]
    known = compute_figure(name, usable, resamples=0)
    start = known.value
    if known.reason is not None:
        raise ArgumentError(f"The run has no {name} that could fall ({known.reason}).")
    if not start > effect:
        raise ArgumentError(f"The run's {name} is {start:.3f}, which can't fall by {effect:g}.")

    def noisy(scale: float, noise: np.ndarray) -> list[Judgment]:
        scores = values + scale * noise
        return [replace(judgment, verdict=Score(score)) for judgment, score in zip(usable, scores, strict=True)]

    # The scale is found once, by halving, on one draw of noise.
    noise, low, high = rng.normal(0, 1, len(usable)), 0.0, 20 * (values.std() or 1.0)
    for _ in range(30):
        middle = (low + high) / 2
        lost = start - compute_figure(name, noisy(middle, noise), resamples=0).value
        low, high = (middle, high) if lost < effect else (low, middle)

    def drawn(sample: Sequence[Judgment]) -> list[Judgment]:
        return [
            replace(judgment, verdict=Score(float(judgment.verdict.value) + high * rng.normal()))  # type: ignore[arg-type]
            if judgment.verdict.is_valid and judgment.label is not None
            else judgment
            for judgment in sample
        ]

    return drawn

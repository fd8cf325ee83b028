"""What each setting changes: paired effects of an axis's levels, and how two axes change each other's.

A figure is resampled for all cells together, the same items in each draw. An effect is the mean
difference between the cells with a level and those with the axis's reference, all else equal; an interaction is how
much one axis's effect differs between two levels of another. Cells that differ in their seed alone are averaged.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from critic_eval.benchmarks.registry import find_benchmark
from critic_eval.errors import DataError
from critic_eval.metrics import MEAN, POOLED, InvalidPolicy, holm, interval
from critic_eval.metrics.paired import PairedFigures, bootstrap_p, paired_figures
from critic_eval.metrics.resampling import Floats
from critic_eval.metrics.statistic import cluster_of
from critic_eval.runs.results import column_name
from critic_eval.studies.running import Outcome
from critic_eval.studies.study import Axis, Study

Condition = tuple[str, ...]


@dataclass(frozen=True)
class CellFigure:
    """A figure of a condition: its mean over seeds, 95 % interval, n and invalid verdicts, and its range over seeds."""

    value: float
    low: float
    high: float
    n: int
    invalid: int
    over_seeds: tuple[float, float] | None = None


@dataclass(frozen=True)
class Effect:
    """How a figure changes from a reference to a level, of one axis or (an interaction) of two.

    `difference` is a mean over `pairs` pairs of cells; `p` is two-sided, of the paired bootstrap, and `corrected` by
    Holm's method over all effects (or all interactions) of the task.
    """

    figure: str
    axes: tuple[str, ...]
    levels: tuple[str, ...]
    references: tuple[str, ...]
    difference: float
    low: float
    high: float
    p: float
    corrected: float
    pairs: int


@dataclass(frozen=True)
class TaskEffects:
    """What a study found on one task.

    Attributes:
        task: name of the task.
        figures: names of its figures.
        conditions: figures of each condition, by name.
        seconds: seconds for 1,000 judgments of each condition, where they are known.
        tokens: of a judgment's thought and of its answer, for each condition where they are known.
        effects: of single axes.
        interactions: of pairs of axes.
        items: how many items (clusters of judgments) all cells have in common.
        left_out: how many only some have.
        invalid: what becomes of invalid verdicts in the figures that can count them.
    """

    task: str
    figures: list[str]
    conditions: Mapping[Condition, Mapping[str, CellFigure]]
    seconds: Mapping[Condition, float]
    tokens: Mapping[Condition, tuple[float, float]]
    effects: list[Effect]
    interactions: list[Effect]
    items: int
    left_out: int
    invalid: InvalidPolicy = "exclude"


def task_effects(study: Study, outcomes: Sequence[Outcome], task: str, seed: int = 0) -> TaskEffects:
    """The effects on one task, from the cells that did not fail.

    Raises:
        DataError: a cell's samples can't be read, or the cells have no item in common.
    """
    done = [outcome for outcome in outcomes if task in outcome.runs]
    counted, read = zip(*(outcome.runs[task].counted_and_read() for outcome in done), strict=True)
    clusters = [{cluster_of(judgment) for judgment in judgments} for judgments in counted]
    common, every = set.intersection(*clusters), set.union(*clusters)
    if not common:
        raise DataError(f"The cells have no item of {task} in common.")
    counted, read = (
        tuple([judgment for judgment in judgments if cluster_of(judgment) in common] for judgments in side)
        for side in (counted, read)
    )
    kind = find_benchmark(task).kind
    reported = [(figure.name, figure.group) for outcome in done for figure in outcome.runs[task].figures]
    always = [(name, POOLED) for name in _ALWAYS.get(kind, ("invalid_rate",))]
    columns = list(dict.fromkeys(column for column in (*reported, *always) if column[1] in (MEAN, POOLED)))
    policy = done[0].runs[task].invalid_policy
    if study.invalid is not None and kind != "score":  # no score is the wrong one
        policy = study.invalid
    by_condition: dict[Condition, list[int]] = {}
    for number, outcome in enumerate(done):
        by_condition.setdefault(outcome.cell.condition, []).append(number)
    figures: dict[Condition, dict[str, CellFigure]] = {condition: {} for condition in by_condition}
    effects: list[Effect] = []
    interactions: list[Effect] = []
    for column in columns:
        # How many answers had no verdict is told of the answers, whatever a benchmark's own code makes of them.
        judged = read if column[0] == "invalid_rate" else counted
        name, paired = column_name(column), paired_figures(column[0], judged, policy, study.resamples, seed, column[1])
        means = {
            condition: (float(paired.values[rows].mean()), paired.draws[rows].mean(axis=0))
            for condition, rows in by_condition.items()
        }
        for condition, rows in by_condition.items():
            figures[condition][name] = _figure(*means[condition], paired, rows)
        effects += _effects(name, study.axes, means)
        interactions += _interactions(name, study.axes, means)
    return TaskEffects(
        task,
        [column_name(column) for column in columns],
        figures,
        _seconds(done, by_condition, task),
        _tokens(done, by_condition, task),
        _corrected(effects),
        _corrected(interactions),
        len(common),
        len(every - common),
        policy,
    )


_ALWAYS = {"preference": ("order_consistency", "first_position_rate", "invalid_rate")}
"""Figures of each kind of task that every study shows."""

Means = Mapping[Condition, tuple[float, Floats]]
"""A figure of each condition, and its bootstrap draws."""


def _figure(value: float, draws: Floats, paired: PairedFigures, rows: Sequence[int]) -> CellFigure:
    spread, over_seeds = interval(draws), [float(paired.values[row]) for row in rows]
    n, invalid = (sum(counts[row] for row in rows) for counts in (paired.n, paired.invalid))
    seeds = (min(over_seeds), max(over_seeds)) if len(over_seeds) > 1 else None
    return CellFigure(value, spread.low, spread.high, n, invalid, seeds)


def _effects(name: str, axes: Sequence[Axis], means: Means) -> list[Effect]:
    effects = []
    for index, axis in enumerate(axes):
        for level in list(axis.levels)[1:]:
            pairs = [
                (condition, control)
                for condition in means
                if condition[index] == level and (control := _with(condition, {index: axis.reference})) in means
            ]
            effect = _effect(name, means, [([a], [b]) for a, b in pairs])
            if effect is not None:
                effects.append(replace(effect, axes=(axis.name,), levels=(level,), references=(axis.reference,)))
    return effects


def _interactions(name: str, axes: Sequence[Axis], means: Means) -> list[Effect]:
    interactions = []
    for (i, first), (j, second) in itertools.combinations(enumerate(axes), 2):
        for levels in itertools.product(list(first.levels)[1:], list(second.levels)[1:]):
            squares = []
            for both in means:
                if (both[i], both[j]) != levels:
                    continue
                neither = _with(both, {i: first.reference, j: second.reference})
                only = [_with(both, {j: second.reference}), _with(both, {i: first.reference})]
                if neither in means and all(cell in means for cell in only):
                    squares.append(([both, neither], only))
            effect = _effect(name, means, squares)
            if effect is not None:
                references = (first.reference, second.reference)
                interactions.append(
                    replace(effect, axes=(first.name, second.name), levels=levels, references=references)
                )
    return interactions


def _effect(name: str, means: Means, sides: Sequence[tuple[list[Condition], list[Condition]]]) -> Effect | None:
    """The mean over pairs of the sum of one side less the sum of the other, as far as all of them have the figure."""
    sides = [(plus, minus) for plus, minus in sides if all(np.isfinite(means[cell][0]) for cell in (*plus, *minus))]
    if not sides:
        return None

    def mean(of: Callable[[Condition], Floats]) -> Floats:
        changes = [
            np.sum([of(cell) for cell in plus], axis=0) - np.sum([of(cell) for cell in minus], axis=0)
            for plus, minus in sides
        ]
        result: Floats = np.mean(changes, axis=0)
        return result

    difference = float(mean(lambda condition: np.asarray(means[condition][0])))
    draws = mean(lambda condition: means[condition][1])
    spread = interval(draws)
    return Effect(name, (), (), (), difference, spread.low, spread.high, bootstrap_p(draws), np.nan, len(sides))


def _corrected(effects: Sequence[Effect]) -> list[Effect]:
    corrected = holm([effect.p for effect in effects])
    return [replace(effect, corrected=float(p)) for effect, p in zip(effects, corrected, strict=True)]


def _with(condition: Condition, changed: Mapping[int, str]) -> Condition:
    return tuple(changed.get(index, level) for index, level in enumerate(condition))


def _seconds(
    done: Sequence[Outcome], by_condition: Mapping[Condition, Sequence[int]], task: str
) -> dict[Condition, float]:
    costs = {}
    for condition, rows in by_condition.items():
        known = [seconds for row in rows if (seconds := done[row].runs[task].seconds) is not None]
        if known:
            costs[condition] = 1000 * sum(known) / len(known)
    return costs


def _tokens(
    done: Sequence[Outcome], by_condition: Mapping[Condition, Sequence[int]], task: str
) -> dict[Condition, tuple[float, float]]:
    costs = {}
    for condition, rows in by_condition.items():
        known = [tokens for row in rows if (tokens := done[row].runs[task].tokens) is not None]
        if known:
            thought, answer = (sum(part) / len(known) for part in zip(*known, strict=True))
            costs[condition] = (thought, answer)
    return costs

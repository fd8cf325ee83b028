"""The leaderboard: a table for each benchmark, of runs and of what others published."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
from scipy import stats

from critic_eval.errors import ArgumentError, CriticEvalError
from critic_eval.judging import Judgment
from critic_eval.metrics import HIGHER_IS_BETTER, MEAN, POOLED, compare, holm, statistic_of
from critic_eval.metrics.paired import paired_figures
from critic_eval.metrics.ranks import rank_intervals, significance_letters
from critic_eval.metrics.resampling import Floats
from critic_eval.reports.leaderboard.published import (
    PublishedFigure,
    Reproduction,
    is_same_critic,
    read_published,
    reproduce,
)
from critic_eval.runs.results import RunFigure, TaskRun

RESAMPLES = 1000
REMARKED = ("decoding", "sampling", "samples", "answers", "bootstrap", "version")
"""Settings that are named where a run's differ from those of most, and leave it ranked."""
COMPARED = ("benchmark", "protocol", "prompt", "orders", "items", "invalid", "scores", "images")
"""Settings that two runs must share to be ranked in one column; the critic's own may differ."""


@dataclass(frozen=True)
class Standing:
    """A run's place in a column: its rank's 95 % interval, and letters shared with what it can't be told apart from."""

    rank: tuple[int, int]
    letters: str


@dataclass(frozen=True)
class Row:
    """A critic in a table: a run of ours, or printed figures."""

    critic: str
    figures: dict[tuple[str, str], RunFigure]
    source: str
    run: TaskRun | None = None
    standing: Standing | None = None
    marks: tuple[str, ...] = ()

    @property
    def is_published(self) -> bool:
        """Whether the figures are others'."""
        return self.run is None


@dataclass(frozen=True)
class Table:
    """A benchmark's table.

    Attributes:
        benchmark: name of the task that the runs are of.
        columns: figures and the groups of items that they are over, the one that ranks first.
        rows: runs first, best first, then what was published.
        notes: what the marks of the rows mean.
        tests: how many pairs of runs were tested, and how many of these item by item.
        ceiling: the row of what critics are held against (people, or else GPT-4V), where that was published.
    """

    benchmark: str
    columns: list[tuple[str, str]]
    rows: list[Row]
    notes: list[str] = field(default_factory=list)
    tests: tuple[int, int] = (0, 0)
    ceiling: Row | None = None


@dataclass(frozen=True)
class Leaderboard:
    """All tables, and what came of each published figure."""

    tables: list[Table]
    reproductions: list[Reproduction]
    notes: list[str]


def make_leaderboard(
    runs: Sequence[TaskRun],
    published: Sequence[PublishedFigure] | None = None,
    notes: Sequence[str] = (),
    seed: int = 0,
) -> Leaderboard:
    """Make the tables of runs and published figures (by default ours)."""
    figures = read_published() if published is None else published
    runs = _distinct(runs)
    tasks = sorted({run.task for run in runs})
    tables = [_table(task, [run for run in runs if run.task == task], figures, seed) for task in tasks]
    return Leaderboard(tables, [reproduce(figure, runs) for figure in figures], list(notes))


def _distinct(runs: Sequence[TaskRun]) -> list[TaskRun]:
    """The runs without repetitions, which the journal answers in no time; the one that took longest stays."""
    newest: dict[str, TaskRun] = {}
    for run in runs:
        values = [(figure.name, figure.group, figure.value) for figure in run.figures]
        key = repr((run.task, run.critic, run.settings, run.is_partial, values))
        if key not in newest or (run.seconds or 0.0) > (newest[key].seconds or 0.0):
            newest[key] = run
    return list(newest.values())


def _table(task: str, runs: Sequence[TaskRun], published: Sequence[PublishedFigure], seed: int) -> Table:
    columns = _columns(runs)
    ranked = columns[0]
    marks, unranked, notes = _marks(runs)
    comparable = [run for run in runs if id(run) not in unranked and _can_be_tested(run, ranked)]
    standings, tests = _standings(comparable, ranked, seed)
    rows = [
        Row(
            run.critic,
            {column: figure for column in columns if (figure := run.figure(*column)) is not None},
            run.file.name,
            run,
            standings.get(id(run)),
            marks[id(run)],
        )
        for run in runs
    ]
    higher = HIGHER_IS_BETTER.get(ranked[0]) is not False
    rows.sort(key=lambda row: _sort_value(row, ranked, higher))
    printed = _published_rows(task.removesuffix("_official"), columns, published)
    return Table(task, columns, rows + printed, notes, tests, _ceiling(printed, ranked))


def _columns(runs: Sequence[TaskRun]) -> list[tuple[str, str]]:
    """The figures that a table shows, first the mean over groups where there is one; single groups have no room."""
    columns = [(figure.name, figure.group) for run in runs for figure in run.figures if figure.group in (MEAN, POOLED)]
    first = [column for column in dict.fromkeys(columns) if column[1] == MEAN and column[0] != "invalid_rate"]
    return list(dict.fromkeys([*first, *(column for column in columns if column[1] == POOLED)]))


def _marks(runs: Sequence[TaskRun]) -> tuple[dict[int, tuple[str, ...]], set[int], list[str]]:
    """Marks of runs, which of them are not to be ranked with the others, and what the marks mean.

    The settings that most runs share are the table's.
    """
    notes: list[str] = []
    marks: dict[int, tuple[str, ...]] = {}
    unranked: set[int] = set()
    whole = [run for run in runs if run.settings and not run.is_partial]
    shared = {name: _commonest([_setting(run, name) for run in whole]) for name in (*COMPARED, *REMARKED)}
    for run in runs:
        differing, remarked = (
            [name for name in names if _setting(run, name) != shared[name]] for names in (COMPARED, REMARKED)
        )
        if run.is_partial:
            why = "a part of the items only (--limit); not ranked"
        elif not run.settings:
            why = "from a file without signature; not ranked"
        elif differing:
            settings = ", ".join(f"{name} {run.settings.get(name, 'unknown')}" for name in differing)
            why = f"measured otherwise ({settings}); not ranked"
        else:
            why = ""
        if why:
            unranked.add(id(run))
        said_of_run = [why] if why else []
        if run.settings and remarked and not run.is_partial:
            said_of_run.append("; ".join(f"{name}: {run.settings.get(name, 'not set')}" for name in remarked))
        if run.left_out:
            said_of_run.append(f"items left out: {run.left_out}")
        said_of_run += run.notes
        marks[id(run)] = tuple(_mark(notes, note) for note in said_of_run)
    return marks, unranked, notes


def _setting(run: TaskRun, name: str) -> str:
    """A setting of a run; what only some models of lmms-eval state is taken as it is with all others."""
    return run.settings.get(name, {"images": "as_is", "scores": "read"}.get(name, ""))


def _mark(notes: list[str], note: str) -> str:
    if note not in notes:
        notes.append(note)
    return str(notes.index(note) + 1)


def _commonest(values: Sequence[str]) -> str:
    return max(dict.fromkeys(values), key=list(values).count, default="")


def _standings(
    runs: Sequence[TaskRun], column: tuple[str, str], seed: int
) -> tuple[dict[int, Standing], tuple[int, int]]:
    if len(runs) < 2:
        return {}, (0, 0)
    higher = HIGHER_IS_BETTER.get(column[0]) is not False
    order = sorted(runs, key=lambda run: -(_value(run, column) or 0.0) if higher else (_value(run, column) or 0.0))
    judged = [_judgments_for(run, column) for run in order]
    draws = _draws(order, judged, column, seed)
    pairs = list(combinations(range(len(order)), 2))
    tested = [_p(order[a], order[b], judged[a], judged[b], column, seed) for a, b in pairs]
    corrected = holm([p for p, _ in tested])
    different = {pair for pair, p in zip(pairs, corrected, strict=True) if p < 0.05}
    letters = significance_letters(len(order), different)
    ranks = rank_intervals(draws, higher)
    standings = {id(run): Standing(rank, letter) for run, rank, letter in zip(order, ranks, letters, strict=True)}
    return standings, (sum(not math.isnan(p) for p, _ in tested), sum(paired for _, paired in tested))


def judgments_of(run: TaskRun) -> list[Judgment] | None:
    """A run's judgments in one order for all runs; None where it has no samples that can be read."""
    try:
        return sorted(run.judgments(), key=lambda judgment: (judgment.item_id, judgment.order))
    except CriticEvalError:
        return None


def _judgments_for(run: TaskRun, column: tuple[str, str]) -> list[Judgment] | None:
    """A run's judgments; None also where a figure can't be computed from them, whatever the run's file says."""
    judgments = judgments_of(run)
    try:
        if judgments is not None:
            statistic_of(column[0], judgments, run.invalid_policy)
    except CriticEvalError:
        return None
    return judgments


def _draws(
    runs: Sequence[TaskRun], judged: Sequence[list[Judgment] | None], column: tuple[str, str], seed: int
) -> Floats:
    """Bootstrap draws of the runs' figures, (runs, resamples): of the same items for all where each has judgments.

    Else they are from the normal distributions of the figures' errors.
    """
    known = [judgments for judgments in judged if judgments is not None]
    if len(known) == len(runs):
        return paired_figures(column[0], known, runs[0].invalid_policy, RESAMPLES, seed, column[1]).draws
    rng = np.random.default_rng(seed)
    figures = [run.figure(*column) for run in runs]
    return np.stack(
        [rng.normal(_or_nan(figure), (figure.stderr or 0.0) if figure else 0.0, RESAMPLES) for figure in figures]
    )


def _or_nan(figure: RunFigure | None) -> float:
    return float("nan") if figure is None or figure.value is None else figure.value


def _p(
    first: TaskRun,
    second: TaskRun,
    first_judgments: list[Judgment] | None,
    second_judgments: list[Judgment] | None,
    column: tuple[str, str],
    seed: int,
) -> tuple[float, bool]:
    """Two-sided p of two runs' difference, and whether it was tested item by item."""
    if first_judgments is not None and second_judgments is not None:
        with suppress(ArgumentError):  # of runs that have no item in common
            return compare(
                column[0], first_judgments, second_judgments, first.invalid_policy, RESAMPLES, seed, column[1]
            ).p, True
    a, b = first.figure(*column), second.figure(*column)
    if a is None or b is None or a.value is None or b.value is None or not np.hypot(a.stderr or 0.0, b.stderr or 0.0):
        return float("nan"), False
    return float(2 * stats.norm.sf(abs(a.value - b.value) / np.hypot(a.stderr or 0.0, b.stderr or 0.0))), False


def _published_rows(
    benchmark: str, columns: Sequence[tuple[str, str]], published: Sequence[PublishedFigure]
) -> list[Row]:
    by_critic: dict[tuple[str, str], dict[tuple[str, str], RunFigure]] = {}
    for figure in published:
        column = (str(figure.figure), str(figure.group))
        if figure.benchmark == benchmark and column in columns:
            row = by_critic.setdefault((figure.critic, f"{figure.source} ({figure.trust})"), {})
            row[column] = RunFigure(column[0], column[1], figure.value)
    rows = [Row(critic, figures, source) for (critic, source), figures in by_critic.items()]
    higher = HIGHER_IS_BETTER.get(columns[0][0]) is not False
    return sorted(rows, key=lambda row: _sort_value(row, columns[0], higher))


def _ceiling(printed: Sequence[Row], column: tuple[str, str]) -> Row | None:
    """The best row of people, or else of GPT-4V; rows come best first."""
    for name in ("human", "gpt4v"):
        matching = [row for row in printed if column in row.figures and is_same_critic(row.critic, name)]
        if matching:
            return matching[0]
    return None


def _value(run: TaskRun, column: tuple[str, str]) -> float | None:
    figure = run.figure(*column)
    return None if figure is None else figure.value


def _can_be_tested(run: TaskRun, column: tuple[str, str]) -> bool:
    figure = run.figure(*column)
    return figure is not None and figure.value is not None and figure.stderr is not None


def _sort_value(row: Row, column: tuple[str, str], higher: bool) -> float:
    figure = row.figures.get(column)
    if figure is None or figure.value is None:
        return float("inf")
    return -figure.value if higher else figure.value

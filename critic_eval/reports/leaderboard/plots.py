"""Plots of a leaderboard, as images that a page holds in itself."""

from __future__ import annotations

import numpy as np

from critic_eval.judging import Judgment
from critic_eval.metrics import MEAN, POOLED
from critic_eval.reports.drawing import BLUE, GRAY, Plot, interval_rows, make_axes, make_plot, short
from critic_eval.reports.leaderboard.build import Leaderboard, Row, Table, judgments_of
from critic_eval.runs.results import TaskRun, column_name

MOST_ROWS = 100
"""A plot of more rows or groups than this can't be read, and is not drawn."""


def leaderboard_plots(leaderboard: Leaderboard) -> dict[str, list[Plot]]:
    """The plots of each table, by benchmark: intervals, groups, judge against people, accuracy against cost."""
    plots: dict[str, list[Plot]] = {}
    for table in leaderboard.tables:
        makers = (_intervals, _groups, _scatter, _cost)
        plots[table.benchmark] = [plot for make in makers if (plot := make(table)) is not None]
    return plots


def _intervals(table: Table) -> Plot | None:
    column = table.columns[0]
    rows = [
        (row, measured)
        for row in table.rows
        if (measured := row.figures.get(column)) is not None and measured.value is not None
    ]
    if not 0 < len(rows) <= MOST_ROWS:
        return None
    intervals = [
        (row.critic, float(measured.value or 0.0), measured.low, measured.high, _color(row)) for row, measured in rows
    ]
    figure, axes = make_axes(7.0, 0.8 + 0.3 * len(rows))
    interval_rows(axes, intervals)
    if table.ceiling is not None:
        axes.axvline(float(table.ceiling.figures[column].value or 0.0), color=GRAY, linestyle="--", linewidth=1)
    axes.set_xlabel(short(column_name(column)))
    return make_plot(figure, f"{column_name(column)} with 95 % intervals; published values in gray")


def _color(row: Row) -> str:
    return GRAY if row.is_published else BLUE


def _groups(table: Table) -> Plot | None:
    """A heat map of the groups' figures, where there are several."""
    name = table.columns[0][0]
    runs = [row.run for row in table.rows if row.run is not None]
    groups = sorted({figure.group for run in runs for figure in run.figures if figure.name == name} - {MEAN, POOLED})
    if not 2 <= len(groups) <= MOST_ROWS or len(runs) > MOST_ROWS:
        return None
    values = np.array([[_number(run, name, group) for group in groups] for run in runs])
    figure, axes = make_axes(3.0 + 0.55 * len(groups), 2.8 + 0.4 * len(runs))
    image = axes.imshow(values, cmap="viridis", aspect="auto")
    axes.set_xticks(range(len(groups)), [short(group) for group in groups], rotation=45, ha="right")
    axes.set_yticks(range(len(runs)), [short(run.critic) for run in runs])
    for (row, group), value in np.ndenumerate(values):
        if np.isfinite(value):
            bright = value > np.nanmin(values) + 0.6 * (np.nanmax(values) - np.nanmin(values))
            axes.text(
                group, row, f"{value:.2f}", ha="center", va="center", fontsize=7, color="black" if bright else "white"
            )
    figure.colorbar(image, ax=axes)
    return make_plot(figure, f"{name} of each group of items")


def _scatter(table: Table) -> Plot | None:
    """The best run's scores against the labels; the darker, the more items."""
    for row in table.rows:
        judgments = None if row.run is None else judgments_of(row.run)
        pairs = [] if judgments is None else [pair for judgment in judgments if (pair := _scores(judgment)) is not None]
        if len(pairs) > 1:
            figure, axes = make_axes(4.5, 4.0)
            labels, scores = np.array(pairs).T
            hexagons = axes.hexbin(labels, scores, gridsize=24, cmap="Blues", mincnt=1, bins="log")
            figure.colorbar(hexagons, ax=axes, label="judgments")
            axes.set_xlabel("label")
            axes.set_ylabel("critic's score")
            return make_plot(figure, f"Scores of {row.critic} against the labels")
    return None


def _cost(table: Table) -> Plot | None:
    column = table.columns[0]
    known = [
        (row.run.seconds * 1000, measured.value, row.critic)
        for row in table.rows
        if row.run is not None
        and row.run.seconds
        and (measured := row.figures.get(column)) is not None
        and measured.value is not None
    ]
    if len(known) < 2:
        return None
    figure, axes = make_axes(5.5, 3.6)
    for seconds, value, critic in known:
        axes.plot([seconds], [value], "o", color=BLUE)
        axes.annotate(short(critic), (seconds, value), textcoords="offset points", xytext=(6, 4), fontsize=8)
    axes.set_xscale("log")
    axes.margins(x=0.3)
    axes.set_xlabel("seconds for 1,000 judgments")
    axes.set_ylabel(short(column_name(column)))
    return make_plot(figure, f"{column_name(column)} against cost, on the machine of each run")


def _scores(judgment: Judgment) -> tuple[float, float] | None:
    label = judgment.label
    if judgment.verdict.kind != "score" or label is None or label.kind != "score":
        return None
    return float(label.value), float(judgment.verdict.value)


def _number(run: TaskRun, name: str, group: str) -> float:
    figure = run.figure(name, group)
    return float("nan") if figure is None or figure.value is None else figure.value

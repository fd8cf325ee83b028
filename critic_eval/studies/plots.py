"""Plots of a study: each cell's figures, the effects, and figures against cost."""

from __future__ import annotations

import math

from critic_eval.reports.drawing import BLUE, GRAY, Plot, interval_rows, make_axes, make_plot, short
from critic_eval.studies.effects import TaskEffects


def effect_plots(task: TaskEffects) -> list[Plot]:
    """The plots of a task: its first two figures by cell, all effects, and cost."""
    plots = [_cells(task, name) for name in _headline(task)]
    return [plot for plot in (*plots, _effects(task), _cost(task)) if plot is not None]


def _headline(task: TaskEffects) -> list[str]:
    """The first figure, and order consistency where there is one."""
    first = task.figures[:1]
    return [*first, *(name for name in ("order_consistency",) if name in task.figures and name not in first)]


def _cells(task: TaskEffects, name: str) -> Plot | None:
    rows = [
        (", ".join(condition), figures[name].value, figures[name].low, figures[name].high, BLUE)
        for condition, figures in task.conditions.items()
        if not math.isnan(figures[name].value)
    ]
    if not rows:
        return None
    figure, axes = make_axes(7.0, 0.8 + 0.3 * len(rows))
    interval_rows(axes, rows)
    axes.set_xlabel(name)
    return make_plot(figure, f"{name} of each cell, with 95 % intervals")


def _effects(task: TaskEffects) -> Plot | None:
    rows = [
        (
            f"{effect.figure}: {effect.levels[0]}",
            effect.difference,
            effect.low,
            effect.high,
            BLUE if effect.corrected < 0.05 else GRAY,
        )
        for effect in task.effects
        if not math.isnan(effect.difference)
    ]
    if not rows:
        return None
    figure, axes = make_axes(7.0, 0.8 + 0.3 * len(rows))
    axes.axvline(0, color="#4a5568", linewidth=1)
    interval_rows(axes, rows)
    axes.set_yticks(range(len(rows)), [short(name, 44) for name, *_ in reversed(rows)])
    axes.set_xlabel("difference from the reference")
    return make_plot(figure, "Effects, with 95 % intervals; those in blue are clear (corrected p below 0.05)")


def _cost(task: TaskEffects) -> Plot | None:
    name = task.figures[0]
    points = [
        (task.seconds[condition], figures[name].value, ", ".join(condition))
        for condition, figures in task.conditions.items()
        if task.seconds.get(condition) and not math.isnan(figures[name].value)
    ]
    if len({seconds for seconds, _, _ in points}) < 2:
        return None
    figure, axes = make_axes(5.5, 3.6)
    for seconds, value, label in points:
        axes.plot([seconds], [value], "o", color=BLUE)
        axes.annotate(short(label), (seconds, value), textcoords="offset points", xytext=(6, 4), fontsize=8)
    axes.margins(x=0.3)
    axes.set_xlabel("seconds for 1,000 judgments")
    axes.set_ylabel(name)
    return make_plot(figure, f"{name} against cost, on this run's machine")

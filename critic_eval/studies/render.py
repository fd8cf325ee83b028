"""The report of a study as one page, as Markdown and as CSV."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from critic_eval.metrics import HIGHER_IS_BETTER, MEAN
from critic_eval.reports.render import csv_text, html_page, markdown_name, markdown_table, markdown_text, write_texts
from critic_eval.studies.effects import CellFigure, Condition, Effect, TaskEffects, task_effects
from critic_eval.studies.plots import effect_plots
from critic_eval.studies.running import REPORT_FILES, Outcome
from critic_eval.studies.study import Study, shown
from critic_eval.visible import visible
from critic_eval.wording import number_text, spread_text, tokens_text

CLEAR = 0.05
"""Corrected p-values below it are called clear."""


@dataclass(frozen=True)
class StudyReport:
    """A study, what came of its cells, and the effects on each task."""

    study: Study
    outcomes: list[Outcome]
    tasks: list[TaskEffects]

    @property
    def failed(self) -> list[Outcome]:
        """Cells that failed."""
        return [outcome for outcome in self.outcomes if outcome.error is not None]


def make_report(study: Study, outcomes: Sequence[Outcome]) -> StudyReport:
    """Work out the effects from the cells that did not fail.

    Raises:
        DataError: samples can't be read.
    """
    tasks = list(dict.fromkeys(task for outcome in outcomes for task in outcome.runs))
    return StudyReport(study, list(outcomes), [task_effects(study, outcomes, task) for task in tasks])


def write_report(report: StudyReport, folder: Path) -> list[Path]:
    """Write `index.html`, `report.md`, `cells.csv` and `effects.csv`; gives the files."""
    texts = (to_html(report), to_markdown(report), cells_csv(report), effects_csv(report))
    return write_texts(folder, dict(zip(REPORT_FILES, texts, strict=True)))


def to_html(report: StudyReport) -> str:
    """One page that needs nothing else: no script, no network."""
    return html_page(
        "study.html.jinja",
        report=report,
        study=report.study,
        plots={task.task: effect_plots(task) for task in report.tasks},
        summary=design_text(report),
        sentences={task.task: clear_sentences(report.study, task) for task in report.tasks},
        remarks=remarks,
        figure_label=figure_label,
        commands=[(outcome.cell, shown(outcome.cell.options), outcome.error) for outcome in report.outcomes],
        level=level_text,
        number=_number,
        spread=_spread,
        counts=count_text,
        tokens_text=tokens_text,
        p=_p,
        clear=CLEAR,
        legend=_LEGEND,
    )


def to_markdown(report: StudyReport) -> str:
    """What was asked, the cells, the effects and the commands."""
    parts = [
        f"# {markdown_text(report.study.title)}",
        "",
        markdown_text(report.study.question),
        "",
        markdown_text(design_text(report)),
    ]
    for outcome in report.failed:
        parts += ["", f"**Failed:** {markdown_text(outcome.cell.name)}: {markdown_text(outcome.error or '')}"]
    for task in report.tasks:
        sentences = [f"- {markdown_text(text)}" for text in clear_sentences(report.study, task)]
        parts += ["", f"## {markdown_name(task.task)}", "", *sentences, "", remarks(task), ""]
        header = ["cell", *task.figures, "s per 1,000", "tokens of a judgment"]
        rows = [
            [
                markdown_text(condition_label(report.study, condition)),
                *(_figure_text(figures.get(name)) for name in task.figures),
                f"{task.seconds[condition]:.1f}" if condition in task.seconds else "",
                tokens_text(*task.tokens[condition]) if condition in task.tokens else "",
            ]
            for condition, figures in task.conditions.items()
        ]
        parts += markdown_table(header, rows)
        for title, effects in (("Effects", task.effects), ("Interactions", task.interactions)):
            if effects:
                parts += ["", f"### {title}", ""]
                parts += markdown_table(_EFFECT_HEADER, [_effect_row(effect) for effect in effects])
    parts += ["", "## Commands", ""]
    for outcome in report.outcomes:
        parts += [
            f"{outcome.cell.number}. {markdown_text(outcome.cell.name)}",
            "",
            f"        {visible(shown(outcome.cell.options))}",
            "",
        ]
    return "\n".join([*parts, "", _LEGEND]) + "\n"


def cells_csv(report: StudyReport) -> str:
    """One line a figure of a condition."""
    lines = []
    for task in report.tasks:
        for condition, figures in task.conditions.items():
            for name, figure in figures.items():
                known = [
                    figure.value,
                    figure.low,
                    figure.high,
                    figure.n,
                    figure.invalid,
                    *(figure.over_seeds or (None, None)),
                ]
                lines.append(
                    [
                        task.task,
                        *condition,
                        name,
                        *known,
                        task.seconds.get(condition),
                        *task.tokens.get(condition, (None, None)),
                    ]
                )
    axes = [f"axis {axis.name}" for axis in report.study.axes]
    return csv_text([*_CELL_HEADER[:1], *axes, *_CELL_HEADER[1:]], lines)


def effects_csv(report: StudyReport) -> str:
    """One line an effect or interaction."""
    lines = []
    for task in report.tasks:
        for effect in (*task.effects, *task.interactions):
            changed = [" x ".join(part) for part in (effect.axes, effect.levels, effect.references)]
            known = [effect.difference, effect.low, effect.high, effect.p, effect.corrected, effect.pairs]
            lines.append([task.task, effect.figure, *changed, *known])
    header = ("task", "figure", "axis", "level", "reference", "difference", "low", "high", "p", "corrected", "pairs")
    return csv_text(header, lines)


def design_text(report: StudyReport) -> str:
    """The study's design in a sentence or two."""
    study = report.study
    base = ", ".join(f"{name}={value}" for name, value in study.base.items()) or "the defaults"
    way = "every combination of" if study.design == "grid" else "one at a time,"
    axes = "; ".join(f"{axis.name} ({', '.join(axis.levels)})" for axis in study.axes)
    limit = "" if study.limit is None else f" Only the first {study.limit} requests of each task were made."
    failed = f" {len(report.failed)} of them failed." if report.failed else ""
    return (
        f"{len(report.outcomes)} cells of {study.model} with {base}; varied, {way} {axes}. The first level of each is "
        f"the reference.{failed}{limit}"
    )


def clear_sentences(study: Study, task: TaskEffects) -> list[str]:
    """What is clear of each level, in a sentence; or that nothing is, or can be."""
    sentences = []
    smallest = 2 / (study.resamples + 1) * len(task.effects)
    if smallest >= CLEAR:
        sentences.append(f"With {study.resamples} resamples for {len(task.effects)} effects none can be clear.")
    for axis in study.axes:
        for level in list(axis.levels)[1:]:
            effects = [effect for effect in task.effects if (effect.axes, effect.levels) == ((axis.name,), (level,))]
            clear = [effect for effect in effects if effect.corrected < CLEAR]
            changes = ", ".join(
                f"{effect.figure} {effect.difference:+.3f} ({effect.low:+.3f} to {effect.high:+.3f})"
                for effect in clear
            )
            if not effects:
                changes = "no effect can be told, since it or what it is held against failed or has no figures"
            sentences.append(f"{axis.name} {level} instead of {axis.reference}: {changes or 'no clear effect'}.")
    return sentences


def remarks(task: TaskEffects) -> str:
    """On what a task's figures are, in a sentence or two."""
    left_out = f"; {task.left_out} that not every cell judged are left out" if task.left_out else ""
    way = "count as wrong" if task.invalid == "wrong" else "are left out"
    return f"{task.items} items{left_out}. Invalid verdicts {way}."


def figure_label(name: str) -> str:
    """A figure's name, and that less of it is better, where it is."""
    better = HIGHER_IS_BETTER.get(name.removeprefix(f"{MEAN} "))
    return f"{name} (lower is better)" if better is False else name


def condition_label(study: Study, condition: Condition) -> str:
    """A condition in words: every axis with its level."""
    return ", ".join(f"{axis.name}={level}" for axis, level in zip(study.axes, condition, strict=True))


def level_text(effect: Effect) -> str:
    """What changed: each axis with its level, and with what it was."""
    parts = zip(effect.axes, effect.levels, effect.references, strict=True)
    return "; ".join(f"{axis}: {level} instead of {reference}" for axis, level, reference in parts)


def count_text(figure: CellFigure) -> str:
    """How many judgments, how many invalid verdicts, and the range over seeds."""
    seeds = f"; seeds {figure.over_seeds[0]:.3f} to {figure.over_seeds[1]:.3f}" if figure.over_seeds else ""
    return f"n {figure.n}, {figure.invalid} invalid{seeds}"


# A cell of a table is empty where there is no number.
_number, _spread = partial(number_text, unknown=""), partial(spread_text, unknown="")
_p = partial(_number, form=".2g")
_SIGNED = "+.3f"
_LEGEND = (
    "Intervals are 95 % percentile intervals of a bootstrap that draws the same items for all cells; p is two-sided, "
    "of the same draws, and corrected by Holm's method over all effects (or all interactions) of a task. An effect is "
    "a mean over the pairs of cells that both have the figure. Items are the unit: what else may vary between runs "
    "(another training, other data) is not in the intervals. Cells share answers to equal requests, drawn ones too. "
    "Cost is on the machine of the run."
)
_CELL_HEADER = (
    *("task", "figure", "value", "low", "high", "n", "invalid", "lowest_seed", "highest_seed"),
    *("seconds_per_1000", "thought_tokens", "answer_tokens"),
)
_EFFECT_HEADER = ["figure", "change", "difference", "95 % interval", "p", "corrected p", "pairs of cells"]


def _figure_text(figure: CellFigure | None) -> str:
    if figure is None or math.isnan(figure.value):
        return ""
    return f"{_number(figure.value)} ({_spread(figure.low, figure.high)}; {count_text(figure)})"


def _effect_row(effect: Effect) -> list[str]:
    difference = _number(effect.difference, _SIGNED)
    return [
        figure_label(effect.figure),
        markdown_text(level_text(effect)),
        f"**{difference}**" if effect.corrected < CLEAR else difference,
        _spread(effect.low, effect.high, _SIGNED),
        _p(effect.p),
        _p(effect.corrected),
        str(effect.pairs),
    ]

"""The published tables of `results/published`, and what came of each figure here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from critic_eval.package_data import data_folder
from critic_eval.runs.results import RunFigure, TaskRun

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the one in C, where it was built, is ten times as fast

Status = Literal["reproduced", "differs", "not run", "not reproducible"]

ROW_GROUP = "row"
"""The group of a measure that names the judged model of its row; the table then names the judge."""


@dataclass(frozen=True)
class PublishedFigure:
    """One printed figure.

    Attributes:
        critic: whose it is.
        benchmark: our task; None where its data was never released.
        figure: our figure, and over which group of items; None where we have none for it.
        group: see `figure`.
        column: what the table calls it.
        value: as we scale it.
        precision: half of its last printed digit.
        source: where it stands.
        trust: how it was taken from there.
        fault: why it can't be reproduced at all, if so.
    """

    critic: str
    benchmark: str | None
    figure: str | None
    group: str | None
    column: str
    value: float
    precision: float
    source: str
    trust: str
    fault: str | None = None


@dataclass(frozen=True)
class Reproduction:
    """What came of a published figure: its status, the run that it was held against, and what to say of it."""

    published: PublishedFigure
    status: Status
    run: TaskRun | None = None
    measured: RunFigure | None = None
    remark: str = ""


def read_published(folder: Path | None = None) -> list[PublishedFigure]:
    """All printed figures of the tables in a folder, by default ours."""
    figures: list[PublishedFigure] = []
    for file in sorted((folder or data_folder("results", "published")).glob("*.yaml")):
        table = yaml.load(file.read_text(encoding="utf-8"), Loader=_Loader)
        for row in table["rows"]:
            figures += [
                _figure(table, row, column, float(value))
                for column, value in row["values"].items()
                if value is not None
            ]
    return figures


def reproduce(published: PublishedFigure, runs: Sequence[TaskRun]) -> Reproduction:
    """Hold a published figure against the runs of its critic on its benchmark, whole runs only.

    The `_official` variant of a task comes first, since it follows the published code. A figure is reproduced if the
    measured interval, widened by the rounding of the printed value, holds it.
    """
    if published.fault is not None:
        return Reproduction(published, "not reproducible", remark=published.fault)
    if published.figure is None or published.group is None:
        return Reproduction(published, "not run", remark="no figure of ours stands for this column")
    wanted = (f"{published.benchmark}_official", str(published.benchmark))
    fitting = [run for run in runs if run.task in wanted and is_same_critic(run.critic, published.critic)]
    whole = sorted((run for run in fitting if not run.is_partial), key=lambda run: wanted.index(run.task))
    for run in whole:
        measured = run.figure(published.figure, published.group)
        if measured is not None and measured.value is not None:
            return _compared(published, run, measured)
    why = "only a part of the items was run" if fitting and not whole else ""
    return Reproduction(published, "not run", remark=why)


def is_same_critic(first: str, second: str) -> bool:
    """Whether two names are of one critic: the last part of a hub id, without case, punctuation and settings.

    >>> is_same_critic("lmms-lab/llava-critic-7b", "LLaVA-Critic-7B")
    True
    """
    return _plain(first) == _plain(second)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.split("/")[-1].split("@")[0].casefold())


def _figure(table: dict[str, Any], row: dict[str, Any], column: str, value: float) -> PublishedFigure:
    measure = (table.get("measures") or {}).get(column) or {}
    is_of_model = measure.get("group") == ROW_GROUP
    scale = 0.01 if table.get("unit") == "percent" and measure else 1.0
    fault = None
    if table["benchmark"] is None:
        fault = str(table.get("note") or "its data was never released")
    elif row.get("contradicts_itself"):
        fault = f"the row contradicts itself: {row['contradicts_itself']}"
    return PublishedFigure(
        critic=str(table["judge"]) if is_of_model else str(row["critic"]),
        benchmark=table["benchmark"],
        figure=measure.get("figure"),
        group=str(row["critic"]) if is_of_model else measure.get("group"),
        column=f"{row['critic']}: {column}" if is_of_model else column,
        value=value * scale,
        precision=_half_of_last_digit(value) * scale,
        source=str(row.get("taken_from") or row.get("source") or table["source"]),
        trust=str(table["trust"]),
        fault=fault,
    )


def _half_of_last_digit(value: float) -> float:
    """Half a unit of a value's last printed digit; at least of the third after the point, since zeros go unprinted."""
    digits = len(f"{value}".partition(".")[2])
    return 0.5 * 10.0 ** -(min(digits, 3) if value < 1 else min(digits, 2))


def _compared(published: PublishedFigure, run: TaskRun, measured: RunFigure) -> Reproduction:
    value = float(measured.value or 0.0)
    low = value if measured.low is None else measured.low
    high = value if measured.high is None else measured.high
    if low - published.precision <= published.value <= high + published.precision:
        return Reproduction(published, "reproduced", run, measured)
    stated = ("protocol", "orders", "invalid", "scores", "decoding", "images", "answers")
    settings = ", ".join(f"{name} {run.settings[name]}" for name in stated if run.settings.get(name))
    remark = f"measured is {value - published.value:+.3f} beside it; measured with {settings or 'unknown settings'}"
    return Reproduction(published, "differs", run, measured, remark)

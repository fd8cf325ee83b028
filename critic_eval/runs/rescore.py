"""Figures of a benchmark from recorded judgments: without its data set, its images or a model."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from critic_eval import __version__
from critic_eval.benchmarks.benchmark import Benchmark
from critic_eval.benchmarks.registry import find_benchmark
from critic_eval.errors import ArgumentError, DataError
from critic_eval.judging import Judgment, get_protocol
from critic_eval.metrics import Figure, InvalidPolicy, applies, group_figures
from critic_eval.metrics.columns import JudgmentColumns
from critic_eval.metrics.signature import Signature
from critic_eval.runs.calibrating import calibrate
from critic_eval.runs.column_roles import Map
from critic_eval.runs.figure_records import figure_record
from critic_eval.runs.recorded_tables import read_recorded
from critic_eval.runs.report import (
    collapse_figures,
    forms_read,
    judged_settings,
    notes_on,
    side_figures,
)
from critic_eval.wording import number_text, spread_text

Invalid = Literal["exclude", "wrong", "official"]


@dataclass(frozen=True)
class Rescored:
    """A benchmark's figures over recorded judgments, how they came about, and what to know about the records.

    `taken` says which column each part of a record was taken from, and `read_as` how many verdicts were read in which
    form. `diagnostics` are figures beside those of the table: how a critic uses its scale.
    """

    benchmark: str
    signature: Signature
    figures: list[Figure]
    notes: list[str]
    taken: str = ""
    read_as: dict[str, int] = field(default_factory=dict)
    diagnostics: list[Figure] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether there is no item for any figure but the rate of invalid answers."""
        return all(figure.n == 0 for figure in self.figures if figure.name != "invalid_rate")

    def to_record(self) -> dict[str, Any]:
        """A dict that JSON can hold; NaN becomes None."""
        return {
            "benchmark": self.benchmark,
            "signature": str(self.signature),
            "figures": [figure_record(figure) for figure in self.figures],
            "diagnostics": [figure_record(figure) for figure in self.diagnostics],
            "notes": self.notes,
            "taken": self.taken,
            "read_as": self.read_as,
        }

    def table(self) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
        """The header and the rows of its figures, for people."""
        header = ("group", "figure", "value", "95 % interval", "items", "n", "invalid")
        rows: list[tuple[str, ...]] = [
            (
                figure.group,
                figure.name,
                number_text(figure.value),
                spread_text(figure.low, figure.high),
                str(figure.n_items),
                str(figure.n),
                str(sum(figure.invalid.values())),
            )
            for figure in self.figures
        ]
        return header, rows

    def remarks(self) -> list[str]:
        """What there is to know beside the table: why a figure has no value, notes, and the signature."""
        reasons = {(figure.name, figure.reason): figure.group for figure in self.figures if figure.reason}
        unknown = [f"{name} ({group}) is not known: {reason}" for (name, reason), group in reasons.items()]
        return [*unknown, *self.notes, *([self.taken] if self.taken else []), str(self.signature)]

    def to_text(self) -> str:
        """A table for the terminal, with remarks below."""
        header, rows = self.table()
        widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (header, *rows)
        ]
        lines.insert(1, "  ".join("-" * width for width in widths))
        return "\n".join([*(line.rstrip() for line in lines), "", *self.remarks()])


def rescore(
    benchmark: str,
    files: Sequence[str | Path],
    invalid: Invalid = "exclude",
    expected: bool = False,
    resamples: int = 1000,
    seed: int = 0,
    strict: bool = False,
    named: Map = (),
    calibrated_on: float | None = None,
) -> Rescored:
    """Apply a benchmark's parser and metrics to recorded judgments.

    Args:
        benchmark: The name of a benchmark or a variant; `critic_` may be left out.
        files: Tables (see `read_table`). Where there are several of a benchmark without groups, each is a group.
        invalid: What becomes of invalid verdicts: left out, wrong, or what the benchmark's own code makes of them.
        expected: Take scores expected from log-probabilities.
        resamples: Bootstrap resamples; 0 for no intervals.
        seed: Seed of the bootstrap.
        strict: Raise for a malformed line or record, which is else left out and named.
        named: Columns of the tables and their roles (`column_roles.parse_map`).
        calibrated_on: The share of items, drawn by the seed, that scores are put on the labels' scale by; figures are
            of the others.

    Raises:
        ArgumentError: An unknown benchmark, policy or column, or a policy that none of its figures can follow; what is
            not a score is to be calibrated.
        DataError: A file can't be read, or holds no record that can be used.
    """
    declared = find_benchmark(benchmark)
    if invalid not in ("exclude", "wrong", "official"):
        raise ArgumentError(f"Invalid verdicts are counted by 'exclude', 'wrong' or 'official', not {invalid!r}.")
    if resamples < 0 or seed < 0:
        raise ArgumentError("The number of resamples and the seed are 0 or more.")
    columns, notes, taken = _read(declared, files, expected, invalid == "official", strict, named)
    calibration = {}
    if calibrated_on is not None:
        if declared.kind != "score":
            raise ArgumentError(
                f"--calibrate puts scores on their labels' scale; {declared.name} is of {declared.kind}s."
            )
        columns, how = calibrate(columns, calibrated_on, seed)
        calibration = {"calibrated": how}
    # Figures of scores are made of columns; the others look at each judgment, several times.
    judgments = columns if declared.kind == "score" else list(columns)
    policy: InvalidPolicy = declared.official.invalid if invalid == "official" else invalid
    figures: list[Figure] = []
    for index, name in enumerate(declared.all_figures):
        if expected and name in _OF_WHOLE_SCORES:
            continue
        try:
            of_name = group_figures(name, judgments, policy, resamples, seed)
            # A benchmark's own figure is shown even if it can't apply, and then says why.
            if index == 0 or applies(name, judgments) is None:
                figures += of_name
        except ArgumentError as error:
            if policy != "wrong":
                raise
            notes.append(f"{name} is not shown: {error}")
    figures += side_figures(judgments, judgments, policy, declared.all_figures, resamples, seed)
    notes += notes_on(judgments)
    diagnostics = collapse_figures(judgments, resamples, seed)
    if all(figure.name == "invalid_rate" for figure in figures):
        raise ArgumentError(f"No figure of {declared.name} can count invalid verdicts as wrong; use exclude.")
    settings = {
        "benchmark": declared.name,
        **judged_settings(judgments),
        "invalid": invalid,
        "scores": "expected" if expected else "read",
        **calibration,
        "bootstrap": str(resamples),
        "seed": str(seed),
        "version": __version__,
    }
    return Rescored(declared.name, Signature(settings), figures, notes, taken, forms_read(judgments), diagnostics)


def read_judgments(
    benchmark: Benchmark,
    files: Sequence[str | Path],
    expected: bool = False,
    official: bool = False,
    strict: bool = False,
) -> tuple[list[Judgment], list[str]]:
    """The judgments of tables, and what is to be known of them: records left out, repeated items, and the like.

    Raises:
        DataError: A file can't be read, holds no record that can be used, or, if strict, one that can't.
    """
    judgments, notes, _ = _read(benchmark, files, expected, official, strict)
    return list(judgments), notes


def _read(
    benchmark: Benchmark,
    files: Sequence[str | Path],
    expected: bool,
    official: bool,
    strict: bool,
    named: Map = (),
) -> tuple[JudgmentColumns, list[str], str]:
    parts: list[JudgmentColumns] = []
    notes: list[str] = []
    taken: dict[str, str] = {}
    for file in files:
        table = read_recorded(benchmark, file, expected, official, strict, named)
        notes += _summary(table.problems)
        if table.judgments is not None:
            parts.append(table.judgments)
            taken[Path(file).name] = table.taken
    if not parts:
        raise DataError(f"No record can be used. {notes[0] if notes else ''}")
    judgments = JudgmentColumns.joined(parts)
    notes += [*_repeated(judgments), *_without_group(judgments), *_not_official(benchmark, judgments)]
    if len(set(taken.values())) == 1:
        return judgments, notes, next(iter(taken.values()))
    return judgments, notes, "; ".join(f"{name}: {what}" for name, what in taken.items())


def _repeated(judgments: JudgmentColumns) -> list[str]:
    codes = pd.DataFrame({name: judgments.columns[name].codes for name in ("group", "item_id", "order")})
    again = codes[codes.duplicated()].drop_duplicates()
    if again.empty:
        return []
    # The first in the file's order, which is not that of their second judgments.
    twice = codes.merge(again, how="inner").iloc[0]
    item = judgments.columns["item_id"].values[int(twice["item_id"])]
    return [f"{len(again)} items are judged more than once in the same order, such as {item}"]


def _without_group(judgments: JudgmentColumns) -> list[str]:
    codes, values = judgments.columns["group"]
    alone = np.array([value is None for value in values])[codes]
    if not alone.any() or alone.all():
        return []
    listed = _listed([judgments[int(row)].item_id for row in np.flatnonzero(alone)[: _SHOWN + 1]])
    return [f"{alone.sum()} of {len(judgments)} records name no group and count only as pooled: item {listed}"]


def _not_official(benchmark: Benchmark, judgments: JudgmentColumns) -> list[str]:
    """Answers that are read here, and not by a benchmark's own parser, where that is known."""
    if benchmark.official.reads is None:
        return []
    (codes, raws), protocol = judgments.columns["raw"], get_protocol(benchmark.protocol)
    unread = [bool(raw) and not benchmark.official.reads(raw) for raw in raws]
    rows = np.flatnonzero(np.array(unread)[codes])
    more = [
        judgment
        for judgment in (judgments[int(row)] for row in rows)
        if protocol.parse(judgment.raw, len(judgment.order)).verdict.is_valid
    ]
    if not more:
        return []
    listed = _listed([judgment.item_id for judgment in more])
    return [f"{len(more)} of {len(judgments)} answers are read here, but not by the official rule: item {listed}"]


def _listed(items: Sequence[str]) -> str:
    return ", ".join(items[:_SHOWN]) + (", ..." if len(items) > _SHOWN else "")


def _summary(problems: Sequence[str]) -> list[str]:
    lines = [f"left out: {problem}" for problem in problems[:_SHOWN]]
    return lines if len(problems) <= _SHOWN else [*lines, f"left out: {len(problems) - _SHOWN} more records"]


_SHOWN = 5
_OF_WHOLE_SCORES = ("score_accuracy", "quadratic_kappa")

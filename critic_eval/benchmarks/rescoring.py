"""Figures of a benchmark from recorded judgments: without its data set, its images or a model."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from critic_eval import __version__
from critic_eval.benchmarks.recorded_forms import find_recorded
from critic_eval.benchmarks.records import Recorded
from critic_eval.benchmarks.run_report import figure_record, judged_settings
from critic_eval.benchmarks.tables import read_table
from critic_eval.errors import ArgumentError, DataError
from critic_eval.judging import Judgment, get_protocol
from critic_eval.metrics import Figure, InvalidPolicy, group_figures
from critic_eval.metrics.signature import Signature

Invalid = Literal["exclude", "wrong", "official"]


@dataclass(frozen=True)
class Rescored:
    """A benchmark's figures over recorded judgments, how they came about, and what to know about the records."""

    benchmark: str
    signature: Signature
    figures: list[Figure]
    notes: list[str]

    def to_record(self) -> dict[str, Any]:
        """A dict that JSON can hold; NaN becomes None."""
        return {
            "benchmark": self.benchmark,
            "signature": str(self.signature),
            "figures": [figure_record(found) for found in self.figures],
            "notes": self.notes,
        }

    def to_text(self) -> str:
        """A table for the terminal, with notes and signature below."""
        header = ("group", "figure", "value", "95 % interval", "n", "invalid")
        rows = [
            (
                found.group,
                found.name,
                f"{found.value:.3f}",
                f"{found.low:.3f} to {found.high:.3f}",
                str(found.n),
                str(sum(found.invalid.values())),
            )
            for found in self.figures
        ]
        widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (header, *rows)
        ]
        lines.insert(1, "  ".join("-" * width for width in widths))
        return "\n".join([*(line.rstrip() for line in lines), "", *self.notes, str(self.signature)])


def rescore(
    benchmark: str,
    files: Sequence[str | Path],
    invalid: Invalid = "exclude",
    expected: bool = False,
    resamples: int = 1000,
    seed: int = 0,
    strict: bool = False,
) -> Rescored:
    """Apply a benchmark's parser and metrics to recorded judgments.

    Args:
        benchmark: A name of `recorded_forms.recorded_names()`; `critic_` may be left out.
        files: Tables (see `read_table`). Where there are several of a benchmark without groups, each is a group.
        invalid: What becomes of invalid verdicts: left out, wrong, or what the benchmark's own code makes of them.
        expected: Take scores expected from log-probabilities.
        resamples: Bootstrap resamples; 0 for no intervals.
        seed: Seed of the bootstrap.
        strict: Raise for a malformed line or record, which is else left out and named.

    Raises:
        ArgumentError: An unknown benchmark or policy, or a policy that none of its figures can follow.
        DataError: A file can't be read, or holds no record that can be used.
    """
    recorded = find_recorded(benchmark)
    if invalid not in ("exclude", "wrong", "official"):
        raise ArgumentError(f"Invalid verdicts are counted by 'exclude', 'wrong' or 'official', not {invalid!r}.")
    if resamples < 0 or seed < 0:
        raise ArgumentError("The number of resamples and the seed are 0 or more.")
    judgments, notes = read_judgments(recorded, files, expected, invalid == "official", strict)
    policy: InvalidPolicy = recorded.official_policy if invalid == "official" else invalid
    figures: list[Figure] = []
    for name in recorded.figures:
        if expected and name in _OF_WHOLE_SCORES:
            continue
        try:
            found = group_figures(name, judgments, policy, resamples, seed)
            # A benchmark's own figure is shown even if it is unknown, and then says why.
            if name == recorded.figures[0] or not all(figure.reason in _NEEDS_MORE for figure in found):
                figures += found
        except ArgumentError as error:
            if policy != "wrong":
                raise
            notes.append(f"{name} is not shown: {error}")
    if all(found.name == "invalid_rate" for found in figures):
        raise ArgumentError(f"No figure of {recorded.name} can count invalid verdicts as wrong; use exclude.")
    settings = {
        "benchmark": recorded.name,
        **judged_settings(judgments),
        "invalid": invalid,
        "scores": "expected" if expected else "read",
        "bootstrap": str(resamples),
        "seed": str(seed),
        "version": __version__,
    }
    return Rescored(recorded.name, Signature(settings), figures, notes)


def read_judgments(
    recorded: Recorded,
    files: Sequence[str | Path],
    expected: bool = False,
    official: bool = False,
    strict: bool = False,
) -> tuple[list[Judgment], list[str]]:
    """The judgments of tables, and what is to be known of them: records left out, repeated items, and the like.

    Raises:
        DataError: A file can't be read, holds no record that can be used, or, if strict, one that can't.
    """
    judgments: list[Judgment] = []
    notes: list[str] = []
    seen: Counter[tuple[str | None, str, str]] = Counter()
    for file in files:
        table = read_table(file, strict)
        problems = list(table.problems)
        for number, row in table.rows:
            try:
                judgment = recorded.judgment(row, f"{table.name}, line {number}", expected, official)
            except DataError as error:
                if strict:
                    raise
                problems.append(str(error))
                continue
            judgments.append(judgment)
            seen[judgment.group, judgment.item_id, judgment.order] += 1
        notes += _summary(problems)
    if not judgments:
        raise DataError(f"No record can be used. {notes[0] if notes else ''}")
    repeated = [item for (_, item, _), times in seen.items() if times > 1]
    if repeated:
        notes.append(f"{len(repeated)} items are judged more than once in the same order, such as {repeated[0]}")
    alone = [judgment.item_id for judgment in judgments if judgment.group is None]
    if alone and len(alone) < len(judgments):
        listed = ", ".join(alone[:_SHOWN]) + (", ..." if len(alone) > _SHOWN else "")
        notes.append(f"{len(alone)} of {len(judgments)} records name no group and count only as pooled: item {listed}")
    more = [
        judgment.item_id
        for judgment in judgments
        if judgment.raw
        and not recorded.official_reads(judgment.raw)
        and get_protocol(recorded.protocol).parse(judgment.raw, len(judgment.order)).verdict.is_valid
    ]
    if more:
        listed = ", ".join(more[:_SHOWN]) + (", ..." if len(more) > _SHOWN else "")
        notes.append(
            f"{len(more)} of {len(judgments)} answers are read here, but not by the official rule: item {listed}"
        )
    return judgments, notes


def _summary(problems: Sequence[str]) -> list[str]:
    shown = [f"left out: {problem}" for problem in problems[:_SHOWN]]
    return shown if len(problems) <= _SHOWN else [*shown, f"left out: {len(problems) - _SHOWN} more records"]


_SHOWN = 5
_NEEDS_MORE = ("no labels", "no item was judged in two orders", "no judgment names the models of both responses")
"""Why a figure is not shown: the records lack what it is about."""
_OF_WHOLE_SCORES = ("score_accuracy", "quadratic_kappa")

"""What several commands share: how a run is named, options of the bootstrap, and how notes are told."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from critic_eval.errors import ArgumentError, CriticEvalError
from critic_eval.runs.result_files import first_of
from critic_eval.visible import visible

if TYPE_CHECKING:  # commands that read no runs should not wait for what reads them
    from critic_eval.runs.naming import Taken

RUN = (
    "A RUN is a folder, a *_results.json, a *_samples_*.jsonl, or a pattern of these; of several runs the newest is "
    "taken, and named."
)
"""How every command takes a run."""
DEFAULT = "(default: %(default)s)"
"""How the help of an option ends that has a default."""
_TASK = "the task, such as critic_pairs; needed where a run has several"


def add_runs(parser: argparse.ArgumentParser) -> None:
    """Add `[TASK] RUN ...`, `--task` and `--all`."""
    parser.add_argument("paths", nargs="+", metavar="RUN", help="the run; a task's name may stand before it")
    add_task(parser)
    parser.add_argument("--all", action="store_true", help="pool all runs that are named, such as shards of one run")


def add_task(parser: argparse.ArgumentParser, text: str = _TASK) -> None:
    """Add `--task`."""
    parser.add_argument("--task", metavar="TASK", help=text)


def task_and_paths(args: argparse.Namespace) -> tuple[str | None, list[str]]:
    """The task that a command was given, by `--task` or before the runs, and the runs.

    Raises:
        ArgumentError: what stands before the runs is neither a task nor a file.
    """
    from critic_eval.benchmarks.registry import find_benchmark

    first, *others = args.paths
    if args.task is not None or not others or any(sign in first for sign in "/\\*?[.~"):
        return args.task, list(args.paths)
    try:
        find_benchmark(first)
    except CriticEvalError:
        if _exists(first):
            return None, list(args.paths)
        raise
    return first, others


def tell_choices(*taken: Taken) -> None:
    """Print which runs were taken of several, on standard error."""
    for line in dict.fromkeys(line for selection in taken for line in selection.choices):
        print(visible(line, 600), file=sys.stderr)


def add_bootstrap(parser: argparse.ArgumentParser) -> None:
    """Add `--bootstrap`, `--seed` and `--json`."""
    parser.add_argument("--bootstrap", type=int, default=1000, metavar="N", help=f"resamples for intervals {DEFAULT}")
    parser.add_argument("--seed", type=int, default=0, help=f"seed of the bootstrap {DEFAULT}")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")


def add_format(parser: argparse.ArgumentParser) -> None:
    """Add `--format`."""
    parser.add_argument(
        "--format", choices=["text", "markdown", "latex"], default="text", help=f"how tables are printed {DEFAULT}"
    )


def print_table(form: str, header: Sequence[str], rows: Sequence[Sequence[str]], remarks: Sequence[str] = ()) -> None:
    """Print a table as Markdown or LaTeX, with remarks below it, which LaTeX takes as comments."""
    from critic_eval.reports.render import latex_table, markdown_name, markdown_table, markdown_text

    if form == "latex":
        lines = [*latex_table(header, rows), *(f"% {visible(remark)}" for remark in remarks)]
    else:
        cells = [[markdown_name(cell) for cell in row] for row in rows]
        lines = [*markdown_table(header, cells), "", *map(markdown_text, remarks)]
    print("\n".join(lines))


def check_bootstrap(args: argparse.Namespace) -> None:
    """Raise ArgumentError for a negative number."""
    if args.bootstrap < 0 or args.seed < 0:
        raise ArgumentError("--bootstrap and --seed are 0 or more.")


def check_least(args: argparse.Namespace, **lowest: float) -> None:
    """Raise ArgumentError for an option below what it can be."""
    for name, least in lowest.items():
        if not getattr(args, name) >= least:
            raise ArgumentError(f"--{name} {getattr(args, name)}: give a number from {least:g} on.")


def tell_passed_over(notes: Iterable[str]) -> None:
    """Print what of the files was passed over, on standard error."""
    for note in first_of(notes):
        print(f"passed over: {note}", file=sys.stderr)


def _exists(text: str) -> bool:
    try:
        return Path(text).exists()
    except (OSError, ValueError):
        return False

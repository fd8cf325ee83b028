"""The command `critic-eval compare`."""

import argparse
from dataclasses import asdict
from typing import Any

from critic_eval.cli.options import (
    DEFAULT,
    RUN,
    add_format,
    add_task,
    check_least,
    print_table,
    tell_choices,
    tell_passed_over,
)
from critic_eval.errors import ArgumentError
from critic_eval.visible import visible
from critic_eval.wording import json_text, number_text, spread_text


def add_command(commands: Any) -> None:
    """Add the subparser of this command."""
    compare = commands.add_parser(
        "compare",
        help="compare two runs of the same tasks",
        description=(
            "Compare two runs, item by item: how each figure differs, with its interval, and whether chance "
            "explains it (McNemar's exact test or the paired bootstrap, with Holm's correction); and the items "
            "on which the critics differ most. Both need logged samples (--log_samples); parts of runs (--limit) are "
            f"compared where their items are the same. {RUN}"
        ),
        epilog="example: critic-eval compare runs/7b runs/72b",
    )
    compare.add_argument("first", metavar="RUN", help="the one run, A")
    compare.add_argument("second", metavar="RUN", help="the other run, B")
    add_task(compare, "one task only, such as critic_pairs; all that both runs have without it")
    compare.add_argument("--items", type=int, default=10, metavar="N", help=f"items to list {DEFAULT}")
    compare.add_argument("--bootstrap", type=int, default=10_000, metavar="N", help=f"resamples {DEFAULT}")
    compare.add_argument("--seed", type=int, default=0, help=f"seed of the bootstrap {DEFAULT}")
    add_format(compare)
    compare.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    compare.set_defaults(run=_compare)


def _compare(args: argparse.Namespace) -> None:
    from critic_eval.reports.compare import RunComparison, compare_runs
    from critic_eval.runs.naming import resolve_runs

    check_least(args, bootstrap=2, items=0, seed=0)
    first, second = (resolve_runs([path], args.task) for path in (args.first, args.second))
    tell_passed_over((*first.notes, *second.notes))
    tasks = [task for task in first.runs if task in second.runs]
    if not tasks:
        raise ArgumentError(f"The two have no task in common: {', '.join(first.runs)} and {', '.join(second.runs)}.")
    tell_choices(first, second)
    compared: list[RunComparison] = []
    for task in tasks:
        (first_run,), (second_run,) = first.runs[task], second.runs[task]
        compared.append(compare_runs(first_run, second_run, args.bootstrap, args.seed, args.items))
    if args.json:
        print(json_text([asdict(comparison) for comparison in compared]))
        return
    for comparison in compared:
        if args.format == "text":
            _show(comparison)
        else:
            _print(comparison, args.format)


def _print(comparison: Any, form: str) -> None:
    """Print a comparison as Markdown or LaTeX."""
    header = ("figure", "test", "A - B", "95 % interval", "p", "corrected", "n")
    rows = [
        (
            paired.name,
            paired.test,
            number_text(paired.difference, "+.3f"),
            spread_text(paired.low, paired.high, "+.3f"),
            number_text(paired.p, ".3g"),
            number_text(corrected, ".3g"),
            str(paired.n),
        )
        for paired, corrected in zip(comparison.comparisons, comparison.corrected, strict=True)
    ]
    differing = [f"The runs differ in {', '.join(comparison.differences)}."] if comparison.differences else []
    a, b = comparison.critics
    print_table(form, header, rows, [f"{comparison.task}. A: {a}. B: {b}.", *differing, *comparison.notes])


def _show(comparison: Any) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    a, b = comparison.critics
    title = "\n".join(visible(line) for line in (comparison.task, f"A: {a}", f"B: {b}"))
    table = Table(title=Text(title), title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for column in ("figure", "A - B", "95 % interval", "p", "corrected", "test", "n"):
        # On a narrow terminal the name of a test wraps, and nothing is cut.
        is_text = column in ("figure", "test")
        table.add_column(
            column,
            justify="left" if is_text else "right",
            no_wrap=column != "test",
            overflow="fold",
            min_width=9 if column == "test" else None,
        )
    for paired, corrected in zip(comparison.comparisons, comparison.corrected, strict=True):
        style = "bold" if corrected < 0.05 else ""
        table.add_row(
            Text(visible(paired.name, 40)),
            number_text(paired.difference, "+.3f"),
            spread_text(paired.low, paired.high, "+.3f"),
            number_text(paired.p, ".3g"),
            number_text(corrected, ".3g"),
            paired.test,
            str(paired.n),
            style=style,
        )
    console.print(table)
    if comparison.differences:
        console.print(visible(f"The runs differ in {', '.join(comparison.differences)}."), markup=False)
    for note in comparison.notes:
        console.print(visible(note), markup=False)
    if comparison.items:
        items = Table(title="Items that differ most (gain: how much closer A is to the label)", title_justify="left")
        for column in ("item", "label", "A says", "B says", "gain"):
            items.add_column(column)
        for item in comparison.items:
            # As text: what a data set calls its items is not markup.
            cells = (item.item, item.label, *item.verdicts, f"{item.gain:+.3g}")
            items.add_row(*(Text(visible(cell, 200)) for cell in cells))
        console.print(items)

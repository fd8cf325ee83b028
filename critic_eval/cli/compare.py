"""The command `critic-eval compare`."""

import argparse
from dataclasses import asdict
from typing import Any

from critic_eval.cli.options import check_least, tell_passed_over
from critic_eval.errors import ArgumentError
from critic_eval.visible import visible
from critic_eval.wording import json_text, number_text, spread_text


def add_command(commands: Any) -> None:
    """Add the subparser of this command."""
    compare = commands.add_parser(
        "compare",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        help="compare two runs of the same tasks",
        description=(
            "Compare two runs, item by item: how each figure differs, with its interval, and whether chance "
            "explains it (McNemar's exact test or the paired bootstrap, with Holm's correction); and the items "
            "on which the critics differ most. Both need logged samples (--log_samples)."
        ),
        epilog="example: critic-eval compare runs/7b runs/72b",
    )
    compare.add_argument("first", metavar="A", help="a results JSON, or a folder that holds one")
    compare.add_argument("second", metavar="B", help="the same of the other run")
    compare.add_argument("--task", help="one task only")
    compare.add_argument("--items", type=int, default=10, metavar="N", help="items to list")
    compare.add_argument("--bootstrap", type=int, default=10_000, metavar="N", help="resamples")
    compare.add_argument("--seed", type=int, default=0, help="seed of the bootstrap")
    compare.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    compare.set_defaults(run=_compare)


def _compare(args: argparse.Namespace) -> None:
    from critic_eval.reports.compare import RunComparison, compare_runs
    from critic_eval.runs.results import collect, pick

    check_least(args, bootstrap=2, items=0, seed=0)
    collected = [collect([path]) for path in (args.first, args.second)]
    tell_passed_over(note for one in collected for note in one.notes)
    first, second = (one.runs for one in collected)
    others = {run.task for run in second}
    tasks = [task for task in dict.fromkeys(run.task for run in first) if task in others and args.task in (None, task)]
    if not tasks:
        raise ArgumentError(
            f"The two have no task in common{'' if args.task is None else f' called {args.task}'}: "
            f"{', '.join(run.task for run in first)} and {', '.join(run.task for run in second)}."
        )
    found: list[RunComparison] = []
    for task in tasks:
        own, other = pick(first, task, args.first), pick(second, task, args.second)
        found.append(compare_runs(own, other, args.bootstrap, args.seed, args.items))
    if args.json:
        print(json_text([asdict(one) for one in found]))
        return
    for one in found:
        _show(one)


def _show(found: Any) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    a, b = found.critics
    title = "\n".join(visible(line) for line in (found.task, f"A: {a}", f"B: {b}"))
    table = Table(title=Text(title), title_justify="left")
    for column in ("figure", "A - B", "95 % interval", "p", "corrected", "test", "n"):
        table.add_column(column, justify="right" if column not in ("figure", "test") else "left")
    for one, corrected in zip(found.comparisons, found.corrected, strict=True):
        style = "bold" if corrected < 0.05 else ""
        table.add_row(
            Text(visible(one.name)),
            number_text(one.difference, "+.3f"),
            spread_text(one.low, one.high, "+.3f"),
            number_text(one.p, ".3g"),
            number_text(corrected, ".3g"),
            one.test,
            str(one.n),
            style=style,
        )
    console.print(table)
    if found.differences:
        console.print(visible(f"The runs differ in {', '.join(found.differences)}."), markup=False)
    if found.items:
        items = Table(title="Items that differ most (gain: how much closer A is to the label)", title_justify="left")
        for column in ("item", "label", "A says", "B says", "gain"):
            items.add_column(column)
        for item in found.items:
            # As text: what a data set calls its items is no markup.
            cells = (item.item, item.label, *item.verdicts, f"{item.gain:+.3g}")
            items.add_row(*(Text(visible(cell, 200)) for cell in cells))
        console.print(items)

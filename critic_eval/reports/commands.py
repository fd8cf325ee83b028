"""The commands that report on runs: `critic-eval compare`, `critic-eval leaderboard` and `critic-eval power`."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from critic_eval.errors import ArgumentError


def add_commands(commands: Any) -> None:
    """Add the subparsers of these commands."""
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

    leaderboard = commands.add_parser(
        "leaderboard",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        help="put runs and published figures into one page",
        description=(
            "Collect runs (folders, patterns, results JSON files, and what `rescore --json` printed, in files named "
            "after their critics in a folder rescored/) and write a page, Markdown and CSV: a table for each benchmark "
            "with intervals, ranks and significance letters, and what came of each published figure."
        ),
        epilog="example: critic-eval leaderboard runs/ --out leaderboard",
    )
    leaderboard.add_argument("runs", nargs="+", metavar="RUNS", help="folders, patterns or files")
    leaderboard.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write")
    leaderboard.add_argument("--force", action="store_true", help="write over what the folder holds")
    leaderboard.add_argument("--seed", type=int, default=0, help="seed of the bootstrap")
    leaderboard.set_defaults(run=_leaderboard)

    power = commands.add_parser(
        "power",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        help="how many items it takes to tell two critics apart",
        description=(
            "Simulate a critic that is worse than a run's by an effect, on samples of the run's items, and find how "
            "many items it takes until the paired test of `compare` finds the difference."
        ),
        epilog="example: critic-eval power runs/7b --task critic_pairs --figure accuracy_with_tie --effect 0.02",
    )
    power.add_argument("run_path", metavar="RUN", help="a results JSON, or a folder that holds one")
    power.add_argument("--task", help="the task, where the run has several")
    power.add_argument("--figure", required=True, help="an accuracy or a correlation, such as pearson")
    power.add_argument("--effect", type=float, required=True, help="the difference to be found, such as 0.02")
    power.add_argument("--power", type=float, default=0.8, dest="target", help="wanted share of runs that find it")
    power.add_argument(
        "--agreement",
        type=float,
        default=0.8,
        help="share of judgments on which the two agree, for accuracies",
    )
    power.add_argument("--simulations", type=int, default=100, metavar="N", help="of each number of items")
    power.add_argument("--seed", type=int, default=0, help="seed of the simulations")
    power.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    power.set_defaults(run=_power)


def _compare(args: argparse.Namespace) -> None:
    from critic_eval.reports.comparing import RunComparison, compare_runs
    from critic_eval.reports.runs import collect, pick

    first, second = (collect([path]).runs for path in (args.first, args.second))
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
        print(json.dumps([asdict(one) for one in found]))
        return
    for one in found:
        _show(one)


def _show(found: Any) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    a, b = found.critics
    table = Table(title=Text(f"{found.task}\nA: {a}\nB: {b}"), title_justify="left")
    for column in ("figure", "A - B", "95 % interval", "p", "corrected", "test", "n"):
        table.add_column(column, justify="right" if column not in ("figure", "test") else "left")
    for one, corrected in zip(found.comparisons, found.corrected, strict=True):
        style = "bold" if corrected < 0.05 else ""
        interval = f"{one.low:+.3f} to {one.high:+.3f}"
        table.add_row(
            one.name,
            f"{one.difference:+.3f}",
            interval,
            f"{one.p:.3g}",
            f"{corrected:.3g}",
            one.test,
            str(one.n),
            style=style,
        )
    console.print(table)
    if found.differences:
        console.print(f"The runs differ in {', '.join(found.differences)}.", markup=False)
    if found.items:
        items = Table(title="Items that differ most (gain: how much closer A is to the label)", title_justify="left")
        for column in ("item", "label", "A says", "B says", "gain"):
            items.add_column(column)
        for item in found.items:
            # As text: what a data set calls its items is no markup.
            items.add_row(*map(Text, (item.item, item.label, *item.verdicts, f"{item.gain:+.3g}")))
        console.print(items)


def _leaderboard(args: argparse.Namespace) -> None:
    from critic_eval.reports.leaderboard import make_leaderboard
    from critic_eval.reports.leaderboard_files import write_leaderboard
    from critic_eval.reports.runs import collect

    collected = collect(args.runs)
    leaderboard = make_leaderboard(collected.runs, notes=collected.notes, seed=args.seed)
    for note in collected.notes:
        print(f"passed over: {note}", file=sys.stderr)
    written = write_leaderboard(leaderboard, args.out, args.force)
    print(f"{len(leaderboard.tables)} tables of {len(collected.runs)} runs: {', '.join(map(str, written))}")


def _power(args: argparse.Namespace) -> None:
    from critic_eval.reports.power import power
    from critic_eval.reports.runs import collect, pick

    runs = [run for run in collect([args.run_path]).runs if args.task in (None, run.task)]
    if len({run.task for run in runs}) != 1:
        named = ", ".join(sorted({run.task for run in runs})) or f"no task {args.task}"
        raise ArgumentError(f"{args.run_path} holds {named}; name one with --task.")
    found = power(
        args.figure,
        pick(runs, runs[0].task, args.run_path).judgments(),
        args.effect,
        args.target,
        args.agreement,
        simulations=args.simulations,
        seed=args.seed,
    )
    if args.json:
        print(json.dumps(asdict(found)))
        return
    print(f"{'items':>8}  found")
    for size, share in found.shares.items():
        print(f"{size:>8}  {share:.0%}")
    if found.needed is None:
        print(f"Not even {max(found.shares)} items suffice for a difference of {found.effect:g} in {found.name}.")
    else:
        print(
            f"About {found.needed} items suffice to find a difference of {found.effect:g} in {found.name} "
            f"{found.target:.0%} of the time."
        )

"""The commands that report on runs: `critic-eval compare`, `leaderboard`, `power` and `ablate`."""

import argparse
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from critic_eval.errors import ArgumentError
from critic_eval.reports.result_files import first_of
from critic_eval.visible import visible
from critic_eval.wording import json_text, number_text, spread_text


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

    ablate = commands.add_parser(
        "ablate",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        help="run a declared study and report what each setting changes",
        description=_ABLATE,
        epilog="example: critic-eval ablate ablations/position_bias.yaml",
    )
    ablate.add_argument(
        "study",
        type=Path,
        metavar="FILE.yaml",
        help="the study; one that comes along by its name, such as position_bias",
    )
    ablate.add_argument("--out", type=Path, metavar="DIR", help="folder of its runs and report (default: runs/NAME)")
    ablate.add_argument(
        "--force", action="store_true", help="forget what an earlier study made there, its answers too, and begin anew"
    )
    ablate.add_argument("--limit", type=int, metavar="N", help="make N requests of each task only, for a trial")
    ablate.add_argument("--dry-run", action="store_true", help="show the plan, and end")
    ablate.set_defaults(run=_ablate)


_ABLATE = """\
Run a study: cells that differ in declared settings, and the effect of each setting with paired intervals.

A study is a YAML file:

  title: Does it look?
  question: Does the critic go by the image?
  tasks: [critic_digits_pair]
  base: {pretrained: digits}                  # what all cells share
  design: one_factor                          # or grid: every combination
  axes:                                       # the first level is the reference
    image_policy: [as_is, shuffled, blank, tiles_2]
    order_policy: [both, single]
  seeds: [0, 1, 2]                            # of cells whose answers are drawn (temperature above 0)

An axis or base setting is any argument of the model (protocol, order_policy, verdict_only, reasons, image_policy,
pretrained, dtype, ...), of generation (temperature, top_p, ...), verdict_position (first, last) or quantization
(none, 4bit, 8bit); model_args.NAME and generation_kwargs.NAME name any other. A path that begins with ./ is from the
study's folder. Seeds are of cells whose own settings draw answers. A study that was ended goes on where it was with
the same command; a cell that fails is named, and tried again then."""


def _from(args: argparse.Namespace, **lowest: float) -> None:
    """Raise ArgumentError for an option below what it can be."""
    for name, least in lowest.items():
        if not getattr(args, name) >= least:
            raise ArgumentError(f"--{name} {getattr(args, name)}: give a number from {least:g} on.")


def _compare(args: argparse.Namespace) -> None:
    from critic_eval.reports.comparing import RunComparison, compare_runs
    from critic_eval.reports.runs import collect, pick

    _from(args, bootstrap=2, items=0, seed=0)
    collected = [collect([path]) for path in (args.first, args.second)]
    _tell(note for one in collected for note in one.notes)
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


def _leaderboard(args: argparse.Namespace) -> None:
    from critic_eval.reports.leaderboard import make_leaderboard
    from critic_eval.reports.leaderboard_files import write_leaderboard
    from critic_eval.reports.runs import collect

    _from(args, seed=0)
    collected = collect(args.runs)
    leaderboard = make_leaderboard(collected.runs, notes=collected.notes, seed=args.seed)
    _tell(collected.notes)
    written = write_leaderboard(leaderboard, args.out, args.force)
    print(visible(f"{len(leaderboard.tables)} tables of {len(collected.runs)} runs: {', '.join(map(str, written))}"))


def _tell(notes: Iterable[str]) -> None:
    for note in first_of(notes):
        print(f"passed over: {note}", file=sys.stderr)


def _power(args: argparse.Namespace) -> None:
    from critic_eval.reports.power import power
    from critic_eval.reports.runs import collect, pick

    _from(args, simulations=1, seed=0)
    if not 0 < args.target <= 1 or not 0 <= args.agreement <= 1:
        raise ArgumentError("--power and --agreement are shares, from 0 to 1.")
    collected = collect([args.run_path])
    _tell(collected.notes)
    runs = [run for run in collected.runs if args.task in (None, run.task)]
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
        print(json_text(asdict(found)))
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


def _ablate(args: argparse.Namespace) -> None:
    from dataclasses import replace

    from critic_eval.reports.ablation.files import make_report, write_report
    from critic_eval.reports.ablation.running import count_judgments, find_outcome, open_folder, run_cells
    from critic_eval.reports.ablation.study_file import read_study

    study = read_study(args.study)
    if args.limit is not None:
        if args.limit < 1:
            raise ArgumentError(f"--limit {args.limit}: give a number of requests from 1 on.")
        study = replace(study, limit=args.limit)
    cells = study.cells()
    folder: Path = args.out or Path("runs") / args.study.stem
    counts = count_judgments(study, cells)
    found = {cell.number: None if args.force else find_outcome(cell, folder) for cell in cells}
    _show_plan(study, cells, counts, [found[cell.number] is not None for cell in cells])
    if args.dry_run:
        return
    with open_folder(study, folder, args.force):
        left = [cell for cell in cells if found[cell.number] is None]
        ran = {one.cell.number: one for one in run_cells(left, folder, lambda line: print(visible(line), flush=True))}
        outcomes = [known if (known := found[cell.number]) is not None else ran[cell.number] for cell in cells]
        if not any(outcome.runs for outcome in outcomes):
            raise ArgumentError(f"Every cell failed, so there is nothing to report; the first: {outcomes[0].error}")
        report = make_report(study, outcomes)
        written = write_report(report, folder)
    print(visible(", ".join(map(str, written))))
    if report.failed:
        raise ArgumentError(
            f"{len(report.failed)} of {len(cells)} cells failed; the same command tries them again (tracebacks are in "
            f"{folder / 'cells'}/*/error.txt). The first: {report.failed[0].cell.name}: {report.failed[0].error}"
        )


def _show_plan(study: Any, cells: Any, counts: Any, is_done: Any) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    table = Table(title=Text(visible(f"{study.title}: {', '.join(study.tasks)}")), title_justify="left")
    for column in ("", *(axis.name for axis in study.axes), "seed", "judgments", ""):
        table.add_column(Text(visible(column)), justify="right" if column in ("", "judgments") else "left")
    for cell, count, done in zip(cells, counts, is_done, strict=True):
        levels = [Text(visible(level)) for level in cell.levels.values()]
        seed = "" if cell.seed is None else str(cell.seed)
        table.add_row(str(cell.number), *levels, seed, f"{count:,}", "done" if done else "")
    console.print(table)
    left = sum(count for count, done in zip(counts, is_done, strict=True) if not done)
    console.print(f"{len(cells)} cells, {sum(counts):,} judgments, {left:,} of them to be made or found in the journal")

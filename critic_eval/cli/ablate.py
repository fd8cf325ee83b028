"""The command `critic-eval ablate`."""

import argparse
from pathlib import Path
from typing import Any

from critic_eval.errors import ArgumentError
from critic_eval.visible import visible


def add_command(commands: Any) -> None:
    """Add the subparser of this command."""
    ablate = commands.add_parser(
        "ablate",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        help="run a declared study and report what each setting changes",
        description=_ABLATE,
        epilog="example: critic-eval ablate studies/position_bias.yaml",
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


def _ablate(args: argparse.Namespace) -> None:
    from dataclasses import replace

    from critic_eval.studies.load import read_study
    from critic_eval.studies.render import make_report, write_report
    from critic_eval.studies.running import count_judgments, find_outcome, open_folder, run_cells

    study = read_study(args.study)
    if args.limit is not None:
        if args.limit < 1:
            raise ArgumentError(f"--limit {args.limit}: give a number of requests from 1 on.")
        study = replace(study, limit=args.limit)
    cells = study.cells()
    folder: Path = args.out or Path("runs") / args.study.stem
    counts = count_judgments(study, cells)
    earlier = {cell.number: None if args.force else find_outcome(cell, folder) for cell in cells}
    _show_plan(study, cells, counts, [earlier[cell.number] is not None for cell in cells])
    if args.dry_run:
        return
    with open_folder(study, folder, args.force):
        left = [cell for cell in cells if earlier[cell.number] is None]
        ran = {
            outcome.cell.number: outcome
            for outcome in run_cells(left, folder, lambda line: print(visible(line), flush=True))
        }
        outcomes = [known if (known := earlier[cell.number]) is not None else ran[cell.number] for cell in cells]
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

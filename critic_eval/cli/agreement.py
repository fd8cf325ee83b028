"""The command `critic-eval agreement`."""

import argparse
import sys
from typing import Any

from critic_eval.cli.options import RUN, add_bootstrap, add_runs, check_bootstrap, task_and_paths, tell_choices
from critic_eval.visible import visible


def add_command(commands: Any) -> None:
    """Add the subparser of this command."""
    agreement = commands.add_parser(
        "agreement",
        usage="%(prog)s [TASK] RUN --against RUN [options]",
        help="measure how far two runs give the same verdicts",
        description=(
            "Hold the verdicts of one run against those of another on the same items, from logged samples "
            f"(--log_samples): verdict_only against full text, or one critic against another. {RUN}"
        ),
        epilog="example: critic-eval agreement runs/short --against runs/full --task critic_digits_pair",
    )
    add_runs(agreement)
    agreement.add_argument("--against", nargs="+", required=True, metavar="RUN", help="the other run")
    add_bootstrap(agreement)
    agreement.set_defaults(run=_agreement)


def _agreement(args: argparse.Namespace) -> None:
    from critic_eval.benchmarks.registry import find_benchmark
    from critic_eval.metrics.paired import agreement_figures
    from critic_eval.runs.figure_records import figure_record
    from critic_eval.runs.naming import resolve_runs
    from critic_eval.runs.sample_files import read_samples
    from critic_eval.wording import json_text, number_text, spread_text

    check_bootstrap(args)
    named, paths = task_and_paths(args)
    first = resolve_runs(paths, named, pool=args.all, tables=True)
    task = first.task(named)
    second = resolve_runs(args.against, task, pool=args.all, tables=True)
    tell_choices(first, second)
    benchmark = find_benchmark(task)
    (judgments, notes), (others, more) = (
        read_samples(benchmark, files) for files in (first.samples(task), second.samples(second.task(task)))
    )
    for note in (*first.notes, *notes, *(f"of the second run: {note}" for note in (*second.notes, *more))):
        print(visible(note), file=sys.stderr)
    figures = agreement_figures(judgments, others, args.bootstrap, args.seed)
    if args.json:
        print(json_text({"benchmark": benchmark.name, "figures": [figure_record(figure) for figure in figures]}))
        return
    for figure in figures:
        spread = f"95 % {spread_text(figure.low, figure.high)}, n {figure.n}, invalid {sum(figure.invalid.values())}"
        print(f"{figure.name:<18} {number_text(figure.value)}  ({spread})")

"""The command `critic-eval agreement`."""

import argparse
import sys
from pathlib import Path
from typing import Any

from critic_eval.cli.options import add_bootstrap, check_bootstrap
from critic_eval.visible import visible


def add_command(commands: Any) -> None:
    """Add the subparser of this command."""
    agreement = commands.add_parser(
        "agreement",
        help="measure how far two runs give the same verdicts",
        description=(
            "Hold the verdicts of one run against those of another on the same items, from samples that lmms_eval "
            "logged: verdict_only against full text, or one critic against another."
        ),
        epilog="example: critic-eval agreement critic_digits_pair short.jsonl --against full.jsonl",
    )
    agreement.add_argument("benchmark", help="the samples' task, such as critic_pairs")
    agreement.add_argument("files", nargs="+", type=Path, metavar="FILE")
    agreement.add_argument("--against", nargs="+", type=Path, required=True, metavar="FILE", help="the other run's")
    add_bootstrap(agreement)
    agreement.set_defaults(run=_agreement)


def _agreement(args: argparse.Namespace) -> None:
    from critic_eval.benchmarks.registry import find_benchmark
    from critic_eval.metrics.paired import agreement_figures
    from critic_eval.runs.report import figure_record
    from critic_eval.runs.sample_files import read_samples
    from critic_eval.wording import json_text, number_text, spread_text

    check_bootstrap(args)
    benchmark = find_benchmark(args.benchmark)
    (own, notes), (other, more) = (read_samples(benchmark, files) for files in (args.files, args.against))
    for note in (*notes, *(f"of the second run: {note}" for note in more)):
        print(visible(note), file=sys.stderr)
    figures = agreement_figures(own, other, args.bootstrap, args.seed)
    if args.json:
        print(json_text({"benchmark": benchmark.name, "figures": [figure_record(found) for found in figures]}))
        return
    for found in figures:
        spread = f"95 % {spread_text(found.low, found.high)}, n {found.n}, invalid {sum(found.invalid.values())}"
        print(f"{found.name:<18} {number_text(found.value)}  ({spread})")

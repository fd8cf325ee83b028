"""What several commands share: options of the bootstrap, and how notes are told."""

import argparse
import sys
from collections.abc import Iterable

from critic_eval.errors import ArgumentError
from critic_eval.runs.result_files import first_of


def add_bootstrap(parser: argparse.ArgumentParser) -> None:
    """Add `--bootstrap`, `--seed` and `--json`."""
    parser.add_argument("--bootstrap", type=int, default=1000, metavar="N", help="resamples for intervals")
    parser.add_argument("--seed", type=int, default=0, help="seed of the bootstrap")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")


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

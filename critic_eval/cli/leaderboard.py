"""The command `critic-eval leaderboard`."""

import argparse
from pathlib import Path
from typing import Any

from critic_eval.cli.options import DEFAULT, check_least, tell_passed_over
from critic_eval.visible import visible


def add_command(commands: Any) -> None:
    """Add the subparser of this command."""
    leaderboard = commands.add_parser(
        "leaderboard",
        help="put runs and published figures into one page",
        description=(
            "Collect all runs (folders, patterns, *_results.json files, and what `rescore --json` printed, in files "
            "named after their critics in a folder rescored/) and write a page, Markdown and CSV: a table for each "
            "benchmark with intervals, ranks and significance letters, and what came of each published figure."
        ),
        epilog="example: critic-eval leaderboard runs/ --out leaderboard",
    )
    leaderboard.add_argument(
        "runs", nargs="+", metavar="RUNS", help="folders, patterns or *_results.json files, of which all runs are taken"
    )
    leaderboard.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write")
    leaderboard.add_argument("--force", action="store_true", help="write over what the folder holds")
    leaderboard.add_argument("--seed", type=int, default=0, help=f"seed of the bootstrap {DEFAULT}")
    leaderboard.set_defaults(run=_leaderboard)


def _leaderboard(args: argparse.Namespace) -> None:
    from critic_eval.reports.leaderboard.build import make_leaderboard
    from critic_eval.reports.leaderboard.render import write_leaderboard
    from critic_eval.runs.results import collect

    check_least(args, seed=0)
    collected = collect(args.runs)
    leaderboard = make_leaderboard(collected.runs, notes=collected.notes, seed=args.seed)
    tell_passed_over(collected.notes)
    written = write_leaderboard(leaderboard, args.out, args.force)
    print(visible(f"{len(leaderboard.tables)} tables of {len(collected.runs)} runs: {', '.join(map(str, written))}"))

"""The command `critic-eval power`."""

import argparse
from dataclasses import asdict
from typing import Any

from critic_eval.cli.options import check_least, tell_passed_over
from critic_eval.errors import ArgumentError
from critic_eval.wording import json_text


def add_command(commands: Any) -> None:
    """Add the subparser of this command."""
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


def _power(args: argparse.Namespace) -> None:
    from critic_eval.reports.power import power
    from critic_eval.runs.results import collect, pick

    check_least(args, simulations=1, seed=0)
    if not 0 < args.target <= 1 or not 0 <= args.agreement <= 1:
        raise ArgumentError("--power and --agreement are shares, from 0 to 1.")
    collected = collect([args.run_path])
    tell_passed_over(collected.notes)
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

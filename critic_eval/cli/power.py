"""The command `critic-eval power`."""

import argparse
from dataclasses import asdict
from typing import Any

from critic_eval.cli.options import DEFAULT, RUN, add_task, check_least, tell_choices, tell_passed_over
from critic_eval.errors import ArgumentError
from critic_eval.wording import json_text


def add_command(commands: Any) -> None:
    """Add the subparser of this command."""
    power = commands.add_parser(
        "power",
        help="how many items it takes to tell two critics apart",
        description=(
            "Simulate a critic that is worse than a run's by an effect, on samples of the run's items, and find how "
            "many items it takes until the paired test of `compare` finds the difference. It needs logged samples "
            f"(--log_samples). {RUN}"
        ),
        epilog="example: critic-eval power runs/7b --task critic_pairs --figure accuracy_with_tie --effect 0.02",
    )
    power.add_argument("run_path", metavar="RUN", help="the run")
    add_task(power)
    power.add_argument("--figure", required=True, help="an accuracy or a correlation, such as pearson")
    power.add_argument("--effect", type=float, required=True, help="the difference to be found, such as 0.02")
    power.add_argument(
        "--power", type=float, default=0.8, dest="target", help=f"wanted share of runs that find it {DEFAULT}"
    )
    power.add_argument(
        "--agreement",
        type=float,
        default=0.8,
        help=f"share of judgments on which the two agree, for accuracies {DEFAULT}",
    )
    power.add_argument("--simulations", type=int, default=100, metavar="N", help=f"of each number of items {DEFAULT}")
    power.add_argument("--seed", type=int, default=0, help=f"seed of the simulations {DEFAULT}")
    power.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    power.set_defaults(run=_power)


def _power(args: argparse.Namespace) -> None:
    from critic_eval.reports.power import power
    from critic_eval.runs.naming import resolve_runs

    check_least(args, simulations=1, seed=0)
    if not 0 < args.target <= 1 or not 0 <= args.agreement <= 1:
        raise ArgumentError("--power and --agreement are shares, from 0 to 1.")
    taken = resolve_runs([args.run_path], args.task)
    tell_passed_over(taken.notes)
    task = taken.only_task()
    tell_choices(taken)
    (run,) = taken.runs[task]
    result = power(
        args.figure,
        run.judgments(),
        args.effect,
        args.target,
        args.agreement,
        simulations=args.simulations,
        seed=args.seed,
    )
    if args.json:
        print(json_text(asdict(result)))
        return
    print(f"{'items':>8}  found")
    for size, share in result.shares.items():
        print(f"{size:>8}  {share:.0%}")
    if result.needed is None:
        print(f"Not even {max(result.shares)} items suffice for a difference of {result.effect:g} in {result.name}.")
    else:
        print(
            f"About {result.needed} items suffice to find a difference of {result.effect:g} in {result.name} "
            f"{result.target:.0%} of the time."
        )

"""The command `critic-eval jury`."""

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from critic_eval.cli.options import DEFAULT, RUN, add_bootstrap, add_task, check_bootstrap, tell_choices
from critic_eval.errors import ArgumentError
from critic_eval.visible import visible

if TYPE_CHECKING:
    from critic_eval.runs.naming import Taken


def add_command(commands: Any) -> None:
    """Add the subparser of this command."""
    jury = commands.add_parser(
        "jury",
        help="pool the verdicts of several runs, or report a jury's run anew",
        description=(
            "Pool the verdicts of several finished runs on the same items, and report each member, the jury, how far "
            "members agree, and what the jury is without each; or report a run of the model `jury` anew, by this rule "
            f"or another. Nothing is asked again; logged samples are needed (--log_samples). {RUN}"
        ),
        epilog="example: critic-eval jury runs/a runs/b runs/c --rule majority --task critic_digits_pair",
    )
    jury.add_argument("paths", nargs="+", metavar="RUN", help="the members' runs, or the run of a jury")
    add_task(jury)
    jury.add_argument(
        "--rule",
        help="majority, mean, median or weighted (default: that of the jury's run, or majority)",
    )
    jury.add_argument("--weights", metavar="W;W;...", help="for --rule weighted: one for each member")
    jury.add_argument(
        "--fit_share", type=float, metavar="SHARE", help="for --rule weighted: the share of items to fit weights on"
    )
    jury.add_argument("--fit_seed", type=int, default=0, help=f"which items these are {DEFAULT}")
    jury.add_argument("--figure", metavar="NAME", help="the figure to show (default: the benchmark's first)")
    add_bootstrap(jury)
    jury.set_defaults(run=_jury)


def _jury(args: argparse.Namespace) -> None:
    from critic_eval.benchmarks.registry import find_benchmark
    from critic_eval.metrics import applies
    from critic_eval.metrics.juries import JuryRule, jury_report, members_of, side_by_side
    from critic_eval.metrics.jury_weights import Weighing, hold_out
    from critic_eval.runs.juries import jury_lines, jury_record
    from critic_eval.runs.naming import resolve_runs
    from critic_eval.runs.sample_files import read_samples
    from critic_eval.wording import json_text

    check_bootstrap(args)
    taken = [resolve_runs([path], args.task, tables=True) for path in args.paths]
    task = next(iter(dict.fromkeys(each.task(args.task) for each in taken)))
    benchmark = find_benchmark(task)
    tell_choices(*taken)
    of_runs, notes = [], []
    for each in taken:
        judgments, more = read_samples(benchmark, each.samples(each.task(task)))
        of_runs.append(judgments)
        notes += [*each.notes, *more]
    if len(of_runs) == 1:
        judgments = of_runs[0]
    else:
        judgments, n_others = side_by_side(list(zip(_names(taken, task), of_runs, strict=True)))
        if not judgments:
            raise ArgumentError("The runs have no item in common that was shown in the same order.")
        notes += [f"{n_others} judgments are not of all members, and are left out."] if n_others else []
    n_members = len(members_of(judgments))
    if args.rule is None and len(taken) == 1:
        settings = _settings(taken[0], task)
        weighing = Weighing.read(settings.get("rule", "majority"), settings.get("member_weights"), None, 0, n_members)
    else:
        weighing = Weighing.read(args.rule or "majority", args.weights, args.fit_share, args.fit_seed, n_members)
    weighed = hold_out(judgments, weighing)
    names = [args.figure] if args.figure else benchmark.all_figures
    if args.figure and (why := applies(args.figure, weighed.judgments)) is not None:
        raise ArgumentError(f"{args.figure} does not apply to these judgments: {why}.")
    rule = JuryRule(weighing.rule, weighed.weights)
    report = jury_report(weighed.judgments, names, benchmark.invalid, rule, args.bootstrap, args.seed)
    record = jury_record(report, weighed.held_out)
    for note in notes:
        print(visible(note), file=sys.stderr)
    if args.json:
        print(json_text({"benchmark": benchmark.name, **weighing.settings, **record}))
        return
    for line in jury_lines(record, args.figure):
        print(visible(line))


def _names(taken: "Sequence[Taken]", task: str) -> list[str]:
    """What each member is called: its critic, or the file of a table; numbered where that is the same."""
    from critic_eval.metrics.juries import numbered

    return numbered([_name(each, task) for each in taken])


def _name(taken: "Taken", task: str) -> str:
    runs = taken.runs.get(taken.task(task), [])
    return runs[0].critic if runs else taken.tables[0].stem


def _settings(taken: "Taken", task: str) -> dict[str, str]:
    runs = taken.runs.get(taken.task(task), [])
    return runs[0].settings if runs else {}

"""The command `critic-eval probe`."""

import argparse
from typing import Any

from critic_eval.cli.options import RUN, add_bootstrap, add_runs, check_bootstrap, task_and_paths, tell_choices
from critic_eval.visible import visible


def add_command(commands: Any) -> None:
    """Add the subparser of this command."""
    probe = commands.add_parser(
        "probe",
        usage="%(prog)s PROBE [TASK] RUN [--against RUN] [options]",
        help="measure a bias of a critic from its samples",
        description=(
            "Measure what moves a critic's verdicts besides what it is to judge, from logged samples (--log_samples). "
            f"0 means no such bias; for image_use it means that the critic does not look. {RUN}"
        ),
        epilog="example: critic-eval probe length runs/7b --task critic_pairs",
    )
    probe.add_argument(
        "probe",
        metavar="PROBE",
        help="position, length, length_accuracy, self_preference, injection or image_use",
    )
    add_runs(probe)
    probe.add_argument(
        "--against",
        nargs="+",
        default=[],
        metavar="RUN",
        help="the second run: of the _injected variant for injection, with shuffled images for image_use",
    )
    probe.add_argument("--model", help="the model whose responses self_preference is about")
    add_bootstrap(probe)
    probe.set_defaults(run=_probe)


_KINDS = {
    **dict.fromkeys(("position", "length", "length_accuracy", "self_preference"), ("preference",)),
    "injection": ("preference", "score"),
}
"""Which verdicts a probe is about, where not all."""


def _probe(args: argparse.Namespace) -> None:
    from critic_eval.metrics.probes import probe
    from critic_eval.runs.naming import Taken, resolve_runs
    from critic_eval.runs.recorded_forms import find_recorded
    from critic_eval.runs.sample_files import read_samples
    from critic_eval.wording import json_text, number_text, spread_text

    def judgments_of(taken: Taken, task: str) -> tuple[list[Any], list[str]]:
        judgments, notes = read_samples(find_recorded(task), taken.samples(task))
        return judgments, [*taken.notes, *notes]

    check_bootstrap(args)
    named, paths = task_and_paths(args)
    first = resolve_runs(paths, named, pool=args.all, tables=True)
    task = first.task(named, _KINDS.get(args.probe, ()))
    judgments, notes = judgments_of(first, task)
    tell_choices(first)
    against: list[Any] = []
    if args.against:
        wanted = f"{task}_injected" if args.probe == "injection" and not task.endswith("_injected") else task
        second = resolve_runs(args.against, wanted, pool=args.all, tables=True)
        tell_choices(second)
        against, more = judgments_of(second, second.task(wanted))
        notes += [f"of the second run: {note}" for note in more]
    figure = probe(args.probe, judgments, against, args.model, args.bootstrap, args.seed)
    if args.json:
        interval = {"low": figure.low, "high": figure.high}
        print(json_text({"probe": figure.name, "value": figure.value, **interval, "n": figure.n, "notes": notes}))
        return
    spread = spread_text(figure.low, figure.high, "+.3f")
    print(f"{figure.name}: {number_text(figure.value, '+.3f')}  (95 % {spread}, n {figure.n})")
    for note in [*([f"not known: {figure.reason}"] if figure.reason else []), *notes]:
        print(visible(note))

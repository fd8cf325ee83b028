"""The command `critic-eval probe`."""

import argparse
from typing import TYPE_CHECKING, Any

from critic_eval.cli.options import RUN, add_bootstrap, add_runs, check_bootstrap, task_and_paths, tell_choices
from critic_eval.errors import ExtensionError
from critic_eval.visible import visible

if TYPE_CHECKING:
    from critic_eval.metrics.registry import RegisteredProbe


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
        formatter_class=_ListsProbes,
    )
    probe.add_argument("probe", metavar="PROBE", help="one of")
    add_runs(probe)
    probe.add_argument("--against", nargs="+", default=[], metavar="RUN", help="the second run, with")
    probe.add_argument("--model", help="the model whose responses are meant, for")
    add_bootstrap(probe)
    probe.set_defaults(run=_probe)


class _ListsProbes(argparse.HelpFormatter):
    """Help that ends with the registered probes, which are only loaded to be shown."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        listed = _PROBES_OF_ARGUMENT.get(action.dest)
        return f"{action.help} {listed()}".replace("%", "%%") if listed is not None else action.help


def _probes() -> "list[RegisteredProbe]":
    from critic_eval.metrics import PROBES

    try:
        return [PROBES.get(name) for name in PROBES]
    except ExtensionError:  # the probe itself says it; help goes on without the plugins
        return []


_PROBES_OF_ARGUMENT = {
    "probe": lambda: ", ".join(probe.name for probe in _probes()),
    "against": lambda: "; ".join(
        f"{probe.needs_second} for {probe.name}" for probe in _probes() if probe.needs_second is not None
    ),
    "model": lambda: ", ".join(probe.name for probe in _probes() if probe.needs_model),
}


def _probe(args: argparse.Namespace) -> None:
    from critic_eval.benchmarks.registry import find_benchmark
    from critic_eval.metrics import PROBES, compute_probe
    from critic_eval.runs.naming import Taken, resolve_runs
    from critic_eval.runs.sample_files import read_samples
    from critic_eval.wording import json_text, number_text, spread_text

    def judgments_of(taken: Taken, task: str) -> tuple[list[Any], list[str]]:
        judgments, notes = read_samples(find_benchmark(task), taken.samples(task))
        return judgments, [*taken.notes, *notes]

    check_bootstrap(args)
    named, paths = task_and_paths(args)
    first = resolve_runs(paths, named, pool=args.all, tables=True)
    task = first.task(named, PROBES.get(args.probe).kinds)
    judgments, notes = judgments_of(first, task)
    tell_choices(first)
    against: list[Any] = []
    if args.against:
        wanted = f"{task}_injected" if args.probe == "injection" and not task.endswith("_injected") else task
        second = resolve_runs(args.against, wanted, pool=args.all, tables=True)
        tell_choices(second)
        against, more = judgments_of(second, second.task(wanted))
        notes += [f"of the second run: {note}" for note in more]
    figure = compute_probe(args.probe, judgments, against, args.model, args.bootstrap, args.seed)
    if args.json:
        interval = {"low": figure.low, "high": figure.high}
        print(json_text({"probe": figure.name, "value": figure.value, **interval, "n": figure.n, "notes": notes}))
        return
    spread = spread_text(figure.low, figure.high, "+.3f")
    print(f"{figure.name}: {number_text(figure.value, '+.3f')}  (95 % {spread}, n {figure.n})")
    for note in [*([f"not known: {figure.reason}"] if figure.reason else []), *notes]:
        print(visible(note))

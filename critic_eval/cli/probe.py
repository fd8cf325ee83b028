"""The command `critic-eval probe`."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from critic_eval.cli.options import add_bootstrap, check_bootstrap
from critic_eval.errors import ExtensionError
from critic_eval.visible import visible

if TYPE_CHECKING:
    from critic_eval.metrics.registry import RegisteredProbe


def add_command(commands: Any) -> None:
    """Add the subparser of this command."""
    probe = commands.add_parser(
        "probe",
        help="measure a bias of a critic from its samples",
        description=(
            "Measure what moves a critic's verdicts besides what it is to judge, from samples that lmms_eval logged "
            "(--log_samples). 0 means no such bias; for image_use it means that the critic does not look."
        ),
        epilog="example: critic-eval probe length critic_pairs runs/samples.jsonl",
        formatter_class=_ListsProbes,
    )
    probe.add_argument("probe", metavar="PROBE", help="one of")
    probe.add_argument("benchmark", help="the samples' task, such as critic_pairs")
    probe.add_argument("files", nargs="+", type=Path, metavar="FILE")
    probe.add_argument(
        "--against", nargs="+", type=Path, default=[], metavar="FILE", help="samples of the second run, with"
    )
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
    from critic_eval.metrics import compute_probe
    from critic_eval.runs.sample_files import read_samples
    from critic_eval.wording import json_text, number_text, spread_text

    check_bootstrap(args)
    benchmark = find_benchmark(args.benchmark)
    judgments, notes = read_samples(benchmark, args.files)
    against, more = read_samples(benchmark, args.against) if args.against else ([], [])
    notes += [f"of the second run: {note}" for note in more]
    found = compute_probe(args.probe, judgments, against, args.model, args.bootstrap, args.seed)
    if args.json:
        interval = {"low": found.low, "high": found.high}
        print(json_text({"probe": found.name, "value": found.value, **interval, "n": found.n, "notes": notes}))
        return
    spread = spread_text(found.low, found.high, "+.3f")
    print(f"{found.name}: {number_text(found.value, '+.3f')}  (95 % {spread}, n {found.n})")
    for note in [*([f"not known: {found.reason}"] if found.reason else []), *notes]:
        print(visible(note))

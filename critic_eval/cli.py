"""The command `critic-eval`."""

import argparse
import io
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from critic_eval import __version__
from critic_eval.errors import ArgumentError, CriticEvalError
from critic_eval.visible import visible


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand; 0 on success, 1 with one sentence on standard error where it fails, 130 if interrupted."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that is not of Unicode still shows the rest
    args = _parser().parse_args(argv)
    try:
        status = args.run(args)
        sys.stdout.flush()
    except CriticEvalError as error:
        if args.debug:
            raise
        print(f"error: {visible(error, _LONGEST_ERROR)}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # what the output was piped into has ended, such as `head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return int(status or 0)


_LONGEST_ERROR = 3000
"""Characters: an error may name what a file holds."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="critic-eval",
        description="Tools around critics that judge multimodal answers. Benchmarks run with the command lmms_eval.",
    )
    parser.add_argument("--version", action="version", version=f"critic-eval {__version__}")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    convert = commands.add_parser(
        "convert",
        help="write a LLaVA checkpoint in transformers' own layout",
        description=(
            "Convert a checkpoint in LLaVA-NeXT's format (llava-critic-7b, ...) or LLaVA-1.5's (prometheus-vision) "
            "to transformers' layout, for AutoModelForImageTextToText, vLLM, SGLang and `transformers serve`."
        ),
        epilog="example: critic-eval convert lmms-lab/llava-critic-7b ./llava-critic-7b-hf",
    )
    convert.add_argument("source", help="hub id or folder of the original checkpoint; 'digits' is the embedded critic")
    convert.add_argument("out", type=Path, help="folder to write; must not hold anything yet")
    convert.add_argument("--revision", help="hub revision of the source (branch, tag or commit)")
    convert.add_argument(
        "--vision-config",
        metavar="FILE",
        help="JSON with the sizes of the vision tower, where the checkpoint only names a tower that is not known",
    )
    convert.add_argument("--dtype", default="auto", help="auto (as stored), float32, float16 or bfloat16")
    convert.set_defaults(run=_convert)

    rescore = commands.add_parser(
        "rescore",
        help="compute a benchmark's figures from recorded judgments",
        description=(
            "Apply a benchmark's parser and metrics to tables of judgments and labels (.csv, .tsv, .jsonl, .json, each "
            "also .gz, or .parquet), without its data set, its images or a model. Accepted are samples that "
            "lmms_eval logged, tables with the columns that the README lists, and any other with --map. Exit status 1 "
            "if no figure has an item."
        ),
        epilog="example: critic-eval rescore mllm_judge_score judgments.csv --invalid official",
    )
    rescore.add_argument("benchmark", help="task name, such as critic_mllm_judge_score; 'critic_' may be left out")
    rescore.add_argument("files", nargs="+", type=Path, metavar="FILE")
    rescore.add_argument(
        "--invalid",
        choices=["exclude", "wrong", "official"],
        default="exclude",
        help="what becomes of answers without a verdict; official: what the benchmark's own code makes of them",
    )
    rescore.add_argument("--expected", action="store_true", help="scores expected from recorded log-probabilities")
    rescore.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="COLUMN=ROLE",
        help=(
            "what a column is, of any table, as often as needed; nested columns by dots (result.judge=verdict). Roles: "
            "id, group, label, verdict, text (the critic's whole answer), order (as in BA), cluster (what is resampled "
            "together), model_a, model_b, ... (who wrote the responses), length_a, length_b, ... (in characters)"
        ),
    )
    rescore.add_argument("--strict", action="store_true", help="stop at a malformed record instead of naming it")
    _add_bootstrap(rescore)
    rescore.set_defaults(run=_rescore)

    probe = commands.add_parser(
        "probe",
        help="measure a bias of a critic from its samples",
        description=(
            "Measure what moves a critic's verdicts besides what it is to judge, from samples that lmms_eval logged "
            "(--log_samples). 0 means no such bias; for image_use it means that the critic does not look."
        ),
        epilog="example: critic-eval probe length critic_pairs runs/samples.jsonl",
    )
    probe.add_argument(
        "probe",
        metavar="PROBE",
        help="position, length, length_accuracy, self_preference, injection or image_use",
    )
    probe.add_argument("benchmark", help="the samples' task, such as critic_pairs")
    probe.add_argument("files", nargs="+", type=Path, metavar="FILE")
    probe.add_argument(
        "--against",
        nargs="+",
        type=Path,
        default=[],
        metavar="FILE",
        help="samples of the second run: of the _injected variant for injection, with shuffled images for image_use",
    )
    probe.add_argument("--model", help="the model whose responses self_preference is about")
    _add_bootstrap(probe)
    probe.set_defaults(run=_probe)

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
    _add_bootstrap(agreement)
    agreement.set_defaults(run=_agreement)

    from critic_eval.reports.commands import add_commands
    from critic_eval.reports.viewer.command import add_command

    add_commands(commands)
    add_command(commands)
    return parser


def _add_bootstrap(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--bootstrap", type=int, default=1000, metavar="N", help="resamples for intervals")
    parser.add_argument("--seed", type=int, default=0, help="seed of the bootstrap")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")


def _check_bootstrap(args: argparse.Namespace) -> None:
    if args.bootstrap < 0 or args.seed < 0:
        raise ArgumentError("--bootstrap and --seed are 0 or more.")


def _rescore(args: argparse.Namespace) -> int:
    from critic_eval.benchmarks.column_roles import parse_map
    from critic_eval.benchmarks.rescoring import rescore

    result = rescore(
        args.benchmark,
        args.files,
        args.invalid,
        args.expected,
        args.bootstrap,
        args.seed,
        strict=args.strict,
        named=parse_map(args.map),
    )
    if args.json:
        print(json.dumps(result.to_record()))
    else:
        for line in result.to_text().split("\n"):
            print(visible(line))
    return int(result.is_empty)


def _probe(args: argparse.Namespace) -> None:
    from critic_eval.benchmarks.recorded_forms import find_recorded
    from critic_eval.metrics.probes import probe
    from critic_eval.reports.sample_files import read_samples
    from critic_eval.wording import json_text, number_text, spread_text

    _check_bootstrap(args)
    recorded = find_recorded(args.benchmark)
    judgments, notes = read_samples(recorded, args.files)
    against, more = read_samples(recorded, args.against) if args.against else ([], [])
    notes += [f"of the second run: {note}" for note in more]
    found = probe(args.probe, judgments, against, args.model, args.bootstrap, args.seed)
    if args.json:
        interval = {"low": found.low, "high": found.high}
        print(json_text({"probe": found.name, "value": found.value, **interval, "n": found.n, "notes": notes}))
        return
    spread = spread_text(found.low, found.high, "+.3f")
    print(f"{found.name}: {number_text(found.value, '+.3f')}  (95 % {spread}, n {found.n})")
    for note in [*([f"not known: {found.reason}"] if found.reason else []), *notes]:
        print(visible(note))


def _agreement(args: argparse.Namespace) -> None:
    from critic_eval.benchmarks.recorded_forms import find_recorded
    from critic_eval.benchmarks.run_report import figure_record
    from critic_eval.metrics.between_runs import agreement_figures
    from critic_eval.reports.sample_files import read_samples
    from critic_eval.wording import json_text, number_text, spread_text

    _check_bootstrap(args)
    recorded = find_recorded(args.benchmark)
    (own, notes), (other, more) = (read_samples(recorded, files) for files in (args.files, args.against))
    for note in (*notes, *(f"of the second run: {note}" for note in more)):
        print(visible(note), file=sys.stderr)
    figures = agreement_figures(own, other, args.bootstrap, args.seed)
    if args.json:
        print(json_text({"benchmark": recorded.name, "figures": [figure_record(found) for found in figures]}))
        return
    for found in figures:
        spread = f"95 % {spread_text(found.low, found.high)}, n {found.n}, invalid {sum(found.invalid.values())}"
        print(f"{found.name:<18} {number_text(found.value)}  ({spread})")


def _convert(args: argparse.Namespace) -> None:
    from critic_eval.critics.checkpoints import convert_checkpoint
    from critic_eval.digits import resolve_pretrained

    convert_checkpoint(
        resolve_pretrained(args.source),
        args.out,
        revision=args.revision,
        vision_config=args.vision_config,
        dtype=args.dtype,
    )
    print(visible(f"wrote {args.out}"))


if __name__ == "__main__":
    sys.exit(main())

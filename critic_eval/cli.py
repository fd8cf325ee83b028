"""The command `critic-eval`."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from critic_eval import __version__
from critic_eval.errors import CriticEvalError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand; 0 on success, 1 with one sentence on standard error where it fails."""
    args = _parser().parse_args(argv)
    try:
        args.run(args)
    except CriticEvalError as error:
        if args.debug:
            raise
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


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
            "also .gz), without its data set, its images or a model. Accepted are samples that lmms_eval logged, and "
            "tables with the columns that the README lists."
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
    rescore.add_argument("--bootstrap", type=int, default=1000, metavar="N", help="resamples for intervals")
    rescore.add_argument("--seed", type=int, default=0, help="seed of the bootstrap")
    rescore.add_argument("--strict", action="store_true", help="stop at a malformed record instead of naming it")
    rescore.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
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
    probe.add_argument("--bootstrap", type=int, default=1000, metavar="N", help="resamples for the interval")
    probe.add_argument("--seed", type=int, default=0, help="seed of the bootstrap")
    probe.add_argument("--json", action="store_true", help="print one JSON object instead of a line")
    probe.set_defaults(run=_probe)
    return parser


def _rescore(args: argparse.Namespace) -> None:
    from critic_eval.benchmarks.rescoring import rescore

    result = rescore(
        args.benchmark, args.files, args.invalid, args.expected, args.bootstrap, args.seed, strict=args.strict
    )
    if args.json:
        print(json.dumps(result.to_record()))
        return
    print(result.to_text())


def _probe(args: argparse.Namespace) -> None:
    from critic_eval.benchmarks.recorded_forms import find_recorded
    from critic_eval.benchmarks.rescoring import read_judgments
    from critic_eval.metrics.probes import probe

    recorded = find_recorded(args.benchmark)
    judgments, notes = read_judgments(recorded, args.files)
    against = read_judgments(recorded, args.against)[0] if args.against else []
    found = probe(args.probe, judgments, against, args.model, args.bootstrap, args.seed)
    if args.json:
        interval = {"low": found.low, "high": found.high}
        print(json.dumps({"probe": found.name, "value": found.value, **interval, "n": found.n, "notes": notes}))
        return
    print(f"{found.name}: {found.value:+.3f}  (95 % {found.low:+.3f} to {found.high:+.3f}, n {found.n})")
    print("\n".join(notes), end="\n" if notes else "")


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
    print(f"wrote {args.out}")


if __name__ == "__main__":
    sys.exit(main())

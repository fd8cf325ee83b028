"""The command `critic-eval`."""

import argparse
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
    return parser


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

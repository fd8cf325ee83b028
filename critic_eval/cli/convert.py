"""The command `critic-eval convert`."""

import argparse
from pathlib import Path
from typing import Any

from critic_eval.visible import visible


def add_command(commands: Any) -> None:
    """Add the subparser of this command."""
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


def _convert(args: argparse.Namespace) -> None:
    from critic_eval.critics.checkpoints import convert_checkpoint
    from critic_eval.critics.embedded import resolve_pretrained

    convert_checkpoint(
        resolve_pretrained(args.source),
        args.out,
        revision=args.revision,
        vision_config=args.vision_config,
        dtype=args.dtype,
    )
    print(visible(f"wrote {args.out}"))

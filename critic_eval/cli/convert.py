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
            "Convert a checkpoint in one of LLaVA's own formats (llava-critic-7b, prometheus-vision, ...) to "
            "transformers' layout, for AutoModelForImageTextToText, vLLM, SGLang and `transformers serve`. What "
            "belongs to it is written into it: the base of a delta, its vision tower, an adapter."
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
    convert.add_argument(
        "--base", metavar="MODEL", help="hub id or folder of the language model that a delta is to be added to"
    )
    convert.add_argument(
        "--vision-tower",
        metavar="TOWER",
        help="hub id or folder of the vision tower of a checkpoint that doesn't hold it; by default its config's",
    )
    convert.add_argument(
        "--conversation", metavar="NAME", help="LLaVA's name of the conversation format; by default the checkpoint's"
    )
    convert.add_argument(
        "--adapter", metavar="ADAPTER", help="hub id or folder of an adapter of PEFT's or LLaVA's form, to be merged"
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
        base=args.base,
        vision_tower=args.vision_tower,
        conversation=args.conversation,
        adapter=args.adapter,
    )
    print(visible(f"wrote {args.out}"))

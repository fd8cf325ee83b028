"""The command `critic-eval new-benchmark`."""

import argparse
import os
import re
from pathlib import Path
from typing import Any

from critic_eval.errors import ArgumentError
from critic_eval.visible import visible


def add_command(commands: Any) -> None:
    """Add the subparser of this command."""
    new = commands.add_parser(
        "new-benchmark",
        help="declare a benchmark of your own from a file of items",
        description=(
            "Look at a file of items (.jsonl, .json, .csv, .tsv or .parquet), propose what each column is, and write "
            "the benchmark's YAML. Check it, and run it as any other task: all commands find it by CRITIC_EVAL_TASKS "
            "or --include_path."
        ),
        epilog="example: critic-eval new-benchmark my_pairs --from votes.csv",
    )
    new.add_argument("name", help="the task's name: letters, digits and _")
    new.add_argument("--from", required=True, type=Path, metavar="FILE", dest="source", help="the items")
    new.add_argument("--out", type=Path, metavar="DIR", help="folder of the YAML (default: that of FILE)")
    new.add_argument("--force", action="store_true", help="write over a YAML that is there")
    new.set_defaults(run=_new)


def _new(args: argparse.Namespace) -> None:
    from critic_eval.benchmarks.proposing import declaration, propose
    from critic_eval.benchmarks.registry import register_benchmark
    from critic_eval.whole_files import write_whole

    if not re.fullmatch(r"[A-Za-z]\w*", args.name, re.ASCII):
        raise ArgumentError(f"{args.name!r} can't be a task's name: give letters, digits and _, such as my_pairs.")
    source: Path = args.source.expanduser()
    if not source.is_file():
        raise ArgumentError(f"There is no file {source}.")
    folder: Path = args.out or source.parent
    written = folder / f"{args.name}.yaml"
    if written.exists() and not args.force:
        raise ArgumentError(f"{written} is there already; give another name, or --force to write over it.")
    proposal = propose(source)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(written, [declaration(args.name, os.path.relpath(source, folder), proposal)])
    except OSError as error:
        raise ArgumentError(f"{written} can't be written ({error.strerror}); give another folder.") from error
    register_benchmark(written)
    for part, columns in proposal.columns.items():
        print(visible(f"{part:<10} {_told(columns)}"))
    for note in proposal.notes:
        print(visible(f"check: {note}"))
    if proposal.unused:
        print(visible(f"not used: {', '.join(proposal.unused)}"))
    print(visible(f"wrote {written}; run it with"))
    print(visible(f"  CRITIC_EVAL_TASKS={folder} lmms_eval --model llava_critic --tasks {args.name}"))


def _told(columns: Any) -> str:
    if isinstance(columns, dict):
        return str(columns["column"])
    return ", ".join(columns) if isinstance(columns, list) else str(columns)

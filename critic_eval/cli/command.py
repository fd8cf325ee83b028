"""The command `critic-eval`."""

import argparse
import io
import os
import sys
from collections.abc import Sequence

from critic_eval import __version__
from critic_eval.cli import (
    ablate,
    agreement,
    answer,
    cite,
    compare,
    convert,
    critics,
    describe,
    judge,
    jury,
    leaderboard,
    new_benchmark,
    power,
    probe,
    rescore,
    tasks,
    view,
)
from critic_eval.critics.engines.local.threads import let_waiting_threads_sleep
from critic_eval.errors import CriticEvalError
from critic_eval.visible import visible


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand; 0 on success, 1 with one sentence on standard error where it fails, 130 if interrupted."""
    let_waiting_threads_sleep()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that is not of Unicode still shows the rest
    args = _parser().parse_args(argv)
    try:
        if args.include_path:
            from critic_eval.benchmarks.registry import add_folder

            for folder in args.include_path:
                add_folder(folder)
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

    measuring = (judge, answer, rescore, agreement, jury, probe, compare, power, leaderboard, ablate, view)
    for command in (*measuring, tasks, critics, describe, new_benchmark, cite, convert):
        command.add_command(commands)
    for subparser in dict.fromkeys(commands.choices.values()):
        subparser.add_argument(
            "--include_path", action="append", default=[], metavar="DIR", help="a folder with benchmarks of your own"
        )
    return parser


if __name__ == "__main__":
    sys.exit(main())

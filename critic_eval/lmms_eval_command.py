"""The command `lmms_eval`: lmms-eval with our tasks in its listings, plain errors, and an honest exit status.

Stock `lmms-eval` prints a traceback when an evaluation fails, and then exits with status 0.
"""

import hashlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from critic_eval import compat
from critic_eval.errors import ArgumentError, CriticEvalError, DependencyError

_JOURNAL = "CRITIC_EVAL_JOURNAL"
"""The variable that tells `llava_critic` where to keep its answers."""


_SAME_ANSWERS = (
    *("dry_run", "workers", "batch_size", "max_batch_size", "share_prefixes"),
    *("engine", "actors", "concurrency", "timeout"),
)
"""Arguments of the model that say how answers are computed, and not which."""


def main() -> int:
    """Run lmms-eval with this process's arguments; 0 where every evaluation succeeded, 1 where one failed."""
    arguments = sys.argv[1:]
    if not arguments or arguments in (["-h"], ["--help"]):
        _dispatch()
        return 0
    from critic_eval import plugin

    try:
        plugin.install()
    except DependencyError as error:
        print(explain(error), file=sys.stderr)
        return 1
    failures: list[BaseException] = []
    if arguments[0].startswith("-") or arguments[0] == "eval":
        compat.EVALUATION.replace(_reporting(compat.EVALUATION.get(), failures))
    _dispatch()
    return 1 if failures else 0


def explain(error: BaseException) -> str:
    """One clear sentence for an error: ours as it stands, any other with its type and where to learn more."""
    cause = _root(error)
    if isinstance(cause, CriticEvalError):
        return f"error: {cause}"
    message = str(cause).strip() or "no message"
    return f"error: {type(cause).__name__}: {message} (add --verbosity DEBUG for the traceback)"


def _dispatch() -> None:
    compat.COMMAND.get()()


def _reporting(evaluate: Callable[[Any], Any], failures: list[BaseException]) -> Callable[[Any], Any]:
    is_named = _JOURNAL in os.environ  # else each evaluation of this command has its own

    def wrapped(args: Any) -> Any:
        try:
            if args.tasks is None:
                raise ArgumentError("no task was named; add --tasks NAME (lmms_eval tasks list shows them all).")
            if not is_named and args.output_path:
                os.environ[_JOURNAL] = str(_journal(args))
            return evaluate(args)
        except Exception as error:
            failures.append(error)
            if args.verbosity == "DEBUG":
                raise
            print(explain(error), file=sys.stderr, flush=True)
            if int(os.environ.get("WORLD_SIZE", "1")) > 1:
                # The other processes wait in a collective call: only the launcher, seeing this one fail, can end them.
                os._exit(1)
            return None, None

    return wrapped


def _journal(args: Any) -> Path:
    """A file in the output folder that the same command finds again, and another command leaves alone."""
    asked = [part for part in str(args.model_args).split(",") if part.partition("=")[0].strip() not in _SAME_ANSWERS]
    run = json.dumps([args.model, asked, args.tasks], default=str)
    return Path(args.output_path) / f"journal-{hashlib.sha256(run.encode()).hexdigest()[:12]}.sqlite"


def _root(error: BaseException) -> BaseException:
    # tenacity wraps what a retried call raised last, and says nothing of it in its own message.
    attempt = getattr(error, "last_attempt", None)
    if attempt is not None and attempt.exception() is not None:
        return _root(attempt.exception())
    ours = error.__cause__
    return _root(ours) if isinstance(ours, CriticEvalError) else error


if __name__ == "__main__":
    sys.exit(main())

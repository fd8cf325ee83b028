"""The command `lmms_eval`: lmms-eval with our tasks in its listings, plain errors, and an honest exit status.

Stock `lmms-eval` prints a traceback when an evaluation fails, and then exits with status 0. Of a run of our tasks this
command shows our table alone, and what is wrong; `--verbosity INFO` adds all that lmms-eval and its libraries say.
"""

import glob
import hashlib
import json
import os
import shlex
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from critic_eval import compat
from critic_eval.critics.engines.local.threads import let_waiting_threads_sleep
from critic_eval.errors import ArgumentError, CriticEvalError, DependencyError
from critic_eval.importing import uncollected
from critic_eval.lmms import parts, quiet

_JOURNAL = "CRITIC_EVAL_JOURNAL"
"""The variable that tells `llava_critic` where to keep its answers."""


_SAME_ANSWERS = (
    *("dry_run", "workers", "threads", "processes", "batch_size", "max_batch_size", "share_prefixes"),
    *("engine", "actors", "concurrency", "timeout"),
    *("rule", "weights", "fit_share", "fit_seed"),
)
"""Arguments of the model that say how answers are computed, and not which."""
_LISTINGS = ("list", "list_groups", "list_subtasks", "list_tags")
"""Values of `--tasks` that ask for a listing, which lmms-eval logs at the level INFO."""


def main() -> int:
    """Run lmms-eval with this process's arguments.

    Returns:
        0 where every evaluation succeeded; 1 where one failed, got no valid verdict, or could not be saved; 130 where
        it was interrupted.
    """
    let_waiting_threads_sleep()
    run = _Run()
    try:
        return _main(sys.argv[1:], run)
    except KeyboardInterrupt:
        print(f"\n{_interrupted(run)}", file=sys.stderr, flush=True)
        return 130


@dataclass
class _Run:
    """What happened in the evaluations of a command: errors, results with a section of ours, and journals in use."""

    failures: list[BaseException] = field(default_factory=list)
    results: list[Mapping[str, Any]] = field(default_factory=list)
    journals: list[Path] = field(default_factory=list)


def _main(arguments: list[str], run: _Run) -> int:
    if not arguments or arguments in (["-h"], ["--help"]):
        _dispatch()
        return 0
    with ExitStack() as stack:
        if not quiet.asks_for_verbosity(arguments):
            stack.enter_context(quiet.without_deprecations())
        try:
            with uncollected("lmms_eval.tasks"):
                _install(is_evaluation=arguments[0].startswith("-") or arguments[0] == "eval", run=run)
        except DependencyError as error:
            print(explain(error), file=sys.stderr)
            return 1
        _dispatch()
    return 1 if _closing(run) or run.failures else 0


def _install(is_evaluation: bool, run: _Run) -> None:
    from critic_eval.lmms import known_names, plugin

    plugin.install()
    parts.TASK_MATCHES.wrap(known_names.checked_matches)
    if is_evaluation:
        parts.COMMAND_ARGUMENTS.wrap(_quieter)
        parts.EVALUATION.replace(_reporting(parts.EVALUATION.get(), run))
    else:
        import lmms_eval.models  # noqa: F401  # whose plugins bring tasks, and which no listing of tasks imports

        quiet.log_only("WARNING")


def _quieter(parse: Callable[[], Any]) -> Callable[[], Any]:
    """lmms-eval's `parse_eval_args` with another default of `--verbosity`, where it makes no listing."""

    def wrapped() -> Any:
        parser, args = parse()
        if not quiet.asks_for_verbosity(sys.argv[1:]) and args.tasks not in _LISTINGS:
            parser.set_defaults(verbosity=quiet.LEVEL)
            args.verbosity = quiet.LEVEL
        return parser, args

    return wrapped


def _closing(run: _Run) -> bool:
    """Print what is to be said of a run in the end; gives whether something of it failed."""
    from critic_eval.lmms import console, saving

    sections = [results[saving.SECTION] for results in run.results]
    for ours, results in zip(sections, run.results, strict=True):
        print(f"\n{console.figures_text(ours, console.remarks(results))}", flush=True)
        warning = console.warnings_text(ours)
        if warning:
            print(warning, file=sys.stderr, flush=True)
    written = console.written_text(saving.take_written())
    if written:
        print(f"\n{written}", flush=True)
    unsaved = saving.take_unsaved()
    kept = _kept(run.journals) if unsaved else ""
    if kept:
        print(f"{kept}; the same command, run again, computes nothing that is in there.", file=sys.stderr, flush=True)
    return bool(unsaved) or any(console.without_verdict(ours) for ours in sections)


def _interrupted(run: _Run) -> str:
    """One line on what an interrupted run leaves."""
    kept = _kept(run.journals)
    if kept:
        return f"Interrupted: {kept}; this command goes on from there: {shlex.join(['lmms_eval', *sys.argv[1:]])}"
    if run.journals:
        return "Interrupted: no answer is kept yet."
    return "Interrupted: no answer is kept, since the run has no journal; with --output_path FOLDER it has one."


def _kept(journals: Iterable[Path]) -> str:
    """How many answers are kept in which files, of this process and those that share its work; empty for none."""
    from critic_eval.critics.kept import kept_answers

    files = []
    for named in journals:
        shared = f"{glob.escape(named.stem)}-*-of-*{glob.escape(named.suffix)}"
        files += [named, *named.parent.glob(shared)]
    counts = {file: kept_answers(file) for file in dict.fromkeys(files)}
    held = {file: count for file, count in counts.items() if count}
    if not held:
        return ""
    return f"{sum(held.values())} answers are kept in {', '.join(map(str, held))}"


def explain(error: BaseException) -> str:
    """One clear sentence for an error: ours as it stands, any other with its type and where to learn more."""
    cause = _root(error)
    if isinstance(cause, CriticEvalError):
        return f"error: {cause}"
    message = compat.import_failure(cause) if isinstance(cause, ImportError) else str(cause).strip() or "no message"
    return f"error: {type(cause).__name__}: {message} (add --verbosity DEBUG for the traceback)"


def _dispatch() -> None:
    parts.COMMAND.get()()


def _reporting(evaluate: Callable[[Any], Any], run: _Run) -> Callable[[Any], Any]:
    is_named = bool(os.environ.get(_JOURNAL))  # else each evaluation of this command has its own

    def wrapped(args: Any) -> Any:
        try:
            if args.tasks is None:
                raise ArgumentError("no task was named; add --tasks NAME (lmms_eval tasks list shows them all).")
            if not is_named and args.output_path:
                os.environ[_JOURNAL] = str(_journal(args))
            run.journals += _journals(args)
            evaluated = _evaluated(evaluate, args)
            if evaluated[0] is not None and evaluated[0].get("critic_eval"):
                run.results.append(evaluated[0])
                # What gets None here prints no table of its own.
                return (None, None) if _is_told(evaluated[0], args) else evaluated
            return evaluated
        except Exception as error:
            run.failures.append(error)
            if args.verbosity == "DEBUG":
                raise
            print(explain(error), file=sys.stderr, flush=True)
            if int(os.environ.get("WORLD_SIZE", "1")) > 1:
                # The other processes wait in a collective call: only the launcher, seeing this one fail, can end them.
                os._exit(1)
            return None, None

    return wrapped


def _evaluated(evaluate: Callable[[Any], Any], args: Any) -> Any:
    from critic_eval.lmms.known_names import check_model
    from critic_eval.lmms.own_index import smallest_index

    if args.tasks not in _LISTINGS:
        check_model(args.model)
    with ExitStack() as stack:
        stack.enter_context(smallest_index(args))
        if not quiet.is_loud(args.verbosity):
            stack.enter_context(quiet.without_bars())
            stack.enter_context(quiet.without_advice())
        return evaluate(args)


def _is_told(results: Mapping[str, Any], args: Any) -> bool:
    """Whether our table has all that lmms-eval's own would have, and nothing else waits for the results."""
    groups = {name for name, tasks in results.get("group_subtasks", {}).items() if tasks}
    is_ours = {*results["results"]} <= {*results["critic_eval"], *groups}
    return is_ours and not (quiet.is_loud(args.verbosity) or args.wandb_args or args.swanlab_args or args.baseline)


def _journals(args: Any) -> list[Path]:
    """The journal that an evaluation keeps, if it keeps one; a jury's members have theirs beside it."""
    if args.model not in ("llava_critic", "jury"):
        return []
    arguments = dict(part.strip().partition("=")[::2] for part in str(args.model_args).split(","))
    named = arguments.get("journal") or os.environ.get(_JOURNAL)
    return [Path(named).expanduser()] if named else []


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

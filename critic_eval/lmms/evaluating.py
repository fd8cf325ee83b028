"""lmms-eval's evaluation as a function: several in one process, quietly, with one index of tasks."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any

from critic_eval.benchmarks.registry import find_benchmark
from critic_eval.errors import ArgumentError
from critic_eval.lmms import parts
from critic_eval.lmms.quiet import log_only, without_bars


def evaluate(options: Sequence[str]) -> None:
    """One evaluation, as the command `lmms_eval` with these options does it."""
    from critic_eval.lmms import plugin

    plugin.install()
    given, sys.argv = sys.argv, ["lmms_eval", *options]
    try:
        _, args = parts.COMMAND_ARGUMENTS.get()()
    finally:
        sys.argv = given
    parts.EVALUATION.get()(args)


def request_counts(tasks: Sequence[str], model: str) -> Iterator[int]:
    """How many requests each task makes."""
    from lmms_eval.tasks import get_task_dict

    with quiet():
        manager = _task_index(model)
        unknown = [name for name in tasks if name not in manager.all_tasks]
        if unknown:
            near = [match for name in unknown for match in get_close_matches(name, manager.all_tasks, n=2)]
            hint = f"did you mean {' or '.join(near)}?" if near else "`lmms_eval tasks list` shows them all."
            raise ArgumentError(f"There is no task {', '.join(unknown)}; {hint}")
        for task in _leaves(get_task_dict(list(tasks), manager, "chat")):
            find_benchmark(task.config.task)  # raises for a task that is not ours
            yield len(task.eval_docs)


def model_parameters(model: str) -> Mapping[str, inspect.Parameter]:
    """The arguments that a model of lmms-eval takes. Raises ArgumentError where there is no such model."""
    import lmms_eval.models as models

    try:
        model_class = models.get_model(model)
    except Exception as error:  # it raises what its registry happens to
        raise ArgumentError(f"lmms-eval has no model {model!r}; `lmms_eval models` lists them.") from error
    return inspect.signature(model_class).parameters


def read_arguments(text: str) -> dict[str, Any]:
    """`name=value,...` as lmms-eval's command line reads it. Raises ValueError for what it can't read."""
    from lmms_eval.utils import simple_parse_args_string

    read: dict[str, Any] = simple_parse_args_string(text)
    return read


@contextmanager
def one_index() -> Iterator[None]:
    """The index of tasks is read once for all that is evaluated inside."""
    with parts.TASK_INDEX.replaced(lambda *arguments, model_name, **options: _task_index(model_name)):
        yield


@contextmanager
def quiet() -> Iterator[None]:
    """Only warnings of lmms-eval's log, and no bars but the one over judgments."""
    log_only("WARNING")
    with without_bars():
        yield


@functools.cache
def _task_index(model: str) -> Any:
    """lmms-eval's index of all tasks, which takes seconds to read."""
    import lmms_eval.models  # noqa: F401  # which loads the plugin
    from lmms_eval.tasks import TaskManager

    return TaskManager("ERROR", model_name=model)


def _leaves(tasks: Mapping[Any, Any]) -> Iterator[Any]:
    for task in tasks.values():
        if isinstance(task, Mapping):
            yield from _leaves(task)
        else:
            yield task

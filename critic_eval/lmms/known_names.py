"""Names of tasks and models that a command asks for: a wrong one is an error that names near ones.

lmms-eval lists all of its 150 models, or evaluates nothing where a pattern fits no task.
"""

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from critic_eval.errors import ArgumentError


def check_model(name: str) -> None:
    """Raise ArgumentError, with near names, unless lmms-eval knows a model of this name."""
    from lmms_eval.models import list_available_models

    known = list_available_models(include_aliases=True)
    if name not in known:
        raise ArgumentError(
            f"There is no model {name!r}{_near([name], known)}; `lmms_eval models` lists them all. "
            "A checkpoint is named by --model_args pretrained=..., the critic that loads it is --model llava_critic."
        )


def checked_matches(match_tasks: Callable[..., Any]) -> Callable[..., Any]:
    """lmms-eval's `TaskManager.match_tasks`, which raises ArgumentError for a name or a pattern that fits no task."""

    def wrapped(self: Any, task_list: list[str]) -> Any:
        known = self.all_tasks
        unknown = [name for name in task_list if not _is_known(name, known)]
        if unknown:
            raise ArgumentError(
                f"There is no task {', '.join(map(repr, unknown))}{_near(unknown, known)}; "
                "`lmms_eval tasks list` lists them all."
            )
        return match_tasks(self, task_list)

    return wrapped


def _is_known(name: str, known: Iterable[str]) -> bool:
    if "*" in name or "?" in name or "[" in name:
        return any(fnmatchcase(task, name) for task in known)
    return name in known or Path(name).is_file()  # a task's YAML may be named as well


def _near(names: Iterable[str], known: Iterable[str]) -> str:
    listed = list(known)
    near = dict.fromkeys(match for name in names for match in get_close_matches(name.strip(), listed))
    return f" (did you mean {' or '.join(near)}?)" if near else ""

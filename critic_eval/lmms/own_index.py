"""lmms-eval's index of tasks without its own, which take seconds to read, where an evaluation asks for ours alone."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from critic_eval.benchmarks import registry


@contextmanager
def smallest_index(args: Any) -> Iterator[None]:
    """Inside it, the command's index leaves lmms-eval's own tasks out where they can't be meant.

    Args:
        args: of an evaluation, as lmms-eval's command parses them.
    """
    global _leaves_theirs_out
    _leaves_theirs_out = asks_for_ours_alone(args)
    try:
        yield
    finally:
        _leaves_theirs_out = False


def leaves_theirs_out() -> bool:
    """Whether an index that is read now is to leave lmms-eval's own tasks out."""
    return _leaves_theirs_out


_leaves_theirs_out = False


def asks_for_ours_alone(args: Any) -> bool:
    """Whether every task that is asked for is one of ours by its whole name, which no task of lmms-eval has, too.

    Folders that `--include_path` or plugins of lmms-eval name may hold anything, and so may a folder of tasks.
    """
    if args.include_path is not None or os.environ.get("LMMS_EVAL_PLUGINS") or not args.tasks:
        return False
    if os.path.isdir(args.tasks):
        return False
    suites = registry.suites()
    known = {*suites, *(benchmark.name for benchmark in registry.benchmarks())}
    asked = set(args.tasks.split(","))
    members = {member for name in asked for member in suites.get(name, ())}
    return asked <= known and not _are_named({*asked, *members})


def _are_named(names: Iterable[str]) -> bool:
    """Whether any file of lmms-eval's tasks has one of these names in its text: where it does, its index must say."""
    import lmms_eval.tasks

    wanted = [name.encode() for name in names]
    for folder, _, files in os.walk(Path(lmms_eval.tasks.__file__).parent):
        for file in files:
            if file.endswith(".yaml"):
                content = Path(folder, file).read_bytes()
                if any(name in content for name in wanted):
                    return True
    return False

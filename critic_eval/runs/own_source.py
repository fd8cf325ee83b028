"""Which of a user's files a run read its items from, as its results record it, so that its images are found again."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from critic_eval.benchmarks.loading.own_files import OwnFile
from critic_eval.benchmarks.own_items import SCALE_VARIABLE
from critic_eval.benchmarks.registry import benchmarks, find_benchmark
from critic_eval.errors import CriticEvalError

KEY = "own_file"
"""What a task's part of the results calls it."""
_LONGEST = 4096
"""Characters of a path at most."""


@dataclass(frozen=True)
class OwnSource:
    """A file of items, and the environment in which a task reads it.

    Attributes:
        variable: the environment variable that names the file to the task.
        file: where it is, or was.
        scale: what `CRITIC_EVAL_SCALE` was, None where it was not set.
    """

    variable: str
    file: Path
    scale: str | None = None

    @property
    def environment(self) -> dict[str, str]:
        """The variables with which the task finds the file."""
        scale = {} if self.scale is None else {SCALE_VARIABLE: self.scale}
        return {self.variable: str(self.file), **scale}


def own_source_record(task: str, folder: Path) -> dict[str, str] | None:
    """What results in a folder say of the file that a task reads now; None for a task that reads no such file.

    The path is relative to the folder, so that both can be moved together.
    """
    benchmark = find_benchmark(task)
    source = benchmark.source
    if not isinstance(source, OwnFile) or source.variable is None:
        return None
    try:
        path = os.path.relpath(source.file, folder.resolve())
    except (CriticEvalError, ValueError):  # of another drive, on Windows
        return None
    scale = os.environ.get(SCALE_VARIABLE) if benchmark.kind == "score" else None
    return {"variable": source.variable, "path": path, **({} if scale is None else {"scale": scale})}


def _variables() -> set[str | None]:
    sources = [benchmark.source for benchmark in benchmarks()]
    return {source.variable for source in sources if isinstance(source, OwnFile) and source.variable}


def read_own_source(record: Mapping[str, Any], results: Path) -> OwnSource | None:
    """The file that a task's part of a results file names; None where it names none, or nothing of that form."""
    named = record.get(KEY)
    if not isinstance(named, Mapping):
        return None
    variable, path, scale = (named.get(name) for name in ("variable", "path", "scale"))
    if variable not in _variables() or not isinstance(path, str):
        return None
    if not 0 < len(path) <= _LONGEST or not path.isprintable():
        return None
    file = Path(os.path.normpath(results.resolve().parent / path))
    return OwnSource(str(variable), file, scale if isinstance(scale, str) and len(scale) < 100 else None)

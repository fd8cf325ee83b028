"""Result files as they lie on disk: which there are under a path, and the JSON in one."""

from __future__ import annotations

import glob
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from critic_eval.errors import ArgumentError, DataError
from critic_eval.visible import visible

LARGEST = 1 << 28
"""Bytes of a results file at most; those of lmms-eval have some thousand."""


def find_results(paths: Sequence[str | Path]) -> tuple[list[Path], list[str]]:
    """The results files that paths name, and a note on each entry that has such a name and is not a file.

    Args:
        paths: JSON files, folders that hold some at any depth, or patterns with `*`.

    Raises:
        ArgumentError: a path names nothing, or can't be looked at.
    """
    files: list[Path] = []
    notes: list[str] = []
    for path in map(str, paths):
        try:
            within = [file for named in named_paths(path) for file in results_within(named)]
            regular = {file: _is_file(file) for file in within if file.name.endswith(".json")}
        except (OSError, ValueError) as error:
            raise ArgumentError(f"{path} can't be looked at ({_why(error)}).") from error
        if not regular:
            raise ArgumentError(f"{path} names no results: give a *_results.json, or a folder that holds some.")
        files += [file for file, is_regular in regular.items() if is_regular]
        notes += [f"{file} is not a regular file." for file, is_regular in regular.items() if not is_regular]
    return list(dict.fromkeys(files)), list(dict.fromkeys(notes))


def named_paths(path: str) -> list[Path]:
    """The files and folders that a path names: itself, or what fits it as a pattern with `*`, `?` or `[...]`.

    Raises:
        OSError: it can't be looked at; ValueError where it is not a path at all.
    """
    named = Path(path)
    if _exists(named):
        return [named]
    return (
        [Path(name) for name in sorted(glob.glob(path, recursive=True))] if any(sign in path for sign in "*?[") else []
    )


def results_within(path: Path) -> list[Path]:
    """A file itself; of a folder all results files at any depth, and what `rescore --json` printed in `rescored/`."""
    if not path.is_dir():
        return [path]
    rescored = path.glob("*.json") if path.name == "rescored" else ()
    return sorted({*path.rglob("*_results.json"), *path.rglob("rescored/*.json"), *rescored})


def is_file(path: Path) -> bool:
    """Whether there is a regular file, also where the name itself is impossible."""
    try:
        return _is_file(path)
    except (OSError, ValueError):
        return False


def read_results(file: Path) -> dict[str, Any]:
    """The object in a results file of lmms-eval's, or in one that `rescore --json` printed.

    Raises:
        DataError: it can't be read, is not JSON, or has neither form.
    """
    try:
        if file.stat().st_size > LARGEST:
            raise DataError(f"{file} is larger than {LARGEST >> 20} MB, and so is not a results file.")
        results: Any = json.loads(file.read_text(encoding="utf-8-sig"))
    except RecursionError as error:
        raise DataError(f"{file} can't be read as JSON (it is nested too deeply).") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{file} can't be read as JSON ({_why(error)}); it may have been cut off.") from error
    is_rescored = isinstance(results, dict) and "benchmark" in results and isinstance(results.get("figures"), list)
    if not is_rescored and not (isinstance(results, dict) and isinstance(results.get("results"), dict)):
        raise DataError(f'{file} is not a results file of lmms-eval: it has no "results".')
    checked: dict[str, Any] = results
    return checked


def first_of(notes: Iterable[str], most: int = 20) -> list[str]:
    """The first notes, and how many more there are."""
    listed = list(notes)
    return listed if len(listed) <= most else [*listed[:most], f"And {len(listed) - most} more."]


def _exists(path: Path) -> bool:
    return path.is_symlink() or path.exists()


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except RuntimeError:  # a loop of links, to some versions of Python
        return False


def _why(error: Exception) -> str:
    return visible(getattr(error, "strerror", None) or error, 200)

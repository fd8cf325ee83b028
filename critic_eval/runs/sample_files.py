"""Samples of a run from several files, of which one may be odd."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from critic_eval.benchmarks.benchmark import Benchmark
from critic_eval.errors import DataError
from critic_eval.judging import Judgment
from critic_eval.runs.rescore import read_judgments
from critic_eval.runs.result_files import first_of, is_file
from critic_eval.visible import visible


def read_samples(benchmark: Benchmark, files: Sequence[Path]) -> tuple[list[Judgment], list[str]]:
    """The judgments of files, and what is to be known of them; a file that can't be used is named and left out.

    Raises:
        DataError: none of them can be used.
    """
    odd: list[str] = []
    usable: list[Path] = []
    for file in files:
        if is_file(file):
            usable.append(file)
        else:
            odd.append(f"left out: {file} is {'not a regular file' if _is_there(file) else 'not there'}.")
    try:
        judgments, notes = read_judgments(benchmark, usable) if usable else ([], [])
    except DataError:
        usable, more = _readable(benchmark, usable)
        odd += more
        judgments, notes = read_judgments(benchmark, usable) if usable else ([], [])
    if not judgments:
        raise DataError(" ".join(first_of((note.removeprefix("left out: ") for note in odd), 5)))
    return judgments, [visible(note, 400) for note in (*odd, *notes)]


def _readable(benchmark: Benchmark, files: Sequence[Path]) -> tuple[list[Path], list[str]]:
    """Which of the files can be used, and why the others can't."""
    why = {file: _why_not(benchmark, file) for file in files}
    return [file for file in files if why[file] is None], [f"left out: {reason}" for reason in why.values() if reason]


def _why_not(benchmark: Benchmark, file: Path) -> str | None:
    try:
        read_judgments(benchmark, [file])
    except DataError as error:
        return str(error)
    return None


def _is_there(file: Path) -> bool:
    try:
        return file.is_symlink() or file.exists()
    except (OSError, ValueError):
        return False

"""All benchmarks by name: those that come along, those of a user's folders, and those that plugins register."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from critic_eval.benchmarks.benchmark import Benchmark
from critic_eval.benchmarks.declarations import declared, is_declaration, read_declaration
from critic_eval.errors import ArgumentError
from critic_eval.package_data import data_folder
from critic_eval.registry import load_extensions
from critic_eval.yaml_files import read_yaml

FOLDERS_VARIABLE = "CRITIC_EVAL_TASKS"
"""Names folders with benchmarks of a user's own, with the path separator between them."""

PREFIX = "critic_"


def register_benchmark(given: str | Path | Mapping[str, Any] | Benchmark) -> Benchmark:
    """Make a benchmark known, with its variants.

    Args:
        given: its YAML file, the content of one, or a benchmark.

    Raises:
        ArgumentError: the declaration can't be used, or its name is taken.

    Returns:
        The benchmark, without a variant.
    """
    if isinstance(given, Benchmark):
        registered = [given]
    elif isinstance(given, Mapping):
        registered = declared(given, Path(f"{given.get('task', 'benchmark')}.yaml"))
    else:
        registered = read_declaration(Path(given))
    for benchmark in registered:
        before = _benchmarks.get(benchmark.name)
        if before is not None and before.file != benchmark.file:
            where = f" ({before.file})" if before.file is not None else ""
            raise ArgumentError(f"There is a benchmark {benchmark.name} already{where}; give yours another name.")
    _benchmarks.update({benchmark.name: benchmark for benchmark in registered})
    return registered[0]


def find_benchmark(name: str) -> Benchmark:
    """A benchmark, or a variant of one, by its task's name; `critic_` may be left out.

    Raises:
        ArgumentError: there is none; names near ones.
    """
    known = _all()
    for wanted in (name, f"{PREFIX}{name}"):
        if wanted in known:
            return known[wanted]
        alias = next((benchmark for benchmark in known.values() if wanted in benchmark.also_called), None)
        if alias is not None:
            return replace(alias, name=wanted)
    near = get_close_matches(name, known) or get_close_matches(f"{PREFIX}{name}", known) or benchmark_names()
    raise ArgumentError(
        f"There is no benchmark {name!r}; did you mean {' or '.join(near[:8])}? One of your own is found in "
        f"folders that {FOLDERS_VARIABLE} or --include_path names."
    )


def benchmark_names(with_variants: bool = False) -> list[str]:
    """All names, sorted; those of variants where asked for."""
    return sorted(name for name, benchmark in _all().items() if with_variants or benchmark.base == name)


def benchmarks() -> list[Benchmark]:
    """All benchmarks and their variants, by name."""
    return [benchmark for _, benchmark in sorted(_all().items())]


def suites() -> dict[str, list[str]]:
    """The names of benchmarks that run together, by the name of their suite."""
    members: dict[str, list[str]] = {}
    for benchmark in _all().values():
        if benchmark.suite:
            members.setdefault(benchmark.suite, []).append(benchmark.name)
    return members


def add_folder(folder: str | Path) -> None:
    """Register every benchmark that a YAML file in a folder declares, at any depth; other files are passed over.

    A file that was read before is read again only if it has changed.

    Raises:
        ArgumentError: a declaration can't be used, or its name is taken.
    """
    for file in sorted(Path(folder).expanduser().resolve().rglob("*.yaml")):
        facts = file.stat()
        state = (facts.st_mtime_ns, facts.st_size)
        if _read.get(file) == state:
            continue
        if _may_declare(file) and is_declaration(read_yaml(file)):
            known = [name for name, benchmark in _benchmarks.items() if benchmark.file == file]
            for name in known:
                del _benchmarks[name]
            register_benchmark(file)
        _read[file] = state


_benchmarks: dict[str, Benchmark] = {}
_read: dict[Path, tuple[int, int]] = {}


def _all() -> dict[str, Benchmark]:
    load_extensions()
    for folder in _folders():
        add_folder(folder)
    return _benchmarks


def _folders() -> Iterable[str | Path]:
    named = os.environ.get(FOLDERS_VARIABLE, "")
    return [data_folder("tasks"), *(folder for folder in named.split(os.pathsep) if folder)]


def _may_declare(file: Path) -> bool:
    """Whether the text of a file has the keys; one in lmms-eval's own form may hold tags that only it can read."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False
    return all(f"\n{key}:" in f"\n{text}" for key in ("task", "data", "protocol"))

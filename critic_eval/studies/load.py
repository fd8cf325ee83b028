"""Studies from YAML files, strictly: what a study does not have is refused by name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from critic_eval.errors import ArgumentError
from critic_eval.package_data import data_folder
from critic_eval.studies.settings import Scalar
from critic_eval.studies.study import Axis, Study
from critic_eval.yaml_files import Section, read_yaml


def read_study(file: Path) -> Study:
    """Read a study: a file, or one that comes along by its name, such as `position_bias`.

    Raises:
        ArgumentError: the file can't be read, or says something that a study does not have; the sentence names it.
    """
    along = data_folder("studies") / f"{file}.yaml"
    file = along if not file.exists() and along.is_file() else file
    if not file.exists():
        names = sorted(file_of_ours.stem for file_of_ours in data_folder("studies").glob("*.yaml"))
        raise ArgumentError(f"There is no study {file}; those that come along are {', '.join(names)}.")
    content = read_yaml(file)
    Section(content, f"{file}: a study").only(_KEYS)
    axes = _axes(content.get("axes"), file)
    base = _scalars({} if content.get("base") is None else content["base"], f"{file}: base")
    for axis in axes:
        if axis.name in base:
            raise ArgumentError(f"{file}: {axis.name} is in base and varied; name its reference first in axes alone.")
    design = content.get("design", "grid")
    if design not in ("grid", "one_factor"):
        raise ArgumentError(f"{file}: design is grid or one_factor, not {design!r}.")
    invalid = content.get("invalid")
    if invalid not in (None, "exclude", "wrong"):
        raise ArgumentError(f"{file}: invalid is exclude or wrong, not {invalid!r}.")
    return Study(
        title=str(content.get("title") or file.stem.replace("_", " ")),
        question=" ".join(str(content.get("question") or "").split()),
        tasks=_tasks(content.get("tasks"), file),
        model=str(content.get("model", "llava_critic")),
        base=base,
        design=design,
        axes=axes,
        seeds=_seeds(content.get("seeds", [0]), file),
        limit=_count(content, "limit", None, file),
        resamples=_count(content, "resamples", 10_000, file) or 10_000,
        invalid=invalid,
        folder=file.parent,
    )


_MOST = 1_000_000
_KEYS = ("title", "question", "tasks", "model", "base", "design", "axes", "seeds", "limit", "resamples", "invalid")


def _tasks(given: Any, file: Path) -> tuple[str, ...]:
    names = [given] if isinstance(given, str) else given
    if not isinstance(names, list) or not names or not all(isinstance(name, str) and name for name in names):
        raise ArgumentError(f"{file}: tasks names at least one task, such as [critic_digits_pair].")
    return tuple(dict.fromkeys(names))


def _seeds(given: Any, file: Path) -> tuple[int, ...]:
    seeds = [given] if isinstance(given, int) else given
    if not isinstance(seeds, list) or not seeds or not all(type(seed) is int and 0 <= seed < 1 << 32 for seed in seeds):
        raise ArgumentError(f"{file}: seeds are whole numbers from 0 to 4294967295, such as [0, 1, 2].")
    if len(set(seeds)) < len(seeds):
        raise ArgumentError(f"{file}: a seed comes twice, which would be two cells of the same run.")
    return tuple(seeds)


def _count(content: Mapping[str, Any], name: str, default: int | None, file: Path) -> int | None:
    value = content.get(name, default)
    if value is not None and (type(value) is not int or not 1 <= value <= _MOST):
        raise ArgumentError(f"{file}: {name} is a whole number from 1 to {_MOST:,}, not {value!r}.")
    return value


def _axes(given: Any, file: Path) -> tuple[Axis, ...]:
    if given is not None and not isinstance(given, dict):
        raise ArgumentError(f"{file}: axes is a mapping of settings to their levels.")
    if not given:
        raise ArgumentError(f"{file}: axes is empty, so there is nothing to vary; name a setting and its levels.")
    axes = []
    for name, levels in given.items():
        values = list(levels.values()) if isinstance(levels, dict) else levels if isinstance(levels, list) else [levels]
        labels = [_label(level) for level in (levels if isinstance(levels, dict) else values)]
        twice = next((label for number, label in enumerate(labels) if label in labels[:number]), None)
        if twice is not None:
            raise ArgumentError(f"{file}: {name} has {twice} twice, which would be two cells of the same run.")
        labeled = dict(zip(labels, values, strict=True))
        if not labeled:
            raise ArgumentError(f"{file}: {name} has no levels; name the reference and what is held against it.")
        axes.append(Axis(str(name), _scalars(labeled, f"{file}: {name}")))
    if sum(len(axis.levels) for axis in axes) == len(axes):
        raise ArgumentError(f"{file}: no axis has a second level, so there is nothing to compare.")
    return tuple(axes)


def _label(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)


def _scalars(given: Any, section: str) -> dict[str, Scalar]:
    if not isinstance(given, dict):
        raise ArgumentError(f"{section} is a mapping of names to values.")
    for name, value in given.items():
        if not isinstance(value, Scalar):
            raise ArgumentError(f"{section}: {name} is one value, not {type(value).__name__}.")
    return {str(name): value for name, value in given.items()}

"""A declared study: a base run, what is varied about it, and the cells that follow."""

from __future__ import annotations

import itertools
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

import yaml

from critic_eval.errors import ArgumentError
from critic_eval.metrics import InvalidPolicy
from critic_eval.package_data import data_folder
from critic_eval.reports.ablation.settings import Scalar, Settings

Design = Literal["grid", "one_factor"]


@dataclass(frozen=True)
class Axis:
    """A setting that is varied: its levels by their labels, the reference first."""

    name: str
    levels: Mapping[str, Scalar]

    @property
    def reference(self) -> str:
        """The level that the others are held against."""
        return next(iter(self.levels))


@dataclass(frozen=True)
class Cell:
    """A run of a study.

    Attributes:
        number: its place, from 1.
        levels: by axis, the label of its level.
        seed: of its draws; None where answers are not drawn.
        options: of the command `lmms_eval`, without where results go.
    """

    number: int
    levels: Mapping[str, str]
    seed: int | None
    options: tuple[str, ...]

    @property
    def condition(self) -> tuple[str, ...]:
        """Its levels; cells that differ in nothing but their seed have the same."""
        return tuple(self.levels.values())

    @property
    def name(self) -> str:
        """A name for people, such as `order_policy=single, seed 1`."""
        parts = [f"{axis}={level}" for axis, level in self.levels.items()]
        return ", ".join([*parts, *([] if self.seed is None else [f"seed {self.seed}"])])

    @property
    def folder(self) -> str:
        """A name for its folder."""
        return f"{self.number:02d}-" + (re.sub(r"[^A-Za-z0-9._=]+", "-", self.name).strip("-")[:80] or "cell")


@dataclass(frozen=True)
class Study:
    """What is asked, of which tasks, and how.

    Attributes:
        title: a few words.
        question: what it is to find out, and what else a reader must know.
        tasks: names of tasks.
        model: a model of lmms-eval's.
        base: settings that all cells share.
        design: `grid`, or `one_factor` at a time.
        axes: what is varied.
        seeds: of cells whose answers are drawn.
        limit: requests of each task at most; None for all.
        resamples: of the bootstrap.
        invalid: what becomes of invalid verdicts where a figure can count them; None for the tasks' own way.
    """

    title: str
    question: str
    tasks: tuple[str, ...]
    model: str
    base: Mapping[str, Scalar]
    design: Design
    axes: tuple[Axis, ...]
    seeds: tuple[int, ...] = (0,)
    limit: int | None = None
    resamples: int = 10_000
    invalid: InvalidPolicy | None = None

    def cells(self) -> list[Cell]:
        """Its runs, the base first.

        Raises:
            ArgumentError: a setting or value is unknown, or two cells come to the same run.
        """
        settings = Settings(self.model)
        for name in [*self.base, *(axis.name for axis in self.axes)]:
            settings.check(name)
        cells: list[Cell] = []
        first_with: dict[tuple[str, ...], Cell] = {}
        for levels in self._conditions():
            varied = {axis.name: axis.levels[levels[axis.name]] for axis in self.axes}
            arguments = settings.arguments({**self.base, **varied})
            for seed in self.seeds if arguments.is_sampled else (None,):
                options = ("--model", self.model, *arguments.to_options(), "--tasks", ",".join(self.tasks))
                options += () if seed is None else ("--seed", str(seed))
                options += () if self.limit is None else ("--limit", str(self.limit))
                cell = Cell(len(cells) + 1, levels, seed, options)
                same = first_with.setdefault(options, cell)
                if same is not cell:
                    raise ArgumentError(f"Two cells are the same run: {same.name}, and {cell.name}.")
                cells.append(cell)
        return cells

    def digest_text(self) -> str:
        """All that its cells' results depend on, as text that is equal for equal studies."""
        return json.dumps([cell.options for cell in self.cells()], sort_keys=True)

    def _conditions(self) -> Iterator[dict[str, str]]:
        reference = {axis.name: axis.reference for axis in self.axes}
        if self.design == "grid":
            for labels in itertools.product(*(axis.levels for axis in self.axes)):
                yield dict(zip(reference, labels, strict=True))
            return
        yield reference
        for axis in self.axes:
            for label in list(axis.levels)[1:]:
                yield {**reference, axis.name: label}


def read_study(file: Path) -> Study:
    """Read a study: a file, or one that comes along by its name, such as `position_bias`.

    Raises:
        ArgumentError: the file can't be read, or says something that a study does not have; the sentence names it.
    """
    along = data_folder("ablations") / f"{file}.yaml"
    file = along if not file.exists() and along.is_file() else file
    try:
        content = yaml.load(file.read_text(encoding="utf-8"), Loader=_StrictLoader)  # a SafeLoader
    except FileNotFoundError as error:
        names = sorted(one.stem for one in data_folder("ablations").glob("*.yaml"))
        raise ArgumentError(f"There is no study {file}; those that come along are {', '.join(names)}.") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ArgumentError(f"{file} can't be read as YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise ArgumentError(f"{file} is no study; it has {', '.join(_KEYS)}.")
    for key in content:
        if key not in _KEYS:
            near = get_close_matches(str(key), _KEYS, n=1) or _KEYS
            raise ArgumentError(f"{file}: a study has no {key!r}; did you mean {' or '.join(near)}?")
    axes = _axes(content.get("axes"), file)
    base = _scalars(content.get("base") or {}, f"{file}: base", file.parent)
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
        title=str(content.get("title", file.stem.replace("_", " "))),
        question=" ".join(str(content.get("question", "")).split()),
        tasks=_tasks(content.get("tasks"), file),
        model=str(content.get("model", "llava_critic")),
        base=base,
        design=design,
        axes=axes,
        seeds=_seeds(content.get("seeds", [0]), file),
        limit=_count(content, "limit", None, file),
        resamples=_count(content, "resamples", 10_000, file) or 10_000,
        invalid=invalid,
    )


_KEYS = ("title", "question", "tasks", "model", "base", "design", "axes", "seeds", "limit", "resamples", "invalid")


class _StrictLoader(yaml.SafeLoader):
    """Refuses a key that comes twice, of which YAML's loader would silently keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = [key for number, key in enumerate(keys) if key in keys[:number]]
        if twice:
            raise yaml.constructor.ConstructorError(None, None, f"{twice[0]!r} comes twice", node.start_mark)
        return super().construct_mapping(node, deep)


def _tasks(given: Any, file: Path) -> tuple[str, ...]:
    names = [given] if isinstance(given, str) else given
    if not isinstance(names, list) or not names or not all(isinstance(name, str) and name for name in names):
        raise ArgumentError(f"{file}: tasks names at least one task, such as [critic_digits_pair].")
    return tuple(dict.fromkeys(names))


def _seeds(given: Any, file: Path) -> tuple[int, ...]:
    seeds = [given] if isinstance(given, int) else given
    if not isinstance(seeds, list) or not seeds or not all(type(seed) is int and seed >= 0 for seed in seeds):
        raise ArgumentError(f"{file}: seeds are whole numbers, such as [0, 1, 2].")
    if len(set(seeds)) < len(seeds):
        raise ArgumentError(f"{file}: a seed comes twice, which would be two cells of the same run.")
    return tuple(seeds)


def _count(content: Mapping[str, Any], name: str, default: int | None, file: Path) -> int | None:
    value = content.get(name, default)
    if value is not None and (type(value) is not int or value < 1):
        raise ArgumentError(f"{file}: {name} is a whole number from 1 on, not {value!r}.")
    return value


def _axes(given: Any, file: Path) -> tuple[Axis, ...]:
    if not isinstance(given, dict) or not given:
        raise ArgumentError(f"{file}: axes is empty, so there is nothing to vary; name a setting and its levels.")
    axes = []
    for name, levels in given.items():
        if isinstance(levels, dict):
            labeled = {str(label): value for label, value in levels.items()}
        else:
            values = levels if isinstance(levels, list) else [levels]
            labels = [_label(value) for value in values]
            twice = next((label for number, label in enumerate(labels) if label in labels[:number]), None)
            if twice is not None:
                raise ArgumentError(f"{file}: {name} has {twice} twice, which would be two cells of the same run.")
            labeled = dict(zip(labels, values, strict=True))
        if not labeled:
            raise ArgumentError(f"{file}: {name} has no levels; name the reference and what is held against it.")
        axes.append(Axis(str(name), _scalars(labeled, f"{file}: {name}", file.parent)))
    if sum(len(axis.levels) for axis in axes) == len(axes):
        raise ArgumentError(f"{file}: no axis has a second level, so there is nothing to compare.")
    return tuple(axes)


def _label(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)


def _scalars(given: Any, place: str, folder: Path) -> dict[str, Scalar]:
    if not isinstance(given, dict):
        raise ArgumentError(f"{place} is a mapping of names to values.")
    for name, value in given.items():
        if not isinstance(value, Scalar):
            raise ArgumentError(f"{place}: {name} is one value, not {type(value).__name__}.")
    return {str(name): _located(value, folder) for name, value in given.items()}


def _located(value: Scalar, folder: Path) -> Scalar:
    """A path from the study's own folder (`./name`), as one from where the command runs."""
    if not isinstance(value, str) or not value.startswith(("./", "../")):
        return value
    return os.path.relpath(folder / value)


def shown(options: Sequence[str]) -> str:
    """The command of a cell, to be copied into a shell."""
    import shlex

    return shlex.join(["lmms_eval", *options])

"""A declared study: a base run, what is varied about it, and the cells that follow."""

from __future__ import annotations

import itertools
import json
import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from critic_eval.errors import ArgumentError
from critic_eval.metrics import InvalidPolicy
from critic_eval.studies.settings import Scalar, Settings

Design = Literal["grid", "one_factor"]
MOST_CELLS = 1000


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
        identity: all that its results depend on, as text, wherever the study is run from.
    """

    number: int
    levels: Mapping[str, str]
    seed: int | None
    options: tuple[str, ...]
    identity: str = ""

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
        folder: where values that begin with `./` or `../` are found.
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
    folder: Path = Path()

    def cells(self) -> list[Cell]:
        """Its runs, the base first.

        Raises:
            ArgumentError: a setting or value is unknown, or two cells come to the same run.
        """
        settings = Settings(self.model)
        for name in [*self.base, *(axis.name for axis in self.axes)]:
            settings.check(name)
        cells: list[Cell] = []
        first_with: dict[tuple[Any, ...], Cell] = {}
        for levels in self._conditions():
            values = {**self.base, **{axis.name: axis.levels[levels[axis.name]] for axis in self.axes}}
            arguments = settings.arguments({name: _located(value, self.folder) for name, value in values.items()})
            for seed in self.seeds if arguments.is_sampled else (None,):
                options = ("--model", self.model, *arguments.to_options(), "--tasks", ",".join(self.tasks))
                options += () if seed is None else ("--seed", str(seed))
                options += () if self.limit is None else ("--limit", str(self.limit))
                identity = json.dumps([self.model, values, self.tasks, seed, self.limit], sort_keys=True)
                cell = Cell(len(cells) + 1, levels, seed, options, identity)
                same = first_with.setdefault((settings.effect(arguments), seed), cell)
                if same is not cell:
                    raise ArgumentError(f"Two cells are the same run: {same.name}, and {cell.name}.")
                cells.append(cell)
                if len(cells) > MOST_CELLS:
                    raise ArgumentError(f"The study has more than {MOST_CELLS:,} cells; vary one factor at a time.")
        if len(self.seeds) > 1 and all(cell.seed is None for cell in cells):
            raise ArgumentError("There are seeds, but no cell draws its answers; give a temperature, or do_sample.")
        return cells

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


def shown(options: Sequence[str]) -> str:
    """The command of a cell, to be copied into a shell."""
    return shlex.join(["lmms_eval", *options])


def _located(value: Scalar, folder: Path) -> Scalar:
    """A path from the study's own folder (`./name`) as one from where the command runs, which no hub id looks like.

    Raises:
        ArgumentError: there is nothing at a path.
    """
    if not isinstance(value, str) or not value.startswith(("./", "../")):
        return value
    if not (folder / value).exists():
        raise ArgumentError(f"There is no {value} beside the study, in {folder or '.'}.")
    relative = os.path.relpath(folder / value)
    return relative if relative.startswith("..") else f"./{relative}"

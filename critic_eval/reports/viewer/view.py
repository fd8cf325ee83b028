"""What a viewer shows: the tasks of one run, or those that two runs share, with their figures and their samples."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from critic_eval import __version__
from critic_eval.errors import ArgumentError, DataError
from critic_eval.metrics import MEAN, POOLED
from critic_eval.reports.viewer.columns import finite
from critic_eval.reports.viewer.samples import Codes, read_samples
from critic_eval.reports.viewer.table import Table, make_table
from critic_eval.runs.naming import resolve_runs
from critic_eval.runs.own_source import OwnSource
from critic_eval.runs.result_files import first_of
from critic_eval.runs.results import TaskRun


@dataclass(frozen=True)
class TaskView:
    """One task: its runs (one, or two of the same task), and their judgments."""

    name: str
    runs: tuple[TaskRun, ...]
    table: Table

    @property
    def critics(self) -> tuple[str, ...]:
        """What its critics are called."""
        return _names(self.runs)

    @property
    def notes(self) -> list[str]:
        """What a reader should know of the judgments."""
        notes = []
        for run, samples in zip(self.runs, self.table.samples, strict=True):
            if samples.problems:
                reasons = ", ".join(f"{count} {reason}" for reason, count in samples.problems.items())
                n = sum(samples.problems.values())
                notes.append(f"{n} line{'s' if n > 1 else ''} of {samples.file.name} passed over: {reasons}.")
            if run.is_partial:
                notes.append(f"{run.file.name} is a part of a run (--limit).")
            if run.left_out not in ("", "0"):
                notes.append(f"Left out of {run.file.name}: {run.left_out}.")
        if self.table.n_shared < self.table.n_items:
            notes.append(f"{self.table.n_shared} of {self.table.n_items} items were judged by both critics.")
        if self.table.n_relabeled:
            notes.append(
                f"The runs label {self.table.n_relabeled} items differently: each is held against its own, and the "
                "first run's are shown."
            )
        if self.name.endswith("_official"):
            notes.append("Verdicts are shown as they were read; the figures count them as the benchmark's code does.")
        if len(self.runs) > 1 and all(run.settings for run in self.runs):
            differing = self.runs[0].signature.differences(self.runs[1].signature)
            notes += [f"The runs differ in {', '.join(differing)}."] if differing else []
        return notes

    @property
    def image_remark(self) -> str:
        """What to know of an item's images where a critic saw others."""
        policies = {run.settings.get("images", "as_is") for run in self.runs} - {"as_is"}
        if not policies:
            return ""
        whose = "The critic was" if len(self.runs) == 1 else "A critic was"
        return f"{whose} not shown this, but what image_policy={' or '.join(sorted(policies))} made of it."

    def to_record(self) -> dict[str, Any]:
        """What the page knows of a task before it loads the judgments."""
        return {
            "name": self.name,
            "items": self.table.n_items,
            "judgments": self.table.n_judgments,
            "critics": list(self.critics),
            "notes": self.notes,
            "imageRemark": self.image_remark,
            "runs": [
                {"settings": run.settings, "file": run.file.name, "figures": _key_figures(run)} for run in self.runs
            ],
        }

    @property
    def own_file(self) -> OwnSource | None:
        """The user's file that its items were read from, as the first run that says so records it."""
        return next((run.own_file for run in self.runs if run.own_file is not None), None)


@dataclass(frozen=True)
class View:
    """The tasks, and what their critics are called."""

    critics: tuple[str, ...]
    tasks: tuple[TaskView, ...]
    notes: tuple[str, ...] = ()

    def to_record(self) -> dict[str, Any]:
        """What the page loads first."""
        return {
            "version": __version__,
            "critics": list(self.critics),
            "tasks": [task.to_record() for task in self.tasks],
            "notes": list(self.notes),
        }


def open_view(paths: Sequence[str | Path], task: str | None = None) -> View:
    """Read the samples of one or two runs.

    Args:
        paths: of each run, a folder, a results file, a samples file or a pattern (see `runs.naming`).
        task: one task only.

    Raises:
        ArgumentError: more than two runs, runs without a task in common, or a task that they don't have.
        DataError: no samples were logged, or they can't be read.
    """
    if not 1 <= len(paths) <= 2:
        raise ArgumentError(f"The viewer shows one run or holds two against each other, not {len(paths)}.")
    taken = [resolve_runs([path], task) for path in paths]
    shared = [name for name in taken[0].runs if all(name in side.runs for side in taken)]
    if not shared:
        names = " and ".join(", ".join(side.runs) for side in taken)
        raise ArgumentError(f"The two runs have no task in common: {names}.")
    chosen = {name: tuple(side.runs[name][0] for side in taken) for name in shared}
    attempts = [_task_view(name, runs) for name, runs in chosen.items()]
    views = [view for view in attempts if isinstance(view, TaskView)]
    errors = [str(error) for error in attempts if isinstance(error, DataError)]
    if not views:
        raise DataError(" ".join(errors))
    notes = [*(note for side in taken for note in (*side.choices, *side.notes)), *errors]
    return View(views[0].critics, tuple(views), tuple(first_of(notes)))


def _task_view(name: str, runs: tuple[TaskRun, ...]) -> TaskView | DataError:
    """A task, or why it can't be shown, which is no reason to show none of the others."""
    codes = Codes()
    try:
        return TaskView(name, runs, make_table(codes, [read_samples(run.logged(), codes) for run in runs]))
    except DataError as error:
        return error


def _names(runs: tuple[TaskRun, ...]) -> tuple[str, ...]:
    """What critics are called; two of one name by what their signatures differ in."""
    names = [run.critic for run in runs]
    if len(set(names)) == len(names):
        return tuple(names)
    differing = runs[0].signature.differences(runs[1].signature)[:2]
    if not differing:
        return tuple(f"{name} ({which} run)" for name, which in zip(names, ("first", "second"), strict=True))
    settings = [", ".join(f"{key} {run.settings.get(key, 'unknown')}" for key in differing) for run in runs]
    return tuple(f"{name} ({setting})" for name, setting in zip(names, settings, strict=True))


def _key_figures(run: TaskRun) -> list[dict[str, Any]]:
    """The figures over all items: means over groups where there are any, and what else is pooled."""
    means = {figure.name for figure in run.figures if figure.group == MEAN}
    shown = [figure for figure in run.figures if figure.group == (MEAN if figure.name in means else POOLED)]
    return [
        {
            "name": f"mean {figure.name}" if figure.group == MEAN else figure.name,
            "value": finite(figure.value),
            "low": finite(figure.low),
            "high": finite(figure.high),
            "n": figure.n,
            "invalid": figure.invalid,
        }
        for figure in shown
    ]

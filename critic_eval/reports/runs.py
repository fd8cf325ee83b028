"""The runs of our tasks, read from the result files that lmms-eval wrote."""

from __future__ import annotations

import glob
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from critic_eval.benchmarks.recorded_forms import find_recorded
from critic_eval.benchmarks.rescoring import read_judgments
from critic_eval.benchmarks.yaml_functions import figure_of_metric
from critic_eval.errors import ArgumentError, CriticEvalError, DataError
from critic_eval.judging import Judgment
from critic_eval.metrics import MEAN, POOLED, InvalidPolicy
from critic_eval.metrics.signature import Signature


@dataclass(frozen=True)
class RunFigure:
    """A figure of a run; as of `metrics.Figure`, with None for what the file does not tell."""

    name: str
    group: str
    value: float | None
    low: float | None = None
    high: float | None = None
    stderr: float | None = None
    n: int | None = None
    invalid: int | None = None


@dataclass(frozen=True)
class TaskRun:
    """One task of one run.

    Attributes:
        task: its name.
        critic: what the critic is called in tables.
        settings: of its signature; empty where the file is older than signatures.
        figures: all of them, groups included.
        left_out: which items could not be judged at all, by reason.
        is_partial: whether the run was limited to a part of the items.
        file: the results.
        samples: the samples of this task, if they were logged.
        seconds: seconds a judgment, where they are known.
        date: when the run was started, as lmms-eval writes it.
    """

    task: str
    critic: str
    settings: dict[str, str]
    figures: tuple[RunFigure, ...]
    left_out: str
    is_partial: bool
    file: Path
    samples: Path | None
    seconds: float | None
    date: str

    @property
    def signature(self) -> Signature:
        """How its figures came about."""
        return Signature(self.settings)

    @property
    def is_reportable(self) -> bool:
        """Whether there is a figure over all items, or a mean over groups."""
        return any(one.group in (MEAN, POOLED) for one in self.figures)

    @property
    def invalid_policy(self) -> InvalidPolicy:
        """What becomes of invalid verdicts in its figures."""
        return "wrong" if self.settings.get("invalid") == "wrong" else "exclude"

    def figure(self, name: str, group: str) -> RunFigure | None:
        """The figure of this name over a group of items, if there is one."""
        return next((found for found in self.figures if (found.name, found.group) == (name, group)), None)

    def logged(self) -> Path:
        """The file of its samples. Raises DataError where none were logged."""
        if self.samples is None:
            raise DataError(f"{self.file.name} has no samples of {self.task} beside it; run with --log_samples.")
        return self.samples

    def judgments(self, as_counted: bool = True) -> list[Judgment]:
        """Its judgments, from the samples; of an `_official` task as the benchmark's own code counts them.

        With `as_counted=False` they are as they were read, as `invalid_rate` takes them.

        Raises:
            DataError: no samples were logged, or they can't be read.
        """
        is_official = as_counted and self.task.endswith("_official")
        return read_judgments(find_recorded(self.task), [self.logged()], official=is_official)[0]

    def counted_and_read(self) -> tuple[list[Judgment], list[Judgment]]:
        """Its judgments as they count, and as they were read: the same list unless the task is `_official`."""
        read = self.judgments(as_counted=False)
        return (self.judgments() if self.task.endswith("_official") else read), read


def column_name(column: tuple[str, str]) -> str:
    """What a figure over a group of items is called: its name, and that it is a mean over groups."""
    return column[0] if column[1] == POOLED else f"{column[1]} {column[0]}"


def pick(runs: Sequence[TaskRun], task: str, place: str) -> TaskRun:
    """The run of a task among several: a whole one if there is any, and of runs that were repeated the latest.

    Raises:
        ArgumentError: there is none, or they are of several critics or otherwise measured.
    """
    fitting = [run for run in runs if run.task == task]
    fitting = [run for run in fitting if not run.is_partial] or fitting
    critics = sorted({run.critic for run in fitting})
    if len(critics) != 1:
        found = f"holds runs of {', '.join(critics)}" if critics else "holds no run"
        raise ArgumentError(f"{place} {found} of {task}; name the results file of one.")
    differing = {name for run in fitting for name in fitting[0].signature.differences(run.signature)} - {"version"}
    if differing:
        raise ArgumentError(
            f"{place} holds {len(fitting)} runs of {task} that differ in {', '.join(sorted(differing))}; name the "
            "results file of one."
        )
    return max(fitting, key=lambda run: (run.date, run.file.name))


@dataclass
class Collected:
    """Runs that were found, and what is to be said of files that could not be used."""

    runs: list[TaskRun] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def collect(paths: Sequence[str | Path]) -> Collected:
    """Read runs of our tasks.

    Args:
        paths: results JSON files, what `critic-eval rescore --json` printed, folders that hold some at any depth, or
            patterns with `*`.

    Raises:
        ArgumentError: a path names nothing.
        DataError: no file holds a run of one of our tasks.
    """
    collected = Collected()
    for file in _files(paths):
        try:
            results = _read(file)
        except DataError as error:
            collected.notes.append(str(error))
            continue
        foreign: list[str] = []
        try:
            if "benchmark" in results:
                found = [_rescored(results, file)]
            else:
                found = [_task_run(task, results, file) for task in results["results"] if _is_judged(task, results)]
                foreign = [task for task in results["results"] if not _is_judged(task, results)]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            collected.notes.append(f"{file} is not in a form that lmms-eval or rescore writes ({error!r}).")
            continue
        empty = [run.task for run in found if not run.is_reportable]
        if empty:
            collected.notes.append(f"{file} holds no figures over all items of {', '.join(empty)}.")
        found = [run for run in found if run.is_reportable]
        if foreign and not found:
            collected.notes.append(f"{file} holds no task of critic-eval ({', '.join(foreign[:3])}); passed over.")
        collected.runs += found
    if not collected.runs:
        raise DataError(" ".join(["No run of one of our tasks was found.", *collected.notes]))
    return collected


def _files(paths: Sequence[str | Path]) -> list[Path]:
    files: list[Path] = []
    for path in map(str, paths):
        named = [Path(name) for name in sorted(glob.glob(path, recursive=True))] if "*" in path else [Path(path)]
        found = [file for one in named for file in (_inside(one) if one.is_dir() else [one])]
        found = [file for file in found if file.is_file() and file.name.endswith(".json")]
        if not found:
            raise ArgumentError(f"{path} names no results: give a *_results.json, or a folder that holds some.")
        files += found
    return list(dict.fromkeys(files))


def _inside(folder: Path) -> list[Path]:
    own = folder.glob("*.json") if folder.name == "rescored" else ()
    return sorted({*folder.rglob("*_results.json"), *folder.rglob("rescored/*.json"), *own})


def _read(file: Path) -> dict[str, Any]:
    try:
        results: Any = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{file} can't be read as JSON ({error}); it may have been cut off.") from error
    is_rescored = isinstance(results, dict) and "benchmark" in results and isinstance(results.get("figures"), list)
    if not is_rescored and not (isinstance(results, dict) and isinstance(results.get("results"), dict)):
        raise DataError(f'{file} is no results file of lmms-eval: it has no "results".')
    found: dict[str, Any] = results
    return found


def _is_judged(task: str, results: dict[str, Any]) -> bool:
    if task in (results.get("critic_eval") or {}):
        return True
    if task in results.get("group_subtasks", {}) and results["group_subtasks"][task]:
        return False
    try:
        find_recorded(task)
    except CriticEvalError:
        return False
    return task.startswith("critic_")


def _task_run(task: str, results: dict[str, Any], file: Path) -> TaskRun:
    ours = (results.get("critic_eval") or {}).get(task)
    settings = dict(ours.get("settings", {})) if ours else {}
    config = results.get("config") or {}
    counts = (results.get("n-samples") or {}).get(task) or {}
    is_partial = (
        bool(config.get("limit"))
        or bool(config.get("offset"))
        or (counts.get("effective", 0) < counts.get("original", 0))
    )
    samples = file.with_name(file.name.replace("_results.json", f"_samples_{task}.jsonl"))
    throughput = (results.get("throughput") or {}).get("avg_latency")
    seconds = (ours or {}).get("seconds_per_judgment", throughput)
    return TaskRun(
        task=task,
        critic=_critic(settings, results),
        settings=settings,
        figures=tuple(_figures(ours["figures"])) if ours else tuple(_old_figures(results["results"][task])),
        left_out=str(ours.get("left_out", "")) if ours else "",
        is_partial=is_partial,
        file=file,
        samples=samples if samples.is_file() else None,
        seconds=float(seconds) if seconds else None,
        date=str(results.get("date", "")),
    )


def _rescored(record: dict[str, Any], file: Path) -> TaskRun:
    """What `critic-eval rescore --json` printed; its critic is what the file is called."""
    signature = str(record.get("signature", ""))
    settings = dict(part.split(":", 1) for part in signature.split("|") if ":" in part)
    task = f"critic_{str(record['benchmark']).removeprefix('critic_')}"
    return TaskRun(task, file.stem, settings, tuple(_figures(record["figures"])), "", False, file, None, None, "")


def _critic(settings: dict[str, str], results: dict[str, Any]) -> str:
    if settings.get("checkpoint"):
        name = settings["checkpoint"]
        variants = [settings[key] for key in ("answers", "quantized") if settings.get(key) not in (None, "no")]
        images = settings.get("images", "as_is")
        variants += [] if images == "as_is" else [f"images {images}"]
        return name + (f" ({', '.join(variants)})" if variants else "")
    model = str((results.get("config") or {}).get("model") or results.get("model_name") or "unknown")
    arguments = str((results.get("config") or {}).get("model_args") or "")
    return f"{model} {arguments}".strip()


def _figures(records: Sequence[dict[str, Any]]) -> list[RunFigure]:
    return [_figure(record) for record in records]


def _figure(record: dict[str, Any]) -> RunFigure:
    low, high, stderr = (record.get(name) for name in ("low", "high", "stderr"))
    if stderr is None and low is not None and high is not None:
        stderr = (high - low) / 3.92  # what a normal distribution with this interval has
    counts = record.get("n"), record.get("invalid")
    return RunFigure(str(record["name"]), str(record["group"]), record.get("value"), low, high, stderr, *counts)


def _old_figures(columns: dict[str, Any]) -> list[RunFigure]:
    """Figures of a file without our section: what lmms-eval's own columns hold, a value and a standard error."""
    figures = []
    for column, value in columns.items():
        name = column.partition(",")[0]
        if name.endswith("_stderr") or not isinstance(value, int | float) or isinstance(value, bool):
            continue
        stderr = columns.get(column.replace(name, f"{name}_stderr", 1))
        known = float(stderr) if isinstance(stderr, int | float) else None
        figure, over_groups = figure_of_metric(name)
        group = MEAN if over_groups else POOLED
        low, high = (None, None) if known is None else (value - 1.96 * known, value + 1.96 * known)
        figures.append(RunFigure(figure or name, group, float(value), low, high, known))
    return figures

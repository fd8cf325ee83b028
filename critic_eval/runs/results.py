"""The runs of our tasks, read from the result files that lmms-eval wrote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from critic_eval.benchmarks.registry import find_benchmark
from critic_eval.errors import CriticEvalError, DataError
from critic_eval.judging import Judgment
from critic_eval.metrics import MEAN, POOLED, InvalidPolicy, figure_of_metric
from critic_eval.metrics.signature import Signature
from critic_eval.runs.own_source import OwnSource, read_own_source
from critic_eval.runs.rescore import read_judgments
from critic_eval.runs.result_files import find_results, first_of, is_file, read_results
from critic_eval.runs.result_values import (
    figure_numbers,
    name_text,
    notes_texts,
    number,
    part,
    seconds,
    settings_texts,
    tokens,
)
from critic_eval.visible import visible


@dataclass(frozen=True)
class RunFigure:
    """A figure of a run, with the fields of `metrics.Figure`; None stands for what the file does not tell."""

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
        task: name of the task.
        critic: what the critic is called in tables.
        settings: of its signature; empty where the file is older than signatures.
        figures: all of them, groups included.
        left_out: which items could not be judged at all, by reason.
        is_partial: whether the run was limited to a part of the items.
        file: the results file that it was read from.
        samples: the samples of this task, if they were logged.
        seconds: seconds a judgment, where they are known.
        date: when the run was started, as lmms-eval writes it.
        own_file: the user's file that its items were read from, where it was one.
        notes: what of its verdicts is to be known beside any figure of them.
        tokens: of a judgment's thought and of its answer, where they are known.
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
    own_file: OwnSource | None = None
    notes: tuple[str, ...] = ()
    tokens: tuple[float, float] | None = None

    @property
    def signature(self) -> Signature:
        """How its figures came about."""
        return Signature(self.settings)

    @property
    def is_reportable(self) -> bool:
        """Whether there is a figure over all items, or a mean over groups."""
        return any(
            figure.group == POOLED or (figure.group, figure.name == "invalid_rate") == (MEAN, False)
            for figure in self.figures
        )

    @property
    def invalid_policy(self) -> InvalidPolicy:
        """What becomes of invalid verdicts in its figures."""
        return "wrong" if self.settings.get("invalid") == "wrong" else "exclude"

    def figure(self, name: str, group: str) -> RunFigure | None:
        """The figure of this name over a group of items, if there is one."""
        return next((figure for figure in self.figures if (figure.name, figure.group) == (name, group)), None)

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
        return read_judgments(find_benchmark(self.task), [self.logged()], official=is_official)[0]

    def counted_and_read(self) -> tuple[list[Judgment], list[Judgment]]:
        """Its judgments as they count, and as they were read: the same list unless the task is `_official`."""
        read = self.judgments(as_counted=False)
        return (self.judgments() if self.task.endswith("_official") else read), read


def column_name(column: tuple[str, str]) -> str:
    """What a figure over a group of items is called: its name, and that it is a mean over groups."""
    return column[0] if column[1] == POOLED else f"{column[1]} {column[0]}"


@dataclass
class Collected:
    """Runs that were found, and what is to be said of files that could not be used, or not whole."""

    runs: list[TaskRun] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def collect(paths: Sequence[str | Path]) -> Collected:
    """Read runs of our tasks; what is odd in a file is left out and noted, and all else counts.

    Args:
        paths: results JSON files, what `critic-eval rescore --json` printed, folders that hold some at any depth, or
            patterns with `*`.

    Raises:
        ArgumentError: a path names nothing.
        DataError: no file holds a run of one of our tasks.
    """
    files, notes = find_results(paths)
    collected = Collected(notes=notes)
    for file in files:
        runs, odd = read_runs(file)
        collected.runs += runs
        collected.notes += odd
    collected.notes = [visible(note, LONGEST_NOTE) for note in collected.notes]
    if not collected.runs:
        raise DataError(" ".join(first_of(["No run of one of our tasks was found.", *collected.notes], 6)))
    return collected


_NOTES = 5
"""Notes on one file at most."""
LONGEST_NOTE = 400
"""Characters."""


def read_runs(file: Path) -> tuple[list[TaskRun], list[str]]:
    """The runs of our tasks in a results file that have something to show, and notes on what is odd about it."""
    try:
        runs, odd = _runs(read_results(file), file)
    except DataError as error:
        return [], [str(error)]
    return runs, first_of(odd, _NOTES)


def _runs(results: dict[str, Any], file: Path) -> tuple[list[TaskRun], list[str]]:
    """The runs in a file that have something to show, and what is odd about it."""
    is_rescored = "benchmark" in results
    tasks = [None] if is_rescored else list(results["results"])
    runs: list[TaskRun] = []
    odd: list[str] = []
    foreign: list[str] = []
    for task in tasks:
        run = _run(task, results, file, odd)
        runs += [run] if isinstance(run, TaskRun) else []
        foreign += [task] if run == "foreign" and task is not None else []
    empty = [run.task for run in runs if not run.is_reportable]
    if empty:
        odd.append(f"{file} holds no figures over all items of {', '.join(empty)}.")
    if foreign and not runs:
        odd.append(f"{file} holds no task of critic-eval ({', '.join(foreign[:3])}); passed over.")
    return [run for run in runs if run.is_reportable], odd


def _run(task: str | None, results: dict[str, Any], file: Path, odd: list[str]) -> TaskRun | Literal["foreign"] | None:
    """One run (the whole of a rescored file, without a task), that a task is not ours, or None where it is odd."""
    try:
        if task is None:
            return _rescored(results, file, odd)
        return _task_run(task, results, file, odd) if _is_judged(task, results) else "foreign"
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        where = file if task is None else f"{task} of {file}"
        odd.append(f"{where} is not in a form that lmms-eval or rescore writes ({type(error).__name__}: {error}).")
        return None


def _is_judged(task: str, results: dict[str, Any]) -> bool:
    if task in part(results, "critic_eval"):
        return True
    if not task.startswith("critic_") or part(results, "group_subtasks").get(task):
        return False
    try:
        find_benchmark(task)
    except CriticEvalError:
        return False
    return True


def _task_run(task: str, results: dict[str, Any], file: Path, odd: list[str]) -> TaskRun:
    ours, config = part(part(results, "critic_eval"), task), part(results, "config")
    settings = settings_texts(ours.get("settings") or {})
    counts = part(part(results, "n-samples"), task)
    is_partial = bool(config.get("limit")) or bool(config.get("offset"))
    is_partial = is_partial or (number(counts.get("effective")) or 0) < (number(counts.get("original")) or 0)
    samples = file.with_name(file.name.replace("_results.json", f"_samples_{task}.jsonl"))
    figures = ours.get("figures")
    source = f"{task} of {file}"
    return TaskRun(
        task=name_text(task),
        critic=_critic(settings, results),
        settings=settings,
        figures=tuple(_figures(figures, source, odd) if ours else _old_figures(results["results"][task], source, odd)),
        left_out=visible(ours.get("left_out") or "", 1000),
        is_partial=is_partial,
        file=file,
        samples=samples if is_file(samples) else None,
        seconds=seconds(ours.get("seconds_per_judgment", part(results, "throughput").get("avg_latency"))),
        date=visible(results.get("date") or "", 40),
        own_file=read_own_source(ours, file),
        notes=notes_texts(ours.get("notes")),
        tokens=tokens(ours.get("thought_tokens_per_judgment"), ours.get("answer_tokens_per_judgment")),
    )


def _rescored(record: dict[str, Any], file: Path, odd: list[str]) -> TaskRun:
    """What `critic-eval rescore --json` printed; its critic is what the file is called."""
    signature = record.get("signature") or ""
    if not isinstance(signature, str):
        raise ValueError("the signature is not text")
    settings = settings_texts(dict(part.split(":", 1) for part in signature.split("|") if ":" in part))
    task = f"critic_{name_text(record['benchmark']).removeprefix('critic_')}"
    figures = tuple(_figures(record["figures"], str(file), odd))
    return TaskRun(task, name_text(file.stem), settings, figures, "", False, file, None, None, "")


def _critic(settings: dict[str, str], results: dict[str, Any]) -> str:
    if settings.get("checkpoint"):
        name = settings["checkpoint"]
        variants = [settings[key] for key in ("answers", "quantized") if settings.get(key) not in (None, "no")]
        variants += [f"{settings['samples'].split()[0]} draws"] if settings.get("samples") else []
        images = settings.get("images", "as_is")
        variants += [] if images == "as_is" else [f"images {images}"]
        return name_text(name + (f" ({', '.join(variants)})" if variants else ""))
    config = part(results, "config")
    model, arguments = config.get("model") or results.get("model_name") or "unknown", config.get("model_args") or ""
    return name_text(f"{model} {arguments}".strip())


def _figures(records: Any, source: str, odd: list[str]) -> list[RunFigure]:
    """Figures as we write them; of odd ones, which are said, what can be there."""
    if not isinstance(records, list):
        raise ValueError("the figures are not a list")
    return [figure for record in records if (figure := _figure(record, source, odd)) is not None]


def _figure(record: Any, source: str, odd: list[str]) -> RunFigure | None:
    try:
        name, group = name_text(record["name"]), name_text(record["group"])
    except (KeyError, TypeError, ValueError) as error:
        odd.append(f"{source}: a figure has no name or no group, and is left out ({error}).")
        return None
    numbers, wrong = figure_numbers(record)
    if wrong:
        odd.append(f"{source}: {' and '.join(wrong)} of {name} ({group}) can't be what stands there; not shown.")
    if numbers["stderr"] is None and numbers["low"] is not None:
        numbers["stderr"] = (
            numbers["high"] - numbers["low"]
        ) / 3.92  # what a normal distribution with this interval has
    return RunFigure(name, group, **numbers)


def _old_figures(columns: dict[str, Any], source: str, odd: list[str]) -> list[RunFigure]:
    """Figures of a file without our section: what lmms-eval's own columns hold, a value and a standard error."""
    figures = []
    for column, value in columns.items():
        name = column.partition(",")[0]
        if name.endswith("_stderr") or not isinstance(value, int | float) or isinstance(value, bool):
            continue
        stderr = columns.get(column.replace(name, f"{name}_stderr", 1))
        known = stderr if isinstance(stderr, int | float) else None
        figure, over_groups = figure_of_metric(name)
        group = MEAN if over_groups else POOLED
        read = _figure({"name": figure or name, "group": group, "value": value, "stderr": known}, source, odd)
        if read is not None and read.value is not None and read.stderr is not None:
            read = replace(read, low=read.value - 1.96 * read.stderr, high=read.value + 1.96 * read.stderr)
        figures += [] if read is None else [read]
    return figures

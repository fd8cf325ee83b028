"""How commands name a run: by a folder, a results file, a samples file, or a pattern.

Of a folder or a pattern that fits several runs the newest is taken, and said. Runs become one only where that was asked
for (`pool`), as for shards of one run. A file that is named like no run's is a table of recorded judgments, which the
commands that read such tables take as it is.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from critic_eval.benchmarks.registry import find_benchmark
from critic_eval.errors import ArgumentError, CriticEvalError, DataError
from critic_eval.metrics import POOLED
from critic_eval.runs.result_files import first_of, is_file, named_paths, results_within
from critic_eval.runs.results import LONGEST_NOTE, RunFigure, TaskRun, read_runs
from critic_eval.visible import visible


@dataclass
class Named:
    """What paths name.

    Attributes:
        runs: runs of our tasks, one for each task of each results file, or for samples without one.
        tables: files that don't belong to a run.
        notes: what was passed over, and why.
    """

    runs: list[TaskRun] = field(default_factory=list)
    tables: list[Path] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Taken:
    """What of the runs that were named is used.

    Attributes:
        runs: by task, the runs that are taken: one, unless several were to be pooled.
        tables: files that don't belong to a run.
        choices: a line on each choice among several runs.
        notes: what was passed over, and why.
        place: what was named, for messages.
    """

    runs: dict[str, list[TaskRun]]
    tables: list[Path]
    choices: list[str]
    notes: list[str]
    place: str

    def task(self, named: str | None, kinds: Collection[str] = ()) -> str:
        """The task that is meant by a name, as the runs have it, or else the only one (see `only_task`)."""
        return self.only_task(kinds) if named is None else next(iter(self.runs), named)

    def only_task(self, kinds: Collection[str] = ()) -> str:
        """The task that is meant where none was named: the only one whose verdicts are of one of the kinds.

        A task's `_injected` variant is not meant where the task itself is there.

        Raises:
            ArgumentError: there is none, or there are several.
        """
        fitting = [task for task in self.runs if not kinds or _kind(task) in kinds]
        fitting = [task for task in fitting if task.removesuffix("_injected") not in set(fitting) - {task}]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            raise ArgumentError(f"{self.place} holds {', '.join(fitting)}; name one with --task.")
        if not self.runs:
            raise ArgumentError(f"{self.place} does not say of which task it is; name it with --task.")
        raise ArgumentError(
            f"{self.place} holds {', '.join(self.runs)}, but no task whose verdict is a {' or a '.join(kinds)}."
        )

    def samples(self, task: str) -> list[Path]:
        """The files with the judgments of a task: of its runs, and the tables. Raises DataError without samples."""
        return [*(run.logged() for run in self.runs.get(task, ())), *self.tables]


def resolve_runs(
    paths: Sequence[str | Path], task: str | None = None, pool: bool = False, tables: bool = False
) -> Taken:
    """The newest of the runs that paths name, of one task or of all tasks of one critic.

    Args:
        paths: folders, `*_results.json`, `*_samples_*.jsonl`, or patterns of these.
        task: of which task; `critic_` may be left out, and a variant stands for the task where only it was run.
            Without it each task of the newest run's critic is taken from the newest run that has it.
        pool: take all runs of a task instead of the newest.
        tables: take files that don't belong to a run, too.

    Raises:
        ArgumentError: a path names nothing, there is no run of the task, or runs that differ would be pooled.
        DataError: no file holds a run of one of our tasks.
    """
    paths_text = " and ".join(map(str, paths[:3])) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")
    named = find_runs(paths, tables)
    fitting = named.runs
    if task is not None:
        fitting = _of_task(named.runs, task, paths_text)
    elif not pool:
        fitting = _of_newest_critic(named.runs)
    by_task: dict[str, list[TaskRun]] = {}
    for run in fitting:
        by_task.setdefault(run.task, []).append(run)
    choices: list[str] = []
    chosen = {}
    for name, runs in by_task.items():
        rivals = [run for run in named.runs if run.task == name]
        chosen[name], lines = _pooled(runs) if pool else _newest(runs, rivals)
        choices += lines
    return Taken(chosen, named.tables, list(dict.fromkeys(choices)), named.notes, paths_text)


def find_runs(paths: Sequence[str | Path], tables: bool = False) -> Named:
    """All that paths name; what is odd is noted, unless nothing is left.

    Raises:
        ArgumentError: no path names a run, or a file where `tables` are taken.
        DataError: no file holds a run of one of our tasks.
    """
    named = Named()
    nothing: list[str] = []
    for path in map(str, paths):
        try:
            entries = named_paths(path)
        except (OSError, ValueError) as error:
            nothing.append(f"{path} can't be looked at ({getattr(error, 'strerror', None) or error}).")
            continue
        before = len(named.runs) + len(named.tables) + len(named.notes)
        for entry in entries:
            _add(entry, named, tables)
        if len(named.runs) + len(named.tables) + len(named.notes) == before:
            nothing.append(_why_nothing(path, entries))
    named.runs = list({(_resolved(run.file), run.task): run for run in named.runs}.values())
    named.tables = list(dict.fromkeys(named.tables))
    named.notes = [visible(note, LONGEST_NOTE) for note in dict.fromkeys([*nothing, *named.notes])]
    if not named.runs and not named.tables:
        if not set(named.notes) - {visible(note, LONGEST_NOTE) for note in nothing}:
            raise ArgumentError(" ".join(first_of(named.notes, 6)))
        raise DataError(" ".join(first_of(["No run of one of our tasks was found.", *named.notes], 6)))
    return named


_SAMPLES = re.compile(r"(?P<run>.*)_samples_(?P<task>.+)\.jsonl", re.DOTALL)
_DATE = re.compile(r"(\d{4})(\d\d)(\d\d)_(\d\d)(\d\d)(\d\d)")


def _add(entry: Path, named: Named, tables: bool) -> None:
    """Add what a file or a folder holds."""
    if entry.is_dir():
        for file in results_within(entry):
            _add_results(file, named)
        for file in sorted(entry.rglob("*_samples_*.jsonl")):
            if not is_file(_results_beside(file)):
                _add_samples(file, named, is_named=False)
    elif _SAMPLES.fullmatch(entry.name):
        _add_samples(entry, named, is_named=True)
    elif entry.name.endswith("_results.json") or (entry.suffix == ".json" and not tables):
        _add_results(entry, named)
    elif tables:
        named.tables.append(entry)
    else:
        named.notes.append(f"{entry} is neither a results file (*_results.json) nor samples (*_samples_*.jsonl).")


def _add_results(file: Path, named: Named) -> None:
    if not is_file(file):
        named.notes.append(f"{file} is not a regular file.")
        return
    runs, odd = read_runs(file)
    named.runs += runs
    named.notes += odd


def _add_samples(file: Path, named: Named, is_named: bool) -> None:
    """Add the run that samples are of: as its results file has it, else with the samples alone."""
    match = _SAMPLES.fullmatch(file.name)
    results = _results_beside(file)
    if match is None or not is_file(file):
        named.notes.append(f"{file} is {'not a regular file' if file.exists() or file.is_symlink() else 'not there'}.")
        return
    known = [run for run in read_runs(results)[0] if run.samples == file] if is_file(results) else []
    if known:
        named.runs += known
        return
    try:
        figures = find_benchmark(match["task"]).all_figures
    except CriticEvalError as error:
        named.notes += [f"{file}: {error}"] if is_named else []
        return
    date = match["run"] if _DATE.fullmatch(match["run"]) else ""
    critic = visible(file.resolve().parent.name or file.name, 100)
    unknown_figures = tuple(RunFigure(name, POOLED, None) for name in figures)
    named.runs.append(TaskRun(visible(match["task"]), critic, {}, unknown_figures, "", False, file, file, None, date))


def _results_beside(samples: Path) -> Path:
    return samples.with_name(f"{samples.name.partition('_samples_')[0]}_results.json")


def _resolved(file: Path) -> Path:
    try:
        return file.resolve()
    except (OSError, RuntimeError):
        return file


def _why_nothing(path: str, entries: Sequence[Path]) -> str:
    forms = "a folder (its newest run is taken), a *_results.json, a *_samples_*.jsonl or a pattern of these"
    what = "holds no run" if any(entry.is_dir() for entry in entries) else "names no results"
    return f"{path} {what}: give {forms}."


def _of_task(runs: Sequence[TaskRun], task: str, paths_text: str) -> list[TaskRun]:
    """The runs of a task, or, where there are none, of the one variant of it that was run."""
    wanted = task if task.startswith("critic_") else f"critic_{task}"
    fitting = [run for run in runs if run.task in (task, wanted)]
    if fitting or not runs:
        return fitting
    form = find_benchmark(task).base
    fitting = [run for run in runs if _form(run.task) == form]
    names = list(dict.fromkeys(run.task for run in fitting or runs))
    if not fitting:
        raise ArgumentError(f"There is no task {task} in {paths_text}, but {', '.join(names)}.")
    if len(names) > 1:
        raise ArgumentError(f"{paths_text} holds {', '.join(names)}; name one with --task.")
    return fitting


def _form(task: str) -> str | None:
    """The benchmark that a task is or is a variant of, None for one that is not ours."""
    try:
        return find_benchmark(task).base
    except CriticEvalError:
        return None


def _kind(task: str) -> str | None:
    return find_benchmark(task).kind if _form(task) is not None else None


def _of_newest_critic(runs: Sequence[TaskRun]) -> list[TaskRun]:
    if not runs:
        return []
    critic = max(_with_samples(runs), key=_age).critic
    return [run for run in runs if run.critic == critic]


def _with_samples(runs: Sequence[TaskRun]) -> list[TaskRun]:
    """The runs whose samples were logged; all of them where none has any."""
    return [run for run in runs if run.samples is not None] or list(runs)


def _age(run: TaskRun) -> tuple[str, str, str]:
    return run.date, run.file.name, str(run.file)


def _newest(runs: Sequence[TaskRun], rivals: Sequence[TaskRun]) -> tuple[list[TaskRun], list[str]]:
    """The newest of a task's runs, and a line on it where there was a choice among `rivals`, which are all of them."""
    usable = _with_samples(rivals)
    newest = max(_with_samples(runs), key=_age)
    lines = []
    if len(rivals) > len(usable):
        lines.append(f"passed over {len(rivals) - len(usable)} of {len(rivals)} runs, which have no samples")
    if len(usable) > 1:
        of_critic = f" ({newest.critic})" if newest.settings else ""
        is_newest = newest == max(usable, key=_age)
        rank = f"the newest of {len(usable)}" if is_newest else f"the newest of this critic's among {len(usable)}"
        differing = _differing(run for run in usable if run.critic == newest.critic)
        remark = f"; they differ in {', '.join(differing)}" if differing else ""
        lines.append(f"taking {newest.file}{of_critic} of {_date_text(newest.date)}, {rank}{remark}")
    return [newest], lines


def _pooled(runs: Sequence[TaskRun]) -> tuple[list[TaskRun], list[str]]:
    """All of a task's runs, the oldest first, and a line on them.

    Raises:
        ArgumentError: they are of several critics, or otherwise measured.
    """
    usable = sorted(_with_samples(runs), key=_age)
    _refuse_mixture(usable)
    line = f"pooling {len(usable)} runs of {usable[0].task}: {', '.join(str(run.file) for run in usable)}"
    return usable, [line] if len(usable) > 1 else []


def _refuse_mixture(runs: Sequence[TaskRun]) -> None:
    """Raise ArgumentError where runs that are to be one are of several critics, or otherwise measured."""
    known = [run for run in runs if run.settings]
    critics = sorted({run.critic for run in known})
    if len(critics) > 1:
        raise ArgumentError(f"Runs of {' and '.join(critics)} can't be pooled; name those of one.")
    differing = _differing(known)
    if differing:
        raise ArgumentError(f"These {len(known)} runs can't be pooled, since they differ in {', '.join(differing)}.")


def _differing(runs: Iterable[TaskRun]) -> list[str]:
    """In which settings runs differ, but for what repeats and shards of a run may differ in."""
    known = [run for run in runs if run.settings]
    differing = {name for run in known for name in known[0].signature.differences(run.signature)}
    return sorted(differing - {"version", "items", "orders"})


def _date_text(date: str) -> str:
    """A date as lmms-eval writes it, for reading.

    >>> _date_text("20260101_093005")
    '2026-01-01 09:30:05'
    """
    match = _DATE.fullmatch(date)
    return "{}-{}-{} {}:{}:{}".format(*match.groups()) if match else date or "an unknown date"

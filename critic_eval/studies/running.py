"""The cells of a study, run in this process: one model load, one plan, one journal."""

from __future__ import annotations

import json
import shutil
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from critic_eval.errors import ArgumentError, CriticEvalError, DataError
from critic_eval.lmms.evaluating import evaluate, one_index, quiet, request_counts
from critic_eval.metrics import POOLED
from critic_eval.reports.render import output_folder
from critic_eval.runs.results import TaskRun, collect
from critic_eval.studies.study import Cell, Study

REPORT_FILES = ("index.html", "report.md", "cells.csv", "effects.csv")


@dataclass(frozen=True)
class Outcome:
    """What came of a cell: its runs by task, or why there are none."""

    cell: Cell
    runs: Mapping[str, TaskRun]
    error: str | None = None


@contextmanager
def open_folder(study: Study, folder: Path, force: bool = False) -> Iterator[None]:
    """Make a study's folder, or go on with the one that it was begun in; inside, no other process does.

    Args:
        study: what is run; its cells tell whether the folder was begun by the same study.
        folder: where its runs go.
        force: forget what an earlier study made there, its answers included.

    Raises:
        ArgumentError: the folder holds something else, or another process runs a study there.
    """
    written, content = folder / "study.json", json.dumps([cell.identity for cell in study.cells()])
    try:
        before = written.read_text(encoding="utf-8") if written.exists() else None
    except (OSError, ValueError) as error:
        raise ArgumentError(f"{written} can't be read ({error}); give another folder.") from error
    if before is None:
        if (folder / "cells").exists():
            raise ArgumentError(f"{folder / 'cells'} is not from a study; give another folder.")
        output_folder(folder, force)
    elif before != content and not force:
        raise ArgumentError(f"{folder} holds another study; give another folder, or --force to begin anew there.")
    try:
        with FileLock(folder / "study.lock", timeout=0):
            if before is not None and force:
                shutil.rmtree(folder / "cells", ignore_errors=True)
                for name in ("journal.sqlite", *REPORT_FILES):
                    (folder / name).unlink(missing_ok=True)
            written.write_text(content, encoding="utf-8")
            yield
    except Timeout as error:
        raise ArgumentError(
            f"Another process runs a study in {folder}; wait for it, or give another folder."
        ) from error


def find_outcome(cell: Cell, folder: Path) -> Outcome | None:
    """What an earlier run of the study made of a cell, if it came to its end and nothing of it is gone."""
    cell_folder = folder / "cells" / cell.folder
    try:
        if json.loads((cell_folder / "done.json").read_text(encoding="utf-8")) != _done(cell):
            return None
        return _read(cell, cell_folder)
    except (OSError, ValueError, CriticEvalError):
        return None


def count_judgments(study: Study, cells: Sequence[Cell]) -> list[int]:
    """How many judgments each cell takes.

    Raises:
        ArgumentError: there is no such task.
        DataError: its data can't be read.
    """
    from critic_eval.lmms.choices import select_orders
    from critic_eval.lmms.command import explain

    counts: dict[str | None, int] = {}
    policies = [_option(cell.options, "order_policy") for cell in cells]
    try:
        for policy in dict.fromkeys(policies):
            select_orders(policy)
            counts[policy] = sum(min(n, study.limit or n) for n in request_counts(study.tasks, study.model))
    except CriticEvalError:
        raise
    except Exception as error:  # lmms-eval and `datasets` wrap what goes wrong in their own
        raise DataError(explain(error).removeprefix("error: ")) from error
    finally:
        select_orders(None)
    return [counts[policy] for policy in policies]


def run_cells(cells: Sequence[Cell], folder: Path, say: Callable[[str], None]) -> list[Outcome]:
    """Run cells by one plan, so that what their prompts share is computed once, and go on when one fails.

    Args:
        cells: in the order in which they run.
        folder: of the study.
        say: is told of each cell as it ends.
    """
    from critic_eval.critics.engines.opening import kept_engine
    from critic_eval.critics.journal import Journal
    from critic_eval.critics.one_plan import OnePlan

    outcomes: list[Outcome] = []

    def evaluation(cell: Cell) -> None:
        outcome = _run(cell, folder / "cells" / cell.folder)
        outcomes.append(outcome)
        say(f"[{len(outcomes)}/{len(cells)}] {cell.name}: {_summary(outcome)}")

    with closing(Journal(folder / "journal.sqlite")) as journal, quiet(), one_index():
        plan = OnePlan(journal)
        with kept_engine(plan.settle_others):
            plan.run([partial(evaluation, cell) for cell in cells])
    return outcomes


def _run(cell: Cell, cell_folder: Path) -> Outcome:
    from critic_eval.lmms.command import explain

    cell_folder.mkdir(parents=True, exist_ok=True)
    (cell_folder / "done.json").unlink(missing_ok=True)
    try:
        evaluate([*cell.options, "--output_path", str(cell_folder), "--log_samples"])
        outcome = _read(cell, cell_folder)
        (cell_folder / "done.json").write_text(json.dumps(_done(cell)), encoding="utf-8")
    except (Exception, SystemExit) as error:
        (cell_folder / "error.txt").write_text("".join(traceback.format_exception(error)), encoding="utf-8")
        return Outcome(cell, {}, explain(error).removeprefix("error: ").partition(" (add --verbosity")[0])
    return outcome


def _read(cell: Cell, cell_folder: Path) -> Outcome:
    latest: dict[str, TaskRun] = {}
    for run in sorted(collect([cell_folder]).runs, key=lambda run: (run.date, run.file.name)):
        latest[run.task] = run
    for run in latest.values():
        n, counted = len(run.judgments(as_counted=False)), run.figure("invalid_rate", POOLED)
        if counted is not None and counted.n not in (None, n):
            raise DataError(f"{run.logged()} holds {n} judgments of {counted.n}.")
    return Outcome(cell, latest)


def _done(cell: Cell) -> list[Any]:
    """What a finished cell's results are of: the cell, and the state of a checkpoint that lies on this machine."""
    named = _option(cell.options, "pretrained")
    files = sorted(Path(named).rglob("*")) if named is not None and Path(named).is_dir() else []
    return [cell.identity, *([file.name, file.stat().st_size, file.stat().st_mtime_ns] for file in files)]


def _option(options: Sequence[str], name: str) -> str | None:
    """An argument of the model among a cell's options."""
    given = options[options.index("--model_args") + 1] if "--model_args" in options else ""
    return dict(part.split("=", 1) for part in given.split(",") if "=" in part).get(name)


def _summary(outcome: Outcome) -> str:
    if outcome.error is not None:
        return f"failed: {outcome.error}"
    return "; ".join(
        f"{task} {figure.name} {figure.value:.3f}"
        for task, run in outcome.runs.items()
        if (figure := next((figure for figure in run.figures if figure.value is not None), None)) is not None
    )

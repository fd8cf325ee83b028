"""What the command `lmms_eval` prints of a run of ours, in place of lmms-eval's own table.

All of it is made from the results, most from their section `critic_eval` (see `runs.report`). Tables are at most 80
characters wide unless a name or number is uncommonly long, and no line is longer than 100.
"""

import shlex
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from critic_eval.metrics import HIGHER_IS_BETTER, MEAN, POOLED
from critic_eval.runs.juries import jury_lines
from critic_eval.visible import visible
from critic_eval.wording import number_text, tokens_text

Section = Mapping[str, Mapping[str, Any]]
"""For each task its figures and verdicts."""

NARROW, WIDTH = 80, 100


def figures_text(ours: Section, remarks: Mapping[str, str] | None = None) -> str:
    """Each task's figures over all items and their means over groups, and what was invalid and why.

    Args:
        ours: the section `critic_eval` of results.
        remarks: what else to say of a task, below its name.
    """
    return "\n\n".join(_task_text(task, our, (remarks or {}).get(task, "")) for task, our in ours.items())


def remarks(results: Mapping[str, Any]) -> dict[str, str]:
    """Of each task in which group it was run, and whether it was a part of its items."""
    groups = {
        task: group for group, tasks in (results.get("group_subtasks") or {}).items() for task in tasks if task != group
    }
    parts = {}
    for task, counts in (results.get("n-samples") or {}).items():
        notes = [f"of the group {groups[task]}"] if task in groups else []
        done, all_of_them = counts.get("effective"), counts.get("original")
        if isinstance(done, int) and isinstance(all_of_them, int) and done < all_of_them:
            notes.append(f"a part of the items, {done:,} of {all_of_them:,} requests (--limit)")
        parts[task] = "; ".join(notes)
    return parts


def warnings_text(ours: Section) -> str:
    """What of a run stands out, empty for nothing: tasks of whose verdicts more than half are invalid, and notes."""
    lines = [_warning(task, verdicts) for task, verdicts in _verdicts(ours) if 2 * verdicts["invalid"] > verdicts["n"]]
    notes = [f"WARNING: {visible(task, 40)}: {note}." for task, our in ours.items() for note in our.get("notes", ())]
    lines += [line for note in notes for line in textwrap.wrap(note, NARROW)]
    return "\n".join(["!" * NARROW, *lines, "!" * NARROW]) if lines else ""


def without_verdict(ours: Section) -> list[str]:
    """The tasks that got no valid verdict at all."""
    return [task for task, verdicts in _verdicts(ours) if verdicts["invalid"] == verdicts["n"] > 0]


def written_text(files: Sequence[Path]) -> str:
    """The files that a run wrote, and the command to look at it; empty where it wrote none.

    >>> print(written_text([Path("runs/1_results.json"), Path("runs/1_samples_critic_pairs.jsonl")]))
    wrote runs/1_results.json
    wrote runs/1_samples_critic_pairs.jsonl
    look at it: critic-eval view runs/1_results.json
    """
    lines = [f"wrote {file}" for file in files]
    results = [file for file in files if file.name.endswith("_results.json")]
    folders = {file.parent for file in files if file.suffix == ".jsonl"}
    looked = [shlex.quote(str(file)) for file in results if file.parent in folders]
    lines += [f"look at it: critic-eval view {file}" for file in looked]
    return "\n".join(map(visible, lines))


def _verdicts(ours: Section) -> list[tuple[str, Mapping[str, Any]]]:
    return [(task, our["verdicts"]) for task, our in ours.items()]


def _warning(task: str, verdicts: Mapping[str, Any]) -> str:
    n, invalid = verdicts["n"], verdicts["invalid"]
    if invalid == n:
        return f"WARNING: all {n} verdicts of {visible(task, 40)} are invalid; nothing was measured."
    return f"WARNING: {invalid} of {n} verdicts of {visible(task, 40)} are invalid ({invalid / n:.0%})."


_LACKING = (
    "no labels",
    "no item was judged in two orders",
    "no item was judged twice in one order",
    "no judgment names the models of both responses",
)
"""Why a figure has no value: the run lacks what it is about, so it is not shown. Other reasons are told."""


def _task_text(task: str, record: Mapping[str, Any], remark: str) -> str:
    over_all = [figure for figure in record["figures"] if figure["group"] in (MEAN, POOLED)]
    figures = [figure for figure in over_all if figure["value"] is not None or figure.get("reason") not in _LACKING]
    lines = [visible(task, WIDTH), *([f"  {visible(remark, WIDTH - 2)}"] if remark else []), *_table(figures)]
    methods = dict.fromkeys(figure["interval"] for figure in figures if figure["interval"] not in ("bootstrap", "none"))
    if methods:
        lines.append(f"  * few items, or all alike: {', '.join(methods)} in place of the bootstrap")
    unknown = [figure for figure in figures if figure["value"] is None and figure.get("reason")]
    lines += [visible(f"  {_name(figure)} is not known: {figure['reason']}", WIDTH) for figure in unknown]
    if any(figure.get("reason") == "no labels" for figure in over_all if figure not in figures):
        lines.append("  The items have no labels, so there is nothing to hold the verdicts against.")
    if record.get("left_out"):
        lines.append(visible(f"  left out: {record['left_out']}", WIDTH))
    if isinstance(record.get("seconds_per_judgment"), float):
        lines.append(f"  {record['seconds_per_judgment']:.3g} s a judgment{_tokens_text(record)}")
    jury = [visible(f"  {line}", WIDTH) for line in jury_lines(record["jury"])] if "jury" in record else []
    return "\n".join([*lines, *_invalid_lines(record["verdicts"]), *jury])


def _tokens_text(record: Mapping[str, Any]) -> str:
    """How many tokens a judgment's thought and answer took, where the critic thinks; else nothing."""
    thought, answer = record.get("thought_tokens_per_judgment"), record.get("answer_tokens_per_judgment")
    return f", with {tokens_text(thought, answer or 0.0)}" if thought else ""


def _table(figures: Sequence[Mapping[str, Any]]) -> list[str]:
    """Lines of a table; its gaps are narrower where it would be wider than `NARROW`."""
    rows = [_HEADER, *map(_row, figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADER))]
    gap = "  " if sum(widths) + 2 * len(widths) <= NARROW else " "
    lines = []
    for row in rows:
        numbers = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append(f"  {gap.join([row[0].ljust(widths[0]), *numbers])}"[:WIDTH].rstrip())
    return lines


_HEADER = ("figure", "", "value", "95 % interval", "stderr", "items", "judged", "invalid")
_BETTER = {True: "↑", False: "↓", None: ""}


def _row(record: Mapping[str, Any]) -> tuple[str, ...]:
    known = record["low"] is not None and record["high"] is not None
    mark = "*" if record["interval"] not in ("bootstrap", "none") else " "
    spread = f"{_number(record['low'])} to {_number(record['high'])}{mark}" if known else "- "
    counts = (str(record[count]) for count in ("n_items", "n_judgments", "invalid"))
    better = _BETTER[HIGHER_IS_BETTER.get(record["name"])]
    return (
        visible(_name(record), 34),
        better,
        _number(record["value"]),
        spread,
        _number(record.get("stderr")),
        *counts,
    )


def _name(record: Mapping[str, Any]) -> str:
    return str(record["name"]) if record["group"] == POOLED else f"{MEAN} {record['name']}"


def _number(value: float | None) -> str:
    return number_text(value, ".3f" if abs(value or 0.0) < 1e6 else ".3g", unknown="-")


def _invalid_lines(verdicts: Mapping[str, Any]) -> Sequence[str]:
    if not verdicts["invalid"]:
        return []
    lines = [f"  {verdicts['invalid']} of {verdicts['n']} verdicts are invalid:"]
    for reason in verdicts["reasons"]:
        count, why = reason["count"], visible(reason["reason"], 44)
        example = visible(reason["example"], WIDTH)
        line = f"    {count} × {why}" + (f": {example}" if example else "")
        lines.append(visible(line, WIDTH))
    hidden = verdicts["invalid"] - sum(reason["count"] for reason in verdicts["reasons"])
    return [*lines, f"    {hidden} × other reasons"] if hidden else lines

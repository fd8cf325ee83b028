"""What the command `lmms_eval` prints of a run of ours after lmms-eval's own table.

All of it is made from the section `critic_eval` of the results (see `benchmarks.run_report`), in lines of at most 100
characters.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from critic_eval.metrics import MEAN, POOLED
from critic_eval.visible import visible
from critic_eval.wording import number_text

Section = Mapping[str, Mapping[str, Any]]
"""For each task its figures and verdicts."""

WIDTH = 100


def figures_text(ours: Section) -> str:
    """Each task's figures over all items and their means over groups, and what was invalid and why."""
    return "\n\n".join(_task_text(task, found) for task, found in ours.items())


def warnings_text(ours: Section) -> str:
    """What of a run stands out: tasks of whose verdicts more than half are invalid; empty where there is none."""
    lines = [_warning(task, verdicts) for task, verdicts in _verdicts(ours) if 2 * verdicts["invalid"] > verdicts["n"]]
    return "\n".join(["!" * WIDTH, *lines, "!" * WIDTH]) if lines else ""


def without_verdict(ours: Section) -> list[str]:
    """The tasks that got no valid verdict at all."""
    return [task for task, verdicts in _verdicts(ours) if verdicts["invalid"] == verdicts["n"] > 0]


def _verdicts(ours: Section) -> list[tuple[str, Mapping[str, Any]]]:
    return [(task, found["verdicts"]) for task, found in ours.items()]


def _warning(task: str, verdicts: Mapping[str, Any]) -> str:
    n, invalid = verdicts["n"], verdicts["invalid"]
    if invalid == n:
        return f"WARNING: all {n} verdicts of {visible(task, 40)} are invalid; nothing was measured."
    return f"WARNING: {invalid} of {n} verdicts of {visible(task, 40)} are invalid ({invalid / n:.0%})."


def _task_text(task: str, found: Mapping[str, Any]) -> str:
    shown = [one for one in found["figures"] if one["group"] in (MEAN, POOLED)]
    rows = [_HEADER, *(_row(one) for one in shown)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADER))]
    lines = [visible(task, WIDTH)]
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        lines.append(f"  {'  '.join(cells)}"[:WIDTH].rstrip())
    methods = dict.fromkeys(one["interval"] for one in shown if one["interval"] not in ("bootstrap", "none"))
    if methods:
        lines.append(f"  * few items, or all alike: {', '.join(methods)} in place of the bootstrap")
    return "\n".join([*lines, *_invalid_lines(found["verdicts"])])


_HEADER = ("figure", "value", "95 % interval", "items", "judgments", "invalid")


def _row(one: Mapping[str, Any]) -> tuple[str, ...]:
    name = one["name"] if one["group"] == POOLED else f"{MEAN} {one['name']}"
    known = one["low"] is not None and one["high"] is not None
    mark = "*" if one["interval"] not in ("bootstrap", "none") else " "
    spread = f"{_number(one['low'])} to {_number(one['high'])}{mark}" if known else "- "
    counts = (str(one[count]) for count in ("n_items", "n_judgments", "invalid"))
    return (visible(name, 34), _number(one["value"]), spread, *counts)


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

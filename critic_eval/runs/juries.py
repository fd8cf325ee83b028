"""A jury's report as a run's results hold it, and as lines for people."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from critic_eval.metrics import HIGHER_IS_BETTER, Comparison
from critic_eval.metrics.juries import JuryReport
from critic_eval.runs.figure_records import figure_record
from critic_eval.visible import visible
from critic_eval.wording import number_text, spread_text


def jury_record(report: JuryReport, held_out: int = 0) -> dict[str, Any]:
    """A report as a dict that JSON can hold; `held_out` is how many judgments the weights were fitted on.

    Of each member `gains` are the jury's figures less its own, and `worth` the jury's less those of the jury without
    it. `agreement` is of each two members, and of all where there are more.
    """
    return {
        "rule": report.rule.name,
        "weights": None if report.rule.weights is None else list(report.rule.weights),
        "held_out": held_out,
        "figures": [figure_record(figure) for figure in report.figures],
        "members": [
            {
                "critic": member.critic,
                "invalid": member.invalid,
                "figures": [figure_record(figure) for figure in member.figures],
                "gains": [_difference(comparison) for comparison in member.gains],
                "worth": [_difference(comparison) for comparison in member.worth],
            }
            for member in report.members
        ],
        "agreement": [{"critics": list(pair.critics), **figure_record(pair.figure)} for pair in report.agreement],
    }


def jury_lines(record: Mapping[str, Any], name: str | None = None) -> list[str]:
    """A report for people, by one of its figures.

    Args:
        record: as `jury_record` gives it.
        name: the figure; without it the first of which greater or smaller is better.
    """
    figures = {figure["name"]: figure for figure in record["figures"]}
    better = [each for each in figures if HIGHER_IS_BETTER.get(each) is not None]
    shown = name or next(iter(better or figures), None)
    weights = record["weights"]
    weighed = "" if weights is None else f", weights {'; '.join(f'{weight:g}' for weight in weights)}"
    lines = [f"jury of {len(record['members'])} by {record['rule']}{weighed}" + (f": {shown}" if shown else "")]
    rows = [] if shown is None else _rows(record, str(shown), figures.get(shown))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines += ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    if record["held_out"]:
        lines.append(f"weights were fitted on {record['held_out']} judgments, which count in no figure with labels")
    return [*lines, *_agreement_lines(record)]


def _rows(record: Mapping[str, Any], name: str, of_jury: Mapping[str, Any] | None) -> list[tuple[str, ...]]:
    """The jury, each member, and the jury without each: value, interval, and how much more the jury has."""
    members = [
        (f"{number} {visible(member['critic'], 40)}", member, _named(member["figures"], name))
        for number, member in enumerate(record["members"], 1)
    ]
    rows: list[tuple[str, ...]] = [("", "value", "95 % interval", "jury less that", "invalid")]
    rows.append(("jury", *_value(of_jury), "", ""))
    for title, member, figure in members:
        rows.append((title, *_value(figure), _difference_text(_named(member["gains"], name)), str(member["invalid"])))
    for number, member in enumerate(record["members"], 1):
        worth = _named(member["worth"], name)
        if worth is not None and worth["difference"] is not None and of_jury is not None:
            without = number_text(of_jury["value"] - worth["difference"])
            rows.append((f"jury without {number}", without, "", _difference_text(worth), ""))
    return rows


def _agreement_lines(record: Mapping[str, Any]) -> list[str]:
    numbers = {member["critic"]: number for number, member in enumerate(record["members"], 1)}
    lines = []
    for pair in record["agreement"]:
        who = " and ".join(str(numbers[critic]) for critic in pair["critics"])
        who = who if len(pair["critics"]) == 2 else "all"
        value, spread = _value(pair)
        lines.append(f"{pair['name']} of {who}: {value}" + (f"  ({spread})" if spread else ""))
    return lines


def _value(figure: Mapping[str, Any] | None) -> tuple[str, str]:
    if figure is None:
        return "-", ""
    return number_text(figure["value"], unknown="-"), _spread(figure)


def _spread(figure: Mapping[str, Any], form: str = ".3f") -> str:
    return "" if figure["low"] is None else spread_text(figure["low"], figure["high"], form)


def _named(records: Sequence[Mapping[str, Any]], name: str) -> Mapping[str, Any] | None:
    return next((record for record in records if record["name"] == name), None)


def _difference_text(difference: Mapping[str, Any] | None) -> str:
    if difference is None or difference["difference"] is None:
        return "-"
    return f"{difference['difference']:+.3f} ({_spread(difference, '+.3f')})"


def _difference(comparison: Comparison) -> dict[str, Any]:
    numbers = ("difference", "stderr", "low", "high", "p")
    values = {name: getattr(comparison, name) for name in numbers}
    known = {name: None if math.isnan(value) else value for name, value in values.items()}
    return {"name": comparison.name, **known, "test": comparison.test, "n": comparison.n}

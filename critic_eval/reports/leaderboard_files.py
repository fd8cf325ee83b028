"""A leaderboard as one page, as Markdown and as CSV."""

from __future__ import annotations

import csv
import io
from importlib.resources import files
from pathlib import Path
from typing import Any

from critic_eval import __version__
from critic_eval.errors import ArgumentError
from critic_eval.reports.leaderboard import Leaderboard, Row, Table, column_name
from critic_eval.reports.published import Reproduction
from critic_eval.reports.runs import RunFigure

STATUSES = ("reproduced", "differs", "not run", "not reproducible")


def write_leaderboard(leaderboard: Leaderboard, folder: Path, force: bool = False) -> list[Path]:
    """Write `index.html`, `leaderboard.md`, `leaderboard.csv` and `reproduction.csv`; gives the files.

    Raises:
        ArgumentError: the folder holds something already, and may not be overwritten.
    """
    if folder.exists() and not folder.is_dir():
        raise ArgumentError(f"{folder} is a file; give a folder.")
    if folder.exists() and any(folder.iterdir()) and not force:
        raise ArgumentError(f"{folder} holds something already; give another folder, or --force to write over it.")
    folder.mkdir(parents=True, exist_ok=True)
    contents = {
        "index.html": to_html(leaderboard),
        "leaderboard.md": to_markdown(leaderboard),
        "leaderboard.csv": to_csv(leaderboard),
        "reproduction.csv": reproduction_csv(leaderboard),
    }
    for name, content in contents.items():
        (folder / name).write_text(content, encoding="utf-8", newline="")
    return [folder / name for name in contents]


def to_markdown(leaderboard: Leaderboard) -> str:
    """The tables, and the published figures that were held against runs."""
    parts = ["# Leaderboard", "", _LEGEND, ""]
    for table in leaderboard.tables:
        header = ["critic", *(column_name(column) for column in table.columns), "rank", "letters", "source"]
        parts += [f"## {table.benchmark}", "", _line(header), _line(["---"] * len(header))]
        parts += [_line(_cells(row, table)) for row in table.rows]
        parts += ["", *(f"{number}. {_escaped(note)}" for number, note in enumerate(table.notes, 1)), _tests(table), ""]
    held = [one for one in leaderboard.reproductions if one.run is not None]
    parts += ["## Published figures", "", _counts(leaderboard), ""]
    if held:
        header = ["critic", "benchmark", "figure", "published", "measured", "status", "remark", "source"]
        parts += [_line(header), _line(["---"] * len(header)), *(_line(_reproduction_cells(one)) for one in held), ""]
    return "\n".join([*parts, *(f"- {_escaped(note)}" for note in leaderboard.notes)]).rstrip() + "\n"


def to_csv(leaderboard: Leaderboard) -> str:
    """One line a figure, with all that is known of it."""
    lines: list[list[Any]] = []
    for table in leaderboard.tables:
        for row in table.rows:
            rank = row.standing.rank if row.standing else ("", "")
            letters = row.standing.letters if row.standing else ""
            kind = "published" if row.is_published else "run"
            remarks = "; ".join(table.notes[int(mark) - 1] for mark in row.marks)
            signature = str(row.run.signature) if row.run else ""
            for (name, group), one in row.figures.items():
                known = [one.value, one.low, one.high, one.n, one.invalid]
                lines.append(
                    [
                        table.benchmark,
                        row.critic,
                        kind,
                        name,
                        group,
                        *known,
                        *rank,
                        letters,
                        row.source,
                        remarks,
                        signature,
                    ]
                )
    return _csv(_CSV_COLUMNS, lines)


def reproduction_csv(leaderboard: Leaderboard) -> str:
    """One line a published figure, with what came of it."""
    lines = []
    for one in leaderboard.reproductions:
        printed = one.published
        measured = one.measured or RunFigure("", "", None)
        lines.append(
            [
                printed.critic,
                printed.benchmark or "",
                printed.column,
                printed.value,
                *(measured.value, measured.low, measured.high),
                one.status,
                one.remark,
                printed.source,
                printed.trust,
            ]
        )
    return _csv(_REPRODUCTION_COLUMNS, lines)


def to_html(leaderboard: Leaderboard) -> str:
    """One page that needs nothing else: no script, no network."""
    from jinja2 import Environment

    from critic_eval.reports.plots import leaderboard_plots

    template = files("critic_eval.reports").joinpath("leaderboard.html.jinja").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.globals.update(
        column_name=column_name, figure_text=figure_text, interval_text=interval_text, count_text=count_text
    )
    page: str = environment.from_string(template).render(
        leaderboard=leaderboard,
        counts=_counts(leaderboard),
        held=[one for one in leaderboard.reproductions if one.run is not None],
        others=[one for one in leaderboard.reproductions if one.run is None],
        plots=leaderboard_plots(leaderboard),
        legend=_LEGEND,
        version=__version__,
        tests=_tests,
    )
    return page


def figure_text(one: RunFigure | None) -> str:
    """A figure's value, as it is printed."""
    return "" if one is None or one.value is None else f"{one.value:.3f}"


def interval_text(one: RunFigure | None) -> str:
    """Its interval, if that is known."""
    return "" if one is None or one.low is None or one.high is None else f"{one.low:.3f} to {one.high:.3f}"


def count_text(one: RunFigure | None) -> str:
    """Its n and the number of invalid verdicts, if they are known."""
    return "" if one is None or one.n is None else f"n {one.n}, {one.invalid or 0} invalid"


_LEGEND = (
    "Figures of runs have a 95 % interval, n, and the number of invalid verdicts; published ones are in italics with "
    "their source. A rank's 95 % interval is from the bootstrap. Critics that share a letter can't be told apart "
    "(5 %, Holm's correction). A number in brackets after a name refers to the notes below its table."
)
_CSV_COLUMNS = (
    *("benchmark", "critic", "kind", "figure", "group", "value", "low", "high", "n", "invalid"),
    *("rank_low", "rank_high", "letters", "source", "remarks", "signature"),
)
_REPRODUCTION_COLUMNS = (
    *("critic", "benchmark", "column", "published", "measured", "low", "high"),
    *("status", "remark", "source", "trust"),
)


def _told(one: RunFigure | None) -> str:
    """A figure with all that is known of it, in one line."""
    more = "; ".join(filter(None, [interval_text(one), count_text(one)]))
    return f"{figure_text(one)} ({more})" if more else figure_text(one)


def _cells(row: Row, table: Table) -> list[str]:
    name = _escaped(row.critic) + "".join(f" [{mark}]" for mark in row.marks)
    figures = [_told(row.figures.get(column)) for column in table.columns]
    rank = f"{row.standing.rank[0]} to {row.standing.rank[1]}" if row.standing else ""
    letters = row.standing.letters if row.standing else ""
    if row.is_published:
        return [
            f"*{name}*",
            *(f"*{text}*" if text else "" for text in figures),
            "",
            "",
            f"published: {_escaped(row.source)}",
        ]
    return [name, *figures, rank, letters, _escaped(row.source)]


def _reproduction_cells(one: Reproduction) -> list[str]:
    printed, measured = one.published, one.measured
    return [
        *(_escaped(part) for part in (printed.critic, str(printed.benchmark), printed.column)),
        f"{printed.value:.6g}",
        _told(measured),
        one.status,
        *(_escaped(part) for part in (one.remark, f"{printed.source} ({printed.trust})")),
    ]


def _tests(table: Table) -> str:
    pairs, paired = table.tests
    if not pairs:
        return ""
    others = "" if paired == pairs else f", {pairs - paired} from their standard errors"
    return f"{pairs} pair{'s' if pairs > 1 else ''} of runs tested, {paired} item by item{others}."


def _counts(leaderboard: Leaderboard) -> str:
    found: list[str] = [one.status for one in leaderboard.reproductions]
    return ", ".join(f"{found.count(status)} {status}" for status in STATUSES) + "."


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _escaped(text: str) -> str:
    """Text of others as Markdown shows it, not as it would read it."""
    text = text.replace("&", "&amp;")
    for mark in "\\`*_[]<>|~":
        text = text.replace(mark, f"\\{mark}" if mark not in "<>" else {"<": "&lt;", ">": "&gt;"}[mark])
    return " ".join(text.split())


def _csv(header: tuple[str, ...], lines: list[list[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    for line in lines:
        writer.writerow(
            ["" if cell is None else f"{cell:.6g}" if isinstance(cell, float) else _plain(cell) for cell in line]
        )
    return text.getvalue()


def _plain(cell: Any) -> Any:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@") else cell

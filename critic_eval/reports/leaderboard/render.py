"""A leaderboard as one page, as Markdown and as CSV."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from critic_eval.reports.leaderboard.build import Leaderboard, Row, Table
from critic_eval.reports.leaderboard.published import Reproduction
from critic_eval.reports.render import (
    csv_text,
    html_page,
    markdown_name,
    markdown_table,
    markdown_text,
    output_folder,
    write_texts,
)
from critic_eval.runs.results import RunFigure, column_name
from critic_eval.wording import number_text, spread_text, tokens_text

STATUSES = ("reproduced", "differs", "not run", "not reproducible")


def write_leaderboard(leaderboard: Leaderboard, folder: Path, force: bool = False) -> list[Path]:
    """Write `index.html`, `leaderboard.md`, `leaderboard.csv` and `reproduction.csv`; gives the files.

    Raises:
        ArgumentError: the folder holds something already, and may not be overwritten.
    """
    output_folder(folder, force)
    return write_texts(
        folder,
        {
            "index.html": to_html(leaderboard),
            "leaderboard.md": to_markdown(leaderboard),
            "leaderboard.csv": to_csv(leaderboard),
            "reproduction.csv": reproduction_csv(leaderboard),
        },
    )


def to_markdown(leaderboard: Leaderboard) -> str:
    """The tables, and the published figures that were held against runs."""
    parts = ["# Leaderboard", "", _LEGEND, ""]
    for table in leaderboard.tables:
        header = [
            "critic",
            *(markdown_name(column_name(column)) for column in table.columns),
            "rank",
            "letters",
            "a judgment",
            "source",
        ]
        notes = [f"{number}. {markdown_text(note)}" for number, note in enumerate(table.notes, 1)]
        rows = [_cells(row, table) for row in table.rows]
        remarks = filter(None, [markdown_text(_ceiling(table)), _tests(table)])
        parts += [f"## {markdown_name(table.benchmark)}", "", *markdown_table(header, rows), "", *notes, *remarks, ""]
    held = [reproduction for reproduction in leaderboard.reproductions if reproduction.run is not None]
    parts += ["## Published figures", "", _counts(leaderboard), ""]
    if held:
        header = ["critic", "benchmark", "figure", "published", "measured", "status", "remark", "source"]
        parts += [*markdown_table(header, [_reproduction_cells(reproduction) for reproduction in held]), ""]
    return "\n".join([*parts, *(f"- {markdown_text(note)}" for note in leaderboard.notes)]).rstrip() + "\n"


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
            for (name, group), figure in row.figures.items():
                known = [figure.value, figure.low, figure.high, figure.n, figure.invalid]
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
                        *_costs(row),
                        row.source,
                        remarks,
                        signature,
                    ]
                )
    return csv_text(_CSV_COLUMNS, lines)


def reproduction_csv(leaderboard: Leaderboard) -> str:
    """One line a published figure, with what came of it."""
    lines = []
    for reproduction in leaderboard.reproductions:
        printed = reproduction.published
        measured = reproduction.measured or RunFigure("", "", None)
        lines.append(
            [
                printed.critic,
                printed.benchmark or "",
                printed.column,
                printed.value,
                *(measured.value, measured.low, measured.high),
                reproduction.status,
                reproduction.remark,
                printed.source,
                printed.trust,
            ]
        )
    return csv_text(_REPRODUCTION_COLUMNS, lines)


def to_html(leaderboard: Leaderboard) -> str:
    """One page that needs nothing else: no script, no network."""
    from critic_eval.reports.leaderboard.plots import leaderboard_plots

    return html_page(
        "leaderboard.html.jinja",
        leaderboard=leaderboard,
        counts=_counts(leaderboard),
        held=[reproduction for reproduction in leaderboard.reproductions if reproduction.run is not None],
        others=[reproduction for reproduction in leaderboard.reproductions if reproduction.run is None],
        plots=leaderboard_plots(leaderboard),
        legend=_LEGEND,
        tests=_tests,
        ceiling=_ceiling,
        column_name=column_name,
        figure_text=figure_text,
        interval_text=interval_text,
        count_text=count_text,
        cost_text=cost_text,
    )


def figure_text(figure: RunFigure | None) -> str:
    """A figure's value, as it is printed."""
    return "" if figure is None else number_text(figure.value, unknown="")


def interval_text(figure: RunFigure | None) -> str:
    """Its interval, if that is known."""
    return "" if figure is None else spread_text(figure.low, figure.high, unknown="")


def count_text(figure: RunFigure | None) -> str:
    """Its n and the number of invalid verdicts, if they are known."""
    return "" if figure is None or figure.n is None else f"n {figure.n}, {figure.invalid or 0} invalid"


def cost_text(row: Row) -> str:
    """What a judgment took, as far as that is known."""
    seconds, thought, answer = _costs(row)
    tokens = "" if answer is None else tokens_text(thought or 0.0, answer)
    return "; ".join(filter(None, [f"{seconds:.3g} s" if seconds else "", tokens]))


_LEGEND = (
    "Figures of runs have a 95 % interval, n, and the number of invalid verdicts; published ones are in italics with "
    "their source. A rank's 95 % interval is from the bootstrap. Critics that share a letter can't be told apart "
    "(5 %, Holm's correction). What a judgment took is on the machine of the run. A number in brackets after a name "
    "refers to the notes below its table."
)
_CSV_COLUMNS = (
    *("benchmark", "critic", "kind", "figure", "group", "value", "low", "high", "n", "invalid"),
    *("rank_low", "rank_high", "letters", "seconds", "thought_tokens", "answer_tokens"),
    *("source", "remarks", "signature"),
)
_REPRODUCTION_COLUMNS = (
    *("critic", "benchmark", "column", "published", "measured", "low", "high"),
    *("status", "remark", "source", "trust"),
)


def _told(figure: RunFigure | None) -> str:
    """A figure with all that is known of it, in one line."""
    more = "; ".join(filter(None, [interval_text(figure), count_text(figure)]))
    return f"{figure_text(figure)} ({more})" if more else figure_text(figure)


def _costs(row: Row) -> tuple[float | None, float | None, float | None]:
    """Seconds, tokens of thought and tokens of answer that a judgment took; None where they are not known."""
    if row.run is None:
        return None, None, None
    return row.run.seconds, *(row.run.tokens or (None, None))


def _cells(row: Row, table: Table) -> list[str]:
    name = markdown_text(row.critic) + "".join(f" [{mark}]" for mark in row.marks)
    figures = [_told(row.figures.get(column)) for column in table.columns]
    rank = f"{row.standing.rank[0]} to {row.standing.rank[1]}" if row.standing else ""
    letters = row.standing.letters if row.standing else ""
    if row.is_published:
        return [
            f"*{name}*",
            *(f"*{text}*" if text else "" for text in figures),
            "",
            "",
            "",
            f"published: {markdown_text(row.source)}",
        ]
    return [name, *figures, rank, letters, cost_text(row), markdown_text(row.source)]


def _reproduction_cells(reproduction: Reproduction) -> list[str]:
    printed, measured = reproduction.published, reproduction.measured
    return [
        *(markdown_text(part) for part in (printed.critic, str(printed.benchmark), printed.column)),
        f"{printed.value:.6g}",
        _told(measured),
        reproduction.status,
        *(markdown_text(part) for part in (reproduction.remark, f"{printed.source} ({printed.trust})")),
    ]


def _tests(table: Table) -> str:
    pairs, paired = table.tests
    if not pairs:
        return ""
    others = "" if paired == pairs else f", {pairs - paired} from their standard errors"
    return f"{pairs} pair{'s' if pairs > 1 else ''} of runs tested, {paired} item by item{others}."


def _ceiling(table: Table) -> str:
    if table.ceiling is None:
        return ""
    column = table.columns[0]
    value = figure_text(table.ceiling.figures[column])
    return f"Held against: {table.ceiling.critic}, {column_name(column)} {value} (published: {table.ceiling.source})."


def _counts(leaderboard: Leaderboard) -> str:
    statuses: list[str] = [reproduction.status for reproduction in leaderboard.reproductions]
    return ", ".join(f"{statuses.count(status)} {status}" for status in STATUSES) + "."

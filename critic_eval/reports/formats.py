"""Text of reports as Markdown, CSV and HTML take it; what others wrote is never read as markup."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any


def markdown_row(cells: Sequence[str]) -> str:
    """One row of a table, of cells that are Markdown already."""
    return f"| {' | '.join(cells)} |"


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table, of cells that are Markdown already."""
    return [markdown_row(header), markdown_row(["---"] * len(header)), *map(markdown_row, rows)]


def markdown_text(text: str) -> str:
    r"""Text of others as Markdown shows it, not as it would read it.

    >>> markdown_text("a_b <i>")
    'a\\_b &lt;i&gt;'
    """
    text = text.replace("&", "&amp;")
    for mark in "\\`*_[]<>|~":
        text = text.replace(mark, f"\\{mark}" if mark not in "<>" else {"<": "&lt;", ">": "&gt;"}[mark])
    return " ".join(text.split())


def csv_text(header: Sequence[str], lines: Sequence[Sequence[Any]]) -> str:
    """A table as CSV: None is empty, numbers have six digits, and no cell is a formula to a spreadsheet."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    for line in lines:
        writer.writerow([_cell(cell) for cell in line])
    return text.getvalue()


def html_page(template: str, **values: Any) -> str:
    """A page of this package's templates, with everything in it escaped.

    Args:
        template: its file's name, such as `leaderboard.html.jinja`.
        values: what it shows.
    """
    from jinja2 import Environment, PackageLoader

    from critic_eval import __version__

    environment = Environment(
        loader=PackageLoader("critic_eval.reports", "."), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    page: str = environment.get_template(template).render(version=__version__, **values)
    return page


def _cell(cell: Any) -> Any:
    if cell is None or (isinstance(cell, float) and cell != cell):
        return ""
    if isinstance(cell, float):
        return f"{cell:.6g}"
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@") else cell

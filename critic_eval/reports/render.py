"""What reports are written with: Markdown, HTML and CSV, and files that are written whole."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from critic_eval.errors import ArgumentError, DataError
from critic_eval.visible import visible
from critic_eval.whole_files import write_whole


def markdown_row(cells: Sequence[str]) -> str:
    """One row of a table, of cells that are Markdown already."""
    return f"| {' | '.join(cells)} |"


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table, of cells that are Markdown already."""
    return [markdown_row(header), markdown_row(["---"] * len(header)), *map(markdown_row, rows)]


def latex_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table, for the package booktabs, of cells that are plain text."""
    spec = "".join("r" if column > 1 else "l" for column in range(len(header)))
    body = [" & ".join(map(latex_text, row)) + r" \\" for row in (header, *rows)]
    return [
        rf"\begin{{tabular}}{{{spec}}}",
        r"\toprule",
        body[0],
        r"\midrule",
        *body[1:],
        r"\bottomrule",
        r"\end{tabular}",
    ]


def latex_text(text: str) -> str:
    r"""Text of others as LaTeX prints it, not as it would read it.

    >>> latex_text("95 % of a_b")
    '95 \\% of a\\_b'
    """
    return "".join(_LATEX.get(character, character) for character in visible(" ".join(text.split())))


_LATEX = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "–": "--",
}


def markdown_text(text: str) -> str:
    r"""Text of others as Markdown shows it, not as it would read it.

    >>> markdown_text("a_b <i>")
    'a\\_b &lt;i&gt;'
    """
    text = visible(" ".join(text.split())).replace("&", "&amp;")
    for mark in "\\`*_[]<>|~$":
        text = text.replace(mark, f"\\{mark}" if mark not in "<>" else {"<": "&lt;", ">": "&gt;"}[mark])
    # Addresses become links without any brackets, and a first sign makes a heading or a list.
    text = _ADDRESS.sub(lambda match: f"{match[1]}\\{match[2]}", text)
    return _FIRST_SIGN.sub(lambda match: f"{match[1]}\\{match[2]}", text)


def markdown_name(name: str) -> str:
    r"""A name as Markdown shows it: one of letters, digits and `_ . -` as it stands, any other as `markdown_text`.

    >>> markdown_name("accuracy_with_tie"), markdown_name("a|b")
    ('accuracy_with_tie', 'a\\|b')
    """
    return name if re.fullmatch(r"[A-Za-z0-9][\w.\-]*( [\w.\-]+)*", name, re.ASCII) else markdown_text(name)


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
        loader=PackageLoader("critic_eval.reports"),
        autoescape=True,
        finalize=_html_text,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page: str = environment.get_template(template).render(version=__version__, **values)
    return page


_ADDRESS = re.compile(r"(?i)(https?|ftp|www|mailto|xmpp|\b[\w.+-]+(?=@))(:|\.|@)")
_FIRST_SIGN = re.compile(r"^(\d*)([#+=.)-])")


def _html_text(value: Any) -> Any:
    """Text that is put into a page; markup that a template made itself has `__html__`."""
    return visible(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def _cell(cell: Any) -> Any:
    if cell is None or (isinstance(cell, float) and not math.isfinite(cell)):
        return ""
    if isinstance(cell, float):
        return f"{cell:.6g}"
    if not isinstance(cell, str):
        return cell
    # What spreadsheets strip or read before a formula's first sign doesn't hide it.
    text = visible(cell)
    return f"'{text}" if text.lstrip()[:1] in ("=", "+", "-", "@", "＝", "＋", "－", "＠") else text


def output_folder(folder: Path, force: bool = False) -> Path:
    """Make a folder to write into; nothing in it is touched yet.

    Raises:
        ArgumentError: it is a file, can't be made, or holds something already that may not be overwritten.
    """
    try:
        if folder.exists() and not folder.is_dir():
            raise ArgumentError(f"{folder} is a file; give a folder.")
        if folder.exists() and any(folder.iterdir()) and not force:
            raise ArgumentError(f"{folder} holds something already; give another folder, or --force to write over it.")
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArgumentError(f"{folder} can't be made ({error.strerror}); give another folder.") from error
    return folder


def write_texts(folder: Path, contents: Mapping[str, str]) -> list[Path]:
    """Write files by their names, each whole or not at all; gives their paths.

    Raises:
        DataError: one can't be written; names it.
    """
    files = {folder / name: content for name, content in contents.items()}
    file = folder
    try:
        for file, content in files.items():
            write_whole(file, [content])
    except OSError as error:
        raise DataError(f"{file} can't be written ({error.strerror}).") from error
    return list(files)

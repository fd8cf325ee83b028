"""Tables of records from files: CSV, JSON lines and JSON lists, also compressed by gzip."""

import csv
import gzip
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from critic_eval.errors import DataError

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Table:
    """Records of a file, each with the line it begins on, and what could not be read, by line."""

    name: str
    rows: list[tuple[int, Row]]
    problems: list[str] = field(default_factory=list)


def read_table(path: str | Path, strict: bool = False) -> Table:
    """Read a `.csv`, `.tsv`, `.jsonl` or `.json` file, or one of these with `.gz` behind.

    A malformed line is left out and named in `problems`.

    Args:
        path: The file.
        strict: Raise for a malformed line instead.

    Raises:
        DataError: The file can't be read, is of no known kind, or holds no records; a malformed line, if strict.
    """
    file = Path(path).expanduser()
    kind = Path(file.name.removesuffix(".gz")).suffix.lower()
    if kind not in _READERS:
        raise DataError(f"{file.name} is none of {', '.join(_READERS)} (or one of these with .gz behind).")
    rows: list[tuple[int, Row]] = []
    problems: list[str] = []
    try:
        with _open(file) as lines:
            for number, row in _READERS[kind](lines):
                if isinstance(row, Mapping):
                    rows.append((number, row))
                    continue
                problems.append(f"{file.name}, line {number}: {row}")
                if strict:
                    raise DataError(problems[-1])
    except (OSError, EOFError, UnicodeError, csv.Error) as error:
        raise DataError(f"Can't read {file}: {error}.") from error
    if not rows:
        raise DataError(f"{file.name} holds no records.{' ' + problems[0] if problems else ''}")
    return Table(file.name, rows, problems)


def _open(file: Path) -> TextIO:
    if file.name.endswith(".gz"):
        return io.TextIOWrapper(gzip.open(file), encoding="utf-8-sig", newline="")
    return file.open(encoding="utf-8-sig", newline="")


def _json_lines(lines: TextIO) -> Iterator[tuple[int, Row | str]]:
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield number, _object(line)


def _object(text: str) -> Row | str:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        return f"not JSON ({error})"
    return value if isinstance(value, Mapping) else "not a JSON object"


def _json(lines: TextIO) -> Iterator[tuple[int, Row | str]]:
    try:
        values = json.load(lines)
    except (ValueError, RecursionError) as error:
        yield 1, f"not JSON ({error})"
        return
    listed: Sequence[Any] = values if isinstance(values, list) else [values]
    for number, value in enumerate(listed, start=1):
        yield number, value if isinstance(value, Mapping) else "not a JSON object"


def _csv(lines: TextIO, delimiter: str = ",") -> Iterator[tuple[int, Row | str]]:
    csv.field_size_limit(1 << 30)
    reader = csv.DictReader(lines, delimiter=delimiter, restkey="", restval=None)
    for row in reader:
        if "" in row:
            yield reader.line_num, "more fields than the header names"
        elif None in row.values():
            yield reader.line_num, "fewer fields than the header names"
        else:
            yield reader.line_num, row


def _tsv(lines: TextIO) -> Iterator[tuple[int, Row | str]]:
    return _csv(lines, "\t")


_READERS = {".csv": _csv, ".tsv": _tsv, ".jsonl": _json_lines, ".json": _json}

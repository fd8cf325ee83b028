"""Tables of records from files: CSV, JSON lines and JSON lists, also compressed by gzip, and Parquet."""

import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TextIO

from critic_eval.benchmarks.loading.bounded import BoundedReader, check_encoding
from critic_eval.errors import DataError

Row = Mapping[str, Any]
ABSENT: Any = object()
"""Stands in a column for a record that does not have it; a record may have it and hold nothing (None)."""


@dataclass(frozen=True)
class Table:
    """Records of a file, each with the line it ends on, and what could not be read, by line."""

    name: str
    rows: list[tuple[int, Row]]
    problems: list[str] = field(default_factory=list)


class Batch(Protocol):
    """Some records of a file."""

    lines: list[int]

    def names(self) -> list[str]:
        """Names of their columns, of nested ones by dots (`Meta.Category`)."""
        ...

    def column(self, name: str) -> list[Any]:
        """A column, ABSENT where a record has no such; a dotted name goes into nested records."""
        ...

    def rows(self) -> list[Row]:
        """The records."""
        ...


def read_table(path: str | Path, strict: bool = False) -> Table:
    """Read a `.csv`, `.tsv`, `.jsonl` or `.json` file, or one of these with `.gz` behind, or a `.parquet` file.

    A malformed line is left out and named in `problems`.

    Args:
        path: The file, whose ending tells its format.
        strict: Raise for a malformed line instead.

    Raises:
        DataError: The file can't be read, is of no known kind, or holds no records; a malformed line, if strict.
    """
    problems: list[str] = []
    rows = [
        numbered
        for batch in read_batches(path, problems, strict)
        for numbered in zip(batch.lines, batch.rows(), strict=True)
    ]
    return Table(Path(path).name, rows, problems)


def read_batches(path: str | Path, problems: list[str], strict: bool = False) -> Iterator[Batch]:
    """The records of a file, some ten thousand at a time; raises the errors of `read_table`.

    Args:
        path: The file, whose ending tells its format.
        problems: Malformed lines are added here.
        strict: See `read_table`.
    """
    file = Path(path).expanduser()
    kind = Path(file.name.removesuffix(".gz")).suffix.lower()
    if kind not in _READERS and file.suffix.lower() != _PARQUET:
        known = ", ".join((*_READERS, _PARQUET))
        raise DataError(f"{file.name} is none of {known} (or, but for {_PARQUET}, one of these with .gz behind).")
    is_empty, named = True, len(problems)
    try:
        for batch, malformed in _parquet(file) if kind == _PARQUET else _text(file, kind):
            problems += [f"{file.name}, line {number}: {reason}" for number, reason in malformed]
            if strict and len(problems) > named:
                raise DataError(problems[named])
            if batch.lines:
                is_empty = False
                yield batch
    except (OSError, EOFError, csv.Error, zlib.error) as error:
        raise DataError(f"Can't read {file}: {error}.") from error
    except UnicodeError as error:
        raise DataError(f"Can't read {file}: it is not UTF-8 ({error}).") from error
    if is_empty:
        raise DataError(f"{file.name} holds no records.{' ' + problems[named] if len(problems) > named else ''}")


def value_at(row: Any, name: str) -> Any:
    """A record's column, ABSENT where it has none; where no column is called so, dots lead into nested records.

    >>> value_at({"Meta": {"Category": "math"}}, "Meta.Category")
    'math'
    """
    if name in row:
        return row[name]
    first, _, rest = name.partition(".")
    inner = row.get(first)
    return value_at(inner, rest) if rest and isinstance(inner, Mapping) else ABSENT


_Problems = list[tuple[int, str]]
_ROWS = 20_000
_PARQUET = ".parquet"


def _text(file: Path, kind: str) -> Iterator[tuple[Batch, _Problems]]:
    check_encoding(file)
    # Closing the innermost also happens where a reader stops early.
    with gzip.open(file) if file.name.endswith(".gz") else file.open("rb") as packed:
        raw: Any = BoundedReader(packed, file.name) if file.name.endswith(".gz") else packed
        with io.TextIOWrapper(io.BufferedReader(raw), encoding="utf-8-sig", newline="") as lines:
            yield from _READERS[kind](lines)


def _json_lines(lines: TextIO) -> Iterator[tuple[Batch, _Problems]]:
    batch: _Objects
    problems: _Problems
    batch, problems = _Objects(), []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        batch.add(number, _object(line), problems)
        if len(batch.lines) == _ROWS:
            yield batch, problems
            batch, problems = _Objects(), []
    yield batch, problems


def _object(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        return error


def _json(lines: TextIO) -> Iterator[tuple[Batch, _Problems]]:
    batch: _Objects
    problems: _Problems
    batch, problems = _Objects(), []
    record = _object(lines.read())
    for number, value in enumerate(record if isinstance(record, list) else [record], start=1):
        batch.add(number, value, problems)
    yield batch, problems


def _csv(lines: TextIO, delimiter: str = ",") -> Iterator[tuple[Batch, _Problems]]:
    csv.field_size_limit(1 << 30)
    reader = csv.reader(lines, delimiter=delimiter)
    header = next(reader, [])
    batch: _Records
    problems: _Problems
    batch, problems = _Records(header), []
    for record in reader:
        if len(record) == len(header):
            batch.lines.append(reader.line_num)
            batch.records.append(record)
        elif record:
            much = "more" if len(record) > len(header) else "fewer"
            problems.append((reader.line_num, f"{much} fields than the header names"))
        if len(batch.lines) == _ROWS:
            yield batch, problems
            batch, problems = _Records(header), []
    yield batch, problems


def _tsv(lines: TextIO) -> Iterator[tuple[Batch, _Problems]]:
    return _csv(lines, "\t")


def _parquet(file: Path) -> Iterator[tuple[Batch, _Problems]]:
    import pyarrow
    from pyarrow import parquet

    start = 1
    try:
        with parquet.ParquetFile(file) as opened:
            for part in opened.iter_batches(_ROWS):
                batch = _Objects()
                batch.lines, batch.objects = list(range(start, start + len(part))), part.to_pylist()
                start += len(part)
                yield batch, []
    except pyarrow.ArrowException as error:
        raise DataError(f"Can't read {file}: it is not a whole Parquet file ({error}).") from error


class _Objects:
    """Records that came as JSON objects."""

    def __init__(self) -> None:
        self.lines: list[int] = []
        self.objects: list[dict[str, Any]] = []

    def add(self, line: int, value: Any, problems: _Problems) -> None:
        if isinstance(value, dict):
            self.lines.append(line)
            self.objects.append(value)
        elif isinstance(value, Exception):
            problems.append((line, f"not JSON ({value})"))
        else:
            problems.append((line, "not a JSON object"))

    def names(self) -> list[str]:
        columns: dict[str, None] = {}
        for record in self.objects:
            if not columns.keys() >= record.keys():
                columns.update(dict.fromkeys(record))
        for record in self.objects[:_LOOKED_INTO]:
            columns.update(dict.fromkeys(_dotted(record)))
        return list(columns)

    def column(self, name: str) -> list[Any]:
        whole = [record.get(name, ABSENT) for record in self.objects]
        if "." not in name or any(value is not ABSENT for value in whole):
            return whole
        return [value_at(record, name) for record in self.objects]

    def rows(self) -> list[Row]:
        return list(self.objects)


class _Records:
    """Records that came as lists of fields, all of the header's width."""

    def __init__(self, header: Sequence[str]) -> None:
        self.header = header
        self.lines: list[int] = []
        self.records: list[list[str]] = []

    def names(self) -> list[str]:
        return list(dict.fromkeys(self.header))

    def column(self, name: str) -> list[Any]:
        if name not in self.header:
            return [ABSENT] * len(self.records)
        index = len(self.header) - 1 - list(reversed(self.header)).index(name)
        return [record[index] for record in self.records]

    def rows(self) -> list[Row]:
        return [dict(zip(self.header, record, strict=True)) for record in self.records]


_LOOKED_INTO = 100


def _dotted(record: Mapping[str, Any], before: str = "", depth: int = 4) -> Iterator[str]:
    for name, value in record.items():
        if isinstance(value, Mapping) and depth:
            yield from _dotted(value, f"{before}{name}.", depth - 1)
        elif before:
            yield f"{before}{name}"


_READERS = {".csv": _csv, ".tsv": _tsv, ".jsonl": _json_lines, ".json": _json}

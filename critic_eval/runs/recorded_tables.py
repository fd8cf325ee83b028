"""Tables of past judgments by columns: which column is what, and each distinct record read once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from critic_eval.benchmarks.benchmark import Benchmark, RecordedColumns
from critic_eval.benchmarks.loading.tables import ABSENT, read_batches
from critic_eval.errors import DataError
from critic_eval.judging import Judgment
from critic_eval.metrics.columns import Column, JudgmentColumns
from critic_eval.runs.column_roles import Map, check_named, mapped
from critic_eval.runs.recorded import is_filled, recorded_judgment


@dataclass(frozen=True)
class RecordedTable:
    """What a table of past judgments holds.

    Attributes:
        judgments: Of the records that can be used; None where there are none.
        problems: Records that can't be, by line.
        taken: Which column each part of a record was taken from, as in "verdict from `judge`, label from `human`".
    """

    judgments: JudgmentColumns | None
    problems: list[str]
    taken: str


def read_recorded(
    benchmark: Benchmark,
    file: str | Path,
    expected: bool = False,
    official: bool = False,
    strict: bool = False,
    named: Map = (),
) -> RecordedTable:
    """Read a table of past judgments; the arguments are those of `rescore.rescore`.

    Raises:
        ArgumentError: A column that was named is not there.
        DataError: The file can't be read or, if strict, a record can't be used.
    """
    table, columns = Path(file).name, mapped(benchmark.recorded, named)
    problems: list[str] = []
    lines, columns_read, names = _read(file, _wanted(columns), problems, strict)
    check_named(named, names, table)
    parts = {part: _pick(columns_read, group) for part, group in _parts(columns, names).items()}
    extra_columns = {"judgment": "judgment", **({"score": "score"} if official else {})}
    extra_columns |= {name: name for name in columns.logprobs.values() if expected}
    parts = _needed(parts, len(lines))
    cells = {part: column for part, (column, _) in parts.items() if column is not None}
    cells |= {name: columns_read[name] for name in extra_columns if name in columns_read}
    key = [name for name in cells if name not in ("item_id", "group")]
    key += ["item_id"] if official and benchmark.official.by_item and "item_id" in cells else []

    template_of, first = _distinct(cells, key, len(lines))
    judgments: list[Judgment] = []
    reasons: dict[int, str] = {}
    is_logged, moved = np.zeros(len(first), dtype=bool), np.zeros(len(first), dtype=np.intp)
    for index, row in enumerate(first):
        moved[index] = len(judgments)
        record = _record(cells, key, row)
        is_logged[index] = isinstance(record.get("judgment"), Mapping)
        try:
            judgments.append(recorded_judgment(benchmark, record, expected, official))
        except DataError as error:
            reasons[index] = f"{error}".replace(_NOTHING, _no_answer(columns, names))
    logged = is_logged[template_of]
    bad = np.isin(template_of, list(reasons))
    nameless = ~logged & ~_filled(cells.get("item_id"), len(lines))
    if (bad | nameless).any():
        listed = ", ".join(columns.item_id)
        for row in np.flatnonzero(bad | nameless).tolist():
            no_id = f"there is none of the columns {listed} with a value."
            problems.append(f"{table}, line {lines[row]}: {no_id if nameless[row] else reasons[template_of[row]]}")
            if strict:
                raise DataError(problems[-1])
    kept = np.flatnonzero(~(bad | nameless))
    if not len(kept):
        return RecordedTable(None, problems, "")
    templates = JudgmentColumns.of(judgments).take(moved[template_of[kept]])
    judged = templates.replaced(
        item_id=_texts(cells.get("item_id"), kept, logged[kept], templates.columns["item_id"]).sorted(),
        group=_texts(cells.get("group"), kept, logged[kept], templates.columns["group"]),
    )
    return RecordedTable(judged, problems, _taken(parts, bool(logged.any())))


_Picked = tuple[Column | None, list[str]]
_NOTHING = "there is no answer and no verdict to read"


def _wanted(columns: RecordedColumns) -> list[str]:
    parts = (columns.item_id, columns.group, columns.label, columns.verdict, columns.text, columns.order)
    more = (columns.cluster, columns.models, columns.lengths, tuple(columns.logprobs.values()))
    return list(dict.fromkeys([*(name for part in (*parts, *more) for name in part), "judgment", "score"]))


def _read(
    file: str | Path, wanted: Sequence[str], problems: list[str], strict: bool
) -> tuple[NDArray[np.int64], dict[str, Column], list[str]]:
    """The lines of a table's records, its columns that are wanted and there, and the names of all."""
    lines: list[NDArray[np.int64]] = []
    names: dict[str, None] = {}
    coders = {name: _Coder() for name in wanted}
    for batch in read_batches(file, problems, strict):
        lines.append(np.array(batch.lines, dtype=np.int64))
        there = dict.fromkeys(batch.names())
        names.update(there)
        for name, coder in coders.items():
            # A dotted name is that of a column, or of one inside of a record that may come late in the batch.
            is_there = name in there or name.partition(".")[0] in there
            coder.add(batch.column(name) if is_there else None, len(batch.lines))
    coded = {name: coder.column() for name, coder in coders.items()}
    known = {name: column for name, column in coded.items() if any(value is not ABSENT for value in column.values)}
    return np.concatenate(lines), known, list(dict.fromkeys([*names, *known]))


class _Coder:
    """Collects a column; equal texts are kept once, and 1, 1.0, True and "1" apart."""

    def __init__(self) -> None:
        self._known: _Known = _Known()
        self._codes: list[NDArray[np.int32]] = []

    def add(self, values: Sequence[Any] | None, n: int) -> None:
        if values is None:
            self._codes.append(np.full(n, self._known[ABSENT], np.int32))
            return
        keys = [value if type(value) is str or value is None else _key(value) for value in values]
        self._codes.append(np.fromiter(map(self._known.__getitem__, keys), np.int32, len(keys)))

    def column(self) -> Column:
        values = [key[1] if type(key) is tuple else key.value if type(key) is _Whole else key for key in self._known]
        self._known.clear()
        return Column(np.concatenate(self._codes), values)


class _Known(dict[Any, int]):
    def __missing__(self, key: Any) -> int:
        code = self[key] = len(self)
        return code


class _Whole:
    """A value that can't be hashed; none is equal to another."""

    def __init__(self, value: Any) -> None:
        self.value = value


def _key(value: Any) -> Any:
    if value is ABSENT:
        return value
    try:
        hash(value)
    except TypeError:
        return _Whole(value)
    return (type(value), value)


def _parts(columns: RecordedColumns, names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    parts = {
        "item_id": columns.item_id,
        "group": columns.group,
        "label": columns.label,
        "verdict": columns.verdict,
        # Columns that a user named are taken as they are named.
        "text": columns.text_beside(names) if columns.text != ("answer",) else columns.text,
        "order": columns.order,
        "cluster": columns.cluster,
    }
    each = {
        f"{part}{index}": (name,) for part in ("models", "lengths") for index, name in enumerate(getattr(columns, part))
    }
    return {**parts, **each}


def _pick(columns_read: Mapping[str, Column], names: Sequence[str]) -> _Picked:
    """For each record the first of these columns with a value, and which columns gave any."""
    there = [name for name in names if name in columns_read]
    if not there:
        return None, []
    used: list[str] = []
    codes, values = np.zeros(0, np.int32), list[Any]()
    done = np.zeros(0, dtype=bool)
    for name in there:
        column = columns_read[name]
        filled = np.array([is_filled(value) for value in column.values])[column.codes]
        if not used and not len(done):
            codes, values, done = column.codes, list(column.values), filled
            used += [name] if filled.any() else []
            continue
        if done.all():
            break
        # What is not there at all gives way to what is there and empty.
        absent = np.array([value is ABSENT for value in values])[codes]
        better = ~done & (filled | absent)
        codes = np.where(better, column.codes + len(values), codes).astype(np.int32)
        values += column.values
        used += [name] if (better & filled).any() else []
        done = done | filled
    return Column(codes, values), used


def _needed(parts: dict[str, _Picked], n: int) -> dict[str, _Picked]:
    """The parts without a verdict that no record needs, since each has its text."""
    text, verdict = (_filled(parts[part][0], n) for part in ("text", "verdict"))
    return {**parts, "verdict": (None, [])} if text.any() and not (verdict & ~text).any() else parts


def _filled(column: Column | None, n: int) -> NDArray[np.bool_]:
    if column is None:
        return np.zeros(n, dtype=bool)
    return np.array([is_filled(value) for value in column.values])[column.codes]


def _distinct(cells: Mapping[str, Column], key: Sequence[str], n: int) -> tuple[NDArray[np.intp], list[int]]:
    """For each record the index of its distinct cells, and for each of those the first record that has them."""
    codes = np.zeros(n, dtype=np.int64)
    for name in key:
        codes, _ = pd.factorize(codes * len(cells[name].values) + cells[name].codes)
    return codes.astype(np.intp), np.unique(codes, return_index=True)[1].tolist()


def _record(cells: Mapping[str, Column], key: Sequence[str], row: int) -> dict[str, Any]:
    record: dict[str, Any] = {"models": [], "lengths": []}
    for name in key:
        column = cells[name]
        value = column.values[column.codes[row]]
        part = name.rstrip("0123456789")
        if part in ("models", "lengths") and part != name:
            record[part].append(None if value is ABSENT else value)
        elif value is not ABSENT:
            record[name] = value
    return record


def _texts(column: Column | None, kept: NDArray[np.intp], logged: NDArray[np.bool_], logged_texts: Column) -> Column:
    """A column's values as texts, None for nothing; what lmms-eval logged has its own."""
    if column is None:
        named = Column(np.zeros(len(kept), np.int32), [None])
    else:
        named = Column(column.codes[kept], [str(value) if is_filled(value) else None for value in column.values])
    if not logged.any():
        return _used(named)
    codes = np.where(logged, logged_texts.codes + len(named.values), named.codes).astype(np.int32)
    return _used(Column(codes, [*named.values, *logged_texts.values]))


def _used(column: Column) -> Column:
    """The same without values that do not occur."""
    codes, kept = pd.factorize(column.codes)
    return Column(codes.astype(np.int32), [column.values[code] for code in kept])


def _no_answer(columns: RecordedColumns, names: Sequence[str]) -> str:
    wanted = ", ".join((*columns.text_beside(names), *columns.verdict))
    text = f"there is none of the columns {wanted}, so no verdict to read."
    if "answer" in names and "answer" not in columns.text_beside(names) and "answer" in columns.text:
        text += " `answer` is taken for the judged response; if it is the critic's, say so with --map answer=text."
    return text


def _taken(parts: Mapping[str, _Picked], has_logged: bool) -> str:
    named = {part: " and ".join(f"`{name}`" for name in used) for part, (_, used) in parts.items() if used}
    if has_logged:
        return (
            "judgments as they were logged"
            if "item_id" not in named
            else "judgments as they were logged, or " + _list(named)
        )
    return _list(named)


def _list(named: Mapping[str, str]) -> str:
    first = ("text", "verdict", "label", "group")
    order = [*(part for part in first if part in named), *(part for part in named if part not in first)]
    return ", ".join(f"{'id' if part == 'item_id' else part} from {named[part]}" for part in order)

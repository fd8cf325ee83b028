"""From the rows of a loaded data set to the cases of a benchmark: which can be judged, and what each is called."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from critic_eval.benchmarks.benchmark import Benchmark
from critic_eval.benchmarks.loading.cases import Case, LeftOut, read_cases
from critic_eval.benchmarks.loading.tables import Row
from critic_eval.errors import DataError
from critic_eval.judging import Item
from critic_eval.judging.images import image_fault

_logger = logging.getLogger("critic_eval")


class NamedCase(NamedTuple):
    """A case, where it is, and what its item is called."""

    row: int
    """The index of its row in the data set."""
    number: int
    """Which of the row's cases it is."""
    name: str
    """The item's id; what several items share gets a number behind."""
    case: Case


class Unusable(Counter[str]):
    """How often each reason left something out."""

    def __str__(self) -> str:
        """How many in all, and the reasons, the commonest first; empty for none."""
        if not self:
            return ""
        reasons = ", ".join(f"{reason} ({count})" for reason, count in self.most_common())
        return f"{self.total()}: {reasons}"


def named_cases(benchmark: Benchmark, rows: Any, unusable: Unusable) -> Iterator[NamedCase]:
    """Every case of a data set that can be judged, without its images, which are costly to read.

    Args:
        benchmark: whose rows these are.
        rows: of `datasets`.
        unusable: is told of what is left out.

    Raises:
        DataError: a column is missing; what can't be used, if the benchmark is strict.
    """
    _check_columns(benchmark, rows.column_names)
    unit = "line" if are_lines(rows.column_names) else "row"
    seen: Counter[str] = Counter()
    for index, row in enumerate(without_images(rows)):
        for number, case in enumerate(cases_of(benchmark, row)):
            if isinstance(case, Case) and benchmark.is_own and seen[case.item.id]:
                case = LeftOut("its id was used before")
            if isinstance(case, Case) and benchmark.is_own and (fault := _image_fault(case.item)):
                case = LeftOut(f"an image {fault}")
            if isinstance(case, LeftOut):
                _tell(benchmark, case, f"{unit} {index + 1}", unusable)
                continue
            seen[case.item.id] += 1
            times = seen[case.item.id]
            yield NamedCase(index, number, case.item.id if times == 1 else f"{case.item.id}#{times}", case)


def cases_of(benchmark: Benchmark, row: Row) -> list[Case | LeftOut]:
    """The cases of a row, and what of it can't be used; nothing for an empty line."""
    if are_lines(row):
        if not row["text"].strip():
            return []
        try:
            row = json.loads(row["text"])
        except (ValueError, RecursionError):
            return [LeftOut("a line is not JSON")]
        if not isinstance(row, dict):
            return [LeftOut("a line is not a JSON object")]
        missing = _missing(benchmark, [column for column in row if row[column] is not None])
        if missing:
            return [LeftOut(f"a line lacks {', '.join(missing)}")]
    return read_cases(benchmark.read, row)


def undecoded(rows: Any) -> Any:
    """The rows with their images as bytes and paths: `datasets` would open any file or address that one names."""
    for name, feature in dict(rows.features).items():
        kept = _undecoded(feature)
        if kept != feature:
            rows = rows.cast_column(name, kept)
    return rows


def without_images(rows: Any) -> Any:
    """The rows without their images, which are costly to read."""
    return rows.remove_columns(image_columns(rows))


def image_columns(rows: Any) -> list[str]:
    """The columns that hold images."""
    from datasets import Image

    return [name for name, feature in rows.features.items() if isinstance(feature, Image)]


def are_lines(columns: Collection[str]) -> bool:
    """Whether each row is a line of a file, to be read by us."""
    return set(columns) == {"text"}


def _check_columns(benchmark: Benchmark, columns: Collection[str]) -> None:
    if are_lines(columns):
        return  # each line is checked when it is read
    missing = _missing(benchmark, columns)
    if missing:
        raise DataError(
            f"The data set lacks the column{'s' if len(missing) > 1 else ''} {', '.join(missing)} that "
            f"{benchmark.name} needs; it has {', '.join(columns)}."
        )


def _missing(benchmark: Benchmark, columns: Collection[str]) -> list[str]:
    missing = [column for column in benchmark.needs if column not in columns]
    has_image = not benchmark.images or any(column in columns for column in benchmark.images)
    return missing if has_image else [*missing, " or ".join(benchmark.images)]


def _tell(benchmark: Benchmark, case: LeftOut, where: str, unusable: Unusable) -> None:
    unusable[case.reason] += 1
    if benchmark.is_strict():
        raise DataError(f"{where[0].upper()}{where[1:]} can't be used: {case.reason}.")
    if benchmark.is_own and unusable.total() <= _SHOWN:
        _logger.warning("%s is left out: %s", where, case.reason)


_SHOWN = 5


def _image_fault(item: Item) -> str | None:
    """Why one of an item's image files can't be opened, or None."""
    for image in item.images:
        file = Path(image)
        facts = file.stat()
        if fault := _file_fault(file, facts.st_mtime_ns, facts.st_size):
            return fault
    return None


@lru_cache(1 << 20)
def _file_fault(file: Path, _changed: int, _size: int) -> str | None:
    # lmms-eval prepares every data set twice.
    return image_fault(file)


def _undecoded(feature: Any) -> Any:
    if isinstance(feature, dict):
        return {name: _undecoded(part) for name, part in feature.items()}
    if isinstance(feature, list):
        return [_undecoded(part) for part in feature]
    names = {part.name for part in fields(feature)}
    if "decode" in names:
        return replace(feature, decode=False)
    return replace(feature, feature=_undecoded(feature.feature)) if "feature" in names else feature

"""Logged samples as columns of small integers, with the place of each line, so that texts are read when they are asked.

A hundred thousand samples are some hundred megabytes of JSON; what a list, its filters and its charts need of them is a
few bytes a judgment.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

from critic_eval.errors import ArgumentError, CriticEvalError, DataError
from critic_eval.judging import Label, Verdict
from critic_eval.judging.logged import logged_judgment

Value = TypeVar("Value", bound=Hashable)


class Coding(Generic[Value]):
    """Distinct values in the order in which they came, each known by its index.

    >>> coding = Coding[str]()
    >>> coding.code("AB"), coding.code("BA"), coding.code("AB"), coding.values
    (0, 1, 0, ['AB', 'BA'])
    """

    def __init__(self) -> None:
        self.values: list[Value] = []
        self._codes: dict[Value, int] = {}

    def __contains__(self, value: object) -> bool:
        return value in self._codes

    def code(self, value: Value) -> int:
        """The index of a value, which is added where it is new."""
        code = self._codes.setdefault(value, len(self.values))
        if code == len(self.values):
            self.values.append(value)
        return code


@dataclass(frozen=True)
class Codes:
    """What the samples of all runs of a task share: items as (group, id), orders, verdicts and labels."""

    items: Coding[tuple[str | None, str]] = field(default_factory=Coding)
    orders: Coding[str] = field(default_factory=Coding)
    verdicts: Coding[Verdict] = field(default_factory=Coding)
    labels: Coding[Label | None] = field(default_factory=Coding)


@dataclass(frozen=True)
class Samples:
    """The samples of one task of one run: a row for each judgment, in the order of the file.

    Attributes:
        file: the JSONL of logged samples that the rows were read from.
        item: codes, as are `order`, `verdict` and `label`.
        order: see `item`.
        verdict: see `item`.
        label: see `item`.
        offset: where in the file each line begins, in bytes.
        length: of each line, in bytes.
        problems: what could not be read: how many lines, by reason.
        state: bytes and time of the file when it was read; one that changed since has its lines elsewhere.
    """

    file: Path
    item: array[int] = field(default_factory=partial(array, "i"))
    order: array[int] = field(default_factory=partial(array, "i"))
    verdict: array[int] = field(default_factory=partial(array, "i"))
    label: array[int] = field(default_factory=partial(array, "i"))
    offset: array[int] = field(default_factory=partial(array, "q"))
    length: array[int] = field(default_factory=partial(array, "q"))
    problems: dict[str, int] = field(default_factory=dict)
    state: tuple[int, int] = (0, 0)

    def line(self, row: int) -> dict[str, Any]:
        """The whole sample of a row.

        Raises:
            DataError: the file can't be read any more, or has changed.
        """
        try:
            with self.file.open("rb") as file:
                if _state(self.file) != self.state:
                    raise DataError(f"{self.file.name} has changed since it was opened; start the viewer again.")
                file.seek(self.offset[row])
                record: dict[str, Any] = json.loads(file.read(self.length[row]))
                return record
        except (OSError, ValueError) as error:
            raise DataError(f"{self.file} can't be read any more ({error}); start the viewer again.") from error


def read_samples(file: Path, codes: Codes) -> Samples:
    """Read the samples of a task; a line that can't be used is passed over and counted.

    Raises:
        DataError: the file can't be read, or no line of it can be used.
    """
    samples = Samples(file)
    problems = samples.problems
    end = 0
    try:
        state = _state(file)
        with file.open("rb") as lines:
            for line in lines:
                start, end = end, end + len(line)
                if line.isspace():
                    continue
                try:
                    row = _codes_of(line, codes)
                except CriticEvalError as error:
                    problems[str(error)] = problems.get(str(error), 0) + 1
                    continue
                for column, code in zip(
                    (samples.item, samples.order, samples.verdict, samples.label), row, strict=True
                ):
                    column.append(code)
                samples.offset.append(start)
                samples.length.append(len(line))
    except OSError as error:
        raise DataError(f"Can't read {file}: {error}.") from error
    if not samples.offset:
        reasons = ", ".join(f"{reason} ({count})" for reason, count in problems.items()) or "it is empty"
        raise DataError(f"No line of {file} can be used: {reasons}; run the task again with --log_samples.")
    return replace(samples, state=state)


def _state(file: Path) -> tuple[int, int]:
    facts = file.stat()
    return facts.st_size, facts.st_mtime_ns


def _codes_of(line: bytes, codes: Codes) -> tuple[int, int, int, int]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError("not whole JSON" if not line.endswith(b"\n") else "not JSON") from error
    judgment = record.get("judgment") if isinstance(record, Mapping) else None
    if not isinstance(judgment, Mapping):
        raise DataError("without a judgment of critic-eval")
    try:
        read = logged_judgment(judgment)
    except ArgumentError as error:
        raise DataError("with a malformed judgment") from error
    item = codes.items.code((read.group, read.item_id))
    return item, codes.orders.code(read.order), codes.verdicts.code(read.verdict), codes.labels.code(read.label)

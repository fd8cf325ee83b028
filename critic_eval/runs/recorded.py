"""Records of past judgments as judgments, and what official code made of bad answers."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from critic_eval.benchmarks.benchmark import Benchmark
from critic_eval.benchmarks.loading.tables import ABSENT, Row, value_at
from critic_eval.errors import ArgumentError, DataError
from critic_eval.judging import (
    Invalid,
    Judgment,
    Label,
    LabelKind,
    Preference,
    Ranking,
    Score,
    Scores,
    Verdict,
    get_protocol,
    identity_order,
    to_canonical,
)
from critic_eval.judging.logged import logged_judgment
from critic_eval.judging.parsing.reading import Parsed
from critic_eval.metrics import expected_score

NOT_PARSED = "no verdict recorded"
NOT_RECORDED = "not recorded"
"""Why an item that a recorded judge never judged has no verdict; official code never met such an item."""


def recorded_judgment(benchmark: Benchmark, cells: Row, expected: bool = False, official: bool = False) -> Judgment:
    """One record as a judgment.

    A `judgment` that lmms_eval logged is taken as it is. Otherwise an answer's text is parsed; where that is empty,
    a recorded verdict counts. `expected` takes the mean of the scores' distribution in place of a valid score.

    Args:
        benchmark: Whose record it is.
        cells: The record: by the names of `RecordedColumns` what was found for each part, and by their own names
            `judgment` and what official code and log-probabilities need.
        expected: See above; needs columns of log-probabilities.
        official: Treat the judgment as the benchmark's own code does.

    Raises:
        DataError: A part is missing or unfit; names the column.
    """
    try:
        if isinstance(cells.get("judgment"), Mapping):
            judgment = logged_judgment(cells["judgment"], benchmark.kind)
        else:
            judgment = _from_cells(benchmark, cells)
        if expected and judgment.verdict.is_valid:
            judgment = replace(judgment, verdict=Score(_expected(benchmark, cells)))
        is_stated = judgment.verdict.reason == NOT_RECORDED
        return benchmark.official.rule(judgment, cells) if official and not is_stated else judgment
    except ArgumentError as error:
        raise DataError(str(error)) from error


def _from_cells(benchmark: Benchmark, cells: Row) -> Judgment:
    text, verdict, label, order = (cells.get(name) for name in ("text", "verdict", "label", "order"))
    if "text" not in cells and "verdict" not in cells:
        raise DataError("there is no answer and no verdict to read")
    n = len(str(order)) if order else _n_responses(benchmark, label)
    presented_order = str(order) if order else identity_order(n)
    is_read = text is not None and (is_filled(text) or not is_filled(verdict))
    parsed = (
        get_protocol(benchmark.protocol).parse(str(text), n) if is_read else Parsed(verdict_of(benchmark.kind, verdict))
    )
    return Judgment(
        item_id=str(cells.get("item_id", "")),
        order=presented_order,
        verdict=to_canonical(parsed.verdict, presented_order),
        raw=str(text) if is_read else "",
        protocol=benchmark.protocol,
        span=parsed.span,
        read_as=parsed.read_as,
        label=_label(benchmark.kind, label) if is_filled(label) else None,
        cluster=str(cells["cluster"]) if is_filled(cells.get("cluster")) else None,
        models=tuple(None if not is_filled(model) else str(model) for model in cells.get("models", ())),
        lengths=tuple(_length(length) for length in cells.get("lengths", ())),
    )


def _n_responses(benchmark: Benchmark, label: Any) -> int:
    return len(str(label)) if benchmark.kind == "ranking" and label else benchmark.n_responses


def _expected(benchmark: Benchmark, cells: Row) -> float:
    names = benchmark.recorded.logprobs
    missing = [name for name in names.values() if not is_filled(cells.get(name))]
    if not names or missing:
        columns = ", ".join(missing) or "with log-probabilities of the scores"
        raise DataError(f"expected scores need the columns {columns}.")
    try:
        logprobs = [float(cells[name]) for name in names.values()]
    except (TypeError, ValueError) as error:
        raise DataError(f"a log-probability is not a number ({error}).") from error
    return expected_score(logprobs, list(names))


def is_filled(value: Any) -> bool:
    """Whether a cell holds anything; a missing value does not, nor does text of spaces only."""
    return value is not None and value is not ABSENT and not (isinstance(value, str) and not value.strip())


def first_filled(row: Row, names: Sequence[str]) -> Any:
    """The first of these columns with a value; without one, an empty cell of theirs, or None.

    >>> first_filled({"text": " ", "result": {"judge": "A"}}, ["text", "result.judge"])
    'A'
    """
    present = [value for value in (value_at(row, name) for name in names) if value is not ABSENT]
    return next((value for value in present if is_filled(value)), present[0] if present else None)


def _length(value: Any) -> int:
    try:
        return int(float(value))
    except (TypeError, ValueError, OverflowError) as error:
        raise ArgumentError(f"a response's length is a whole number, not {value!r}.") from error


def _label(kind: LabelKind, value: Any) -> Label:
    verdict = verdict_of(kind, value)
    if isinstance(verdict, Invalid | Scores):
        raise ArgumentError(f"the label {value!r} is not a {kind}.")
    return verdict


def verdict_of(kind: LabelKind, value: Any) -> Verdict:
    """A recorded verdict; what can't be read as one, -1 among it, is invalid."""
    text = str(value).strip() if value is not None else ""
    if text in ("", "-1", "None", "null", "nan"):
        return Invalid(NOT_PARSED)
    try:
        if kind == "score":
            return Score(float(text))
        if kind == "preference":
            return Preference(_SIDES[text.strip("[]").casefold()])
        letters = text.replace("[", "").replace("]", "").replace(",", "").replace(">", "").replace(" ", "")
        return Ranking([ord(letter) - ord("A") for letter in letters.upper()])
    except (KeyError, ValueError, ArgumentError):
        return Invalid(f"unreadable record {text[:40]!r}")


_SIDES = {
    "a": 0,
    "b": 1,
    "c": None,
    "tie": None,
    "tie (bothbad)": None,
    "first": 0,
    "second": 1,
    "output1": 0,
    "output2": 1,
    "model_a": 0,
    "model_b": 1,
    "chosen": 0,
    "rejected": 1,
}

"""Records of past judgments as judgments: what a table's columns mean, and what official code made of bad answers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from critic_eval.benchmarks.tables import Row
from critic_eval.errors import ArgumentError, DataError
from critic_eval.judging import Judgment, Label, LabelKind, Verdict, get_protocol, identity_order, to_canonical
from critic_eval.judging.logged import logged_judgment
from critic_eval.judging.reading import Parsed
from critic_eval.metrics import InvalidPolicy, expected_score

NOT_PARSED = "no verdict recorded"
NOT_RECORDED = "not recorded"
"""Why an item that a recorded judge never judged has no verdict; official code never met such an item."""
Official = Callable[[Judgment, Row], Judgment]
"""What a benchmark's own code makes of a judgment, given its record."""


@dataclass(frozen=True)
class Columns:
    """Names that each part of a record may have; the first one that a table holds is read.

    `text` is a critic's whole answer, `verdict` what was read from it, `logprobs` columns with the log-probability of
    each score, by score.
    """

    item_id: tuple[str, ...] = ("item_id", "id")
    group: tuple[str, ...] = ("group",)
    label: tuple[str, ...] = ("label",)
    verdict: tuple[str, ...] = ("verdict",)
    text: tuple[str, ...] = ("text", "raw", "answer")
    order: tuple[str, ...] = ("order",)
    logprobs: Mapping[float, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Recorded:
    """A benchmark as recorded judgments have it.

    Attributes:
        name: The task's name.
        kind: What is judged; a `score` benchmark may have verdicts of two `scores`.
        n_responses: How many responses an item has, where the table does not say.
        protocol: Name of the protocol that reads a critic's answer.
        figures: What is computed, the benchmark's own metric first.
        columns: The columns of its tables.
        official: See `Official`.
        official_policy: What becomes of verdicts that are invalid even so.
        official_reads: Whether the benchmark's own parser reads an answer, where that is known to differ from ours.
        source: Where the official rule comes from.
    """

    name: str
    kind: LabelKind
    n_responses: int
    protocol: str
    figures: tuple[str, ...]
    columns: Columns
    official: Official
    official_policy: InvalidPolicy = "exclude"
    official_reads: Callable[[str], bool] = lambda text: True
    source: str = ""

    def judgment(self, row: Row, place: str, expected: bool = False, official: bool = False) -> Judgment:
        """One record as a judgment.

        A `judgment` that lmms_eval logged is taken as it is. Otherwise an answer's text is parsed; without a text, the
        recorded verdict counts. `expected` takes the mean of the scores' distribution in place of a valid score.

        Args:
            row: The record.
            place: File and line, for messages.
            expected: See above; needs columns of log-probabilities.
            official: Treat the judgment as the benchmark's own code does.

        Raises:
            DataError: A part is missing or unfit; names the place and the column.
        """
        try:
            if isinstance(row.get("judgment"), Mapping):
                judgment = logged_judgment(row["judgment"], self.kind)
            else:
                judgment = self._from_columns(row, place)
            if expected and judgment.verdict.is_valid:
                judgment = replace(judgment, verdict=Verdict.score(self._expected(row, place)))
            is_stated = judgment.verdict.reason == NOT_RECORDED
            return self.official(judgment, row) if official and not is_stated else judgment
        except ArgumentError as error:
            raise DataError(f"{place}: {error}") from error

    def _from_columns(self, row: Row, place: str) -> Judgment:
        item_id, group, label, verdict, text, order = (
            _first(row, names)
            for names in (
                self.columns.item_id,
                self.columns.group,
                self.columns.label,
                self.columns.verdict,
                self.columns.text,
                self.columns.order,
            )
        )
        if item_id in (None, ""):
            raise DataError(f"{place}: there is none of the columns {', '.join(self.columns.item_id)} with a value.")
        if text is None and verdict is None:
            wanted = ", ".join((*self.columns.text, *self.columns.verdict))
            raise DataError(f"{place}: there is none of the columns {wanted}, so no verdict to read.")
        n = len(str(order)) if order else self._n_responses(label)
        shown = str(order) if order else identity_order(n)
        if text is not None:
            parsed = get_protocol(self.protocol).parse(str(text), n)
        else:
            parsed = Parsed(verdict_of(self.kind, verdict))
        return Judgment(
            item_id=str(item_id),
            order=shown,
            verdict=to_canonical(parsed.verdict, shown),
            raw="" if text is None else str(text),
            protocol=self.protocol,
            span=parsed.span,
            label=None if label in (None, "") else _label(self.kind, label),
            group=None if group in (None, "") else str(group),
        )

    def _n_responses(self, label: Any) -> int:
        return len(str(label)) if self.kind == "ranking" and label else self.n_responses

    def _expected(self, row: Row, place: str) -> float:
        names = self.columns.logprobs
        missing = [name for name in names.values() if row.get(name) in (None, "")]
        if not names or missing:
            columns = ", ".join(missing) or "with log-probabilities of the scores"
            raise DataError(f"{place}: expected scores need the columns {columns}.")
        try:
            logprobs = [float(row[name]) for name in names.values()]
        except (TypeError, ValueError) as error:
            raise DataError(f"{place}: a log-probability is no number ({error}).") from error
        return expected_score(logprobs, list(names))


def unchanged(judgment: Judgment, row: Row) -> Judgment:
    """The official rule of a benchmark whose code leaves out what it can't read."""
    return judgment


def _first(row: Row, names: Sequence[str]) -> Any:
    return next((row[name] for name in names if name in row), None)


def _label(kind: LabelKind, value: Any) -> Label:
    verdict = verdict_of(kind, value)
    if not verdict.is_valid or verdict.kind == "scores":
        raise ArgumentError(f"the label {value!r} is no {kind}.")
    return Label(kind, verdict.value)


def verdict_of(kind: LabelKind, value: Any) -> Verdict:
    """A recorded verdict; what can't be read as one, -1 among it, is invalid."""
    text = str(value).strip() if value is not None else ""
    if text in ("", "-1", "None", "null", "nan"):
        return Verdict.invalid(NOT_PARSED)
    try:
        if kind == "score":
            return Verdict.score(float(text))
        if kind == "preference":
            return Verdict.preference(_SIDES[text.strip("[]").casefold()])
        letters = text.replace("[", "").replace("]", "").replace(",", "").replace(">", "").replace(" ", "")
        return Verdict.ranking([ord(letter) - ord("A") for letter in letters.upper()])
    except (KeyError, ValueError, ArgumentError):
        return Verdict.invalid(f"unreadable record {text[:40]!r}")


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

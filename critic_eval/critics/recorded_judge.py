"""The lmms-eval model `recorded_judge`: past judgments answer, and are measured by the code that measures live ones."""

from collections.abc import Mapping
from typing import Any

from lmms_eval.api.instance import Instance

from critic_eval.benchmarks.records import verdict_of
from critic_eval.benchmarks.tables import Row, read_table
from critic_eval.benchmarks.task import ITEM_COLUMN, ORDER_COLUMN
from critic_eval.critics.text_judge import TextJudge
from critic_eval.errors import ArgumentError, DataError
from critic_eval.judging import LabelKind, Verdict, state_verdict
from critic_eval.judging.protocols import digest_prompt

NOT_RECORDED = "not recorded"

Key = tuple[str, str]


class RecordedJudge(TextJudge):
    """Answers from a table of recorded judgments (`.csv`, `.tsv`, `.jsonl`, `.json`, each also `.gz`).

    A record is found by its item (`item_id`, or `id`) and its presented order (`order`; without one it is the data
    set's own order), or by `prompt_hash`. It holds the judge's whole answer (`text`, `raw`, `answer`), which is parsed
    like a live one, or a `verdict` on the presented positions: a number, `A`, `B` or `tie`, or letters best first.
    Samples that lmms_eval logged are taken as they are. An item without a record is invalid as "not recorded".

    Args:
        path: the table.
        task: takes only records whose column `task` is this, where one file holds several tasks' judgments.

    Raises:
        ArgumentError: no path is given, or an argument is unknown.
        DataError: the file can't be read, or holds nothing to find a judgment by.
    """

    def __init__(self, path: str | None = None, task: str | None = None, **unknown: Any) -> None:
        super().__init__(unknown)
        if path is None:
            raise ArgumentError("recorded_judge needs its records: --model_args path=FILE.")
        self.answers: dict[Key, str] = {}
        table = read_table(path)
        for number, row in table.rows:
            if task is None or str(row.get("task")) == task:
                key, answer = _read(row, f"{table.name}, line {number}")
                self.answers.setdefault(key, answer)
        if not self.answers:
            raise DataError(f"{table.name} holds no judgment{'' if task is None else f' of task {task}'}.")

    def answer(self, request: Instance, document: Mapping[str, Any]) -> str:
        """The recorded answer, or that there is none."""
        for key in (
            (str(document.get(ITEM_COLUMN)), str(document.get(ORDER_COLUMN))),
            ("", digest_prompt(str(request.args[0]))),
        ):
            if key in self.answers:
                return self.answers[key]
        return state_verdict(Verdict.invalid(NOT_RECORDED))


def _read(row: Row, place: str) -> tuple[Key, str]:
    record = row.get("judgment")
    if isinstance(record, Mapping):
        return (str(record.get("item_id")), str(record.get("order"))), str(record.get("raw", ""))
    if row.get("prompt_hash"):
        key = ("", str(row["prompt_hash"]))
    else:
        item = next((row[name] for name in ("item_id", "id") if row.get(name) not in (None, "")), None)
        if item is None:
            raise DataError(f"{place}: there is none of the columns item_id, id and prompt_hash with a value.")
        key = (str(item), str(row.get("order") or _own_order(row)))
    text = next((row[name] for name in ("text", "raw", "answer") if row.get(name) is not None), None)
    if text is not None:
        return key, str(text)
    if "verdict" not in row:
        raise DataError(f"{place}: there is none of the columns text, raw, answer and verdict.")
    return key, state_verdict(_verdict(row["verdict"]))


def _own_order(row: Row) -> str:
    """The data set's own order, as long as the recorded verdict tells."""
    verdict = str(row.get("verdict") or "").strip()
    if _kind(verdict) == "ranking":
        return "".join(sorted(verdict))
    return "AB" if _kind(verdict) == "preference" or "verdict" not in row else "A"


def _verdict(value: Any) -> Verdict:
    return verdict_of(_kind(str(value).strip()), value)


def _kind(verdict: str) -> LabelKind:
    try:
        float(verdict)
    except ValueError:
        return "ranking" if len(verdict) > 1 and sorted(verdict) == _letters(len(verdict)) else "preference"
    return "score"


def _letters(n: int) -> list[str]:
    return [chr(ord("A") + index) for index in range(n)]

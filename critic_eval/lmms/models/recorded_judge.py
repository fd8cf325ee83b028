"""The lmms-eval model `recorded_judge`: past judgments answer, and are measured by the code that measures live ones."""

import logging
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

from lmms_eval.api.instance import Instance

from critic_eval.benchmarks.benchmark import VERDICT_COLUMNS, RecordedColumns
from critic_eval.benchmarks.loading.tables import ABSENT, Row, read_table, value_at
from critic_eval.errors import ArgumentError, DataError
from critic_eval.judging import (
    Confidence,
    Invalid,
    Judgment,
    LabelKind,
    Verdict,
    canonical_indices,
    state_verdict,
    to_presented,
)
from critic_eval.judging.protocols import digest_prompt
from critic_eval.lmms.models.text_judge import TextJudge
from critic_eval.lmms.tasks import ITEM_COLUMN, ORDER_COLUMN
from critic_eval.runs.recorded import NOT_RECORDED, first_filled, is_filled, verdict_of

Key = tuple[str, str | None]
"""An item and its presented order, None for the data set's own; or an empty item and a prompt's hash."""

_logger = logging.getLogger("critic_eval")


class RecordedJudge(TextJudge):
    """Answers from a table of recorded judgments (`.csv`, `.tsv`, `.jsonl`, `.json`, each also `.gz`, or `.parquet`).

    A record is found by its item (`item_id`, or `id`) and its presented order (`order`; without one it is the data
    set's own order), or by `prompt_hash`. It holds the judge's whole answer (`text`, `raw`, `answer`), which is parsed
    like a live one, or, where there is none or it is empty, a `verdict` (`judge`, `result.judge`) on the presented
    positions: a number, `A`, `B` or `tie`, or letters best first. Beside a verdict, `answer` is what was judged.
    Samples that lmms_eval logged are taken as they are. Several records of one item and order answer in turn, as
    repeats do. An item without a record is invalid as "not recorded".

    Args:
        path: file of the table, in one of these formats.
        task: takes only records whose column `task` is this, where one file holds several tasks' judgments.

    Raises:
        ArgumentError: no path is given, or an argument is unknown.
        DataError: the file can't be read, or holds nothing to find a judgment by.
    """

    def __init__(self, path: str | None = None, task: str | None = None, **unknown: Any) -> None:
        super().__init__(unknown)
        if path is None:
            raise ArgumentError("recorded_judge needs its records: --model_args path=FILE.")
        self.answers: dict[Key, list[str]] = {}
        self.given: Counter[tuple[str, Key]] = Counter()
        table = read_table(path)
        for problem in table.problems:
            _logger.warning("left out: %s", problem)
        names = set().union(*(row for _, row in table.rows))
        names |= {name for name in VERDICT_COLUMNS for _, row in table.rows if value_at(row, name) is not ABSENT}
        for number, row in table.rows:
            if task is None or str(row.get("task")) == task:
                key, answer = _read(row, names, f"{table.name}, line {number}")
                self.answers.setdefault(key, []).append(answer)
        if not self.answers:
            raise DataError(f"{table.name} holds no judgment{'' if task is None else f' of task {task}'}.")

    def answer(self, request: Instance, document: Mapping[str, Any]) -> str:
        """The recorded answer, the next one where there are several, or that there is none."""
        item, order = str(document.get(ITEM_COLUMN)), str(document.get(ORDER_COLUMN))
        keys: list[Key] = [(item, order), ("", digest_prompt(str(request.args[0])))]
        if order == "".join(sorted(order)):
            keys.append((item, None))
        for key in keys:
            answers, task_key = self.answers.get(key, []), (str(request.args[4]), key)
            if self.given[task_key] < len(answers):
                self.given[task_key] += 1
                return answers[self.given[task_key] - 1]
        return state_verdict(Invalid(NOT_RECORDED))


def _read(row: Row, names: Collection[str], location: str) -> tuple[Key, str]:
    if isinstance(row.get("judgment"), Mapping):
        judgment = Judgment.from_record(row["judgment"])
        is_said = judgment.span is not None or not judgment.verdict.is_valid
        return (judgment.item_id, judgment.order), judgment.raw if is_said and judgment.raw else _restated(judgment)
    key: Key
    if row.get("prompt_hash"):
        key = ("", str(row["prompt_hash"]))
    else:
        item = next((row[name] for name in ("item_id", "id") if row.get(name) not in (None, "")), None)
        if item is None:
            raise DataError(f"{location}: there is none of the columns item_id, id and prompt_hash with a value.")
        key = (str(item), str(row["order"]) if row.get("order") else None)
    columns = RecordedColumns()
    texts, verdicts = columns.text_beside(names), columns.verdict
    text = first_filled(row, texts)
    verdict = None if is_filled(text) else first_filled(row, verdicts)
    if is_filled(verdict):
        return key, state_verdict(_verdict(verdict))
    if text is not None:
        return key, str(text)
    if not any(value_at(row, name) is not ABSENT for name in verdicts):
        raise DataError(f"{location}: there is none of the columns {', '.join((*texts, *verdicts))}.")
    return key, state_verdict(_verdict(verdict))


def _restated(judgment: Judgment) -> str:
    """The verdict of a judgment as it was stated, with all that it was made of."""
    value, source = judgment.confidence, judgment.confidence_from
    confidence = None if value is None or source is None else Confidence(value, source)
    members = [member._replace(verdict=to_presented(member.verdict, judgment.order)) for member in judgment.members]
    rewards = [judgment.rewards[index] for index in canonical_indices(judgment.order)] if judgment.rewards else []
    return state_verdict(judgment.presented, judgment.logprobs, confidence, judgment.draws, members, rewards=rewards)


def _verdict(value: Any) -> Verdict:
    return verdict_of(_kind(str(value).strip()), value)


def _kind(verdict: str) -> LabelKind:
    try:
        float(verdict)
    except ValueError:
        letters = [chr(ord("A") + index) for index in range(len(verdict))]
        return "ranking" if len(verdict) > 1 and sorted(verdict) == letters else "preference"
    return "score"

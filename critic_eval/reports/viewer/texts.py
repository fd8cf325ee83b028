"""The texts of an item: what was asked and shown, and what each critic answered."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from critic_eval.errors import CriticEvalError, DataError
from critic_eval.judging import Judgment, MemberVerdict
from critic_eval.judging.logged import logged_judgment
from critic_eval.judging.stated_verdicts import ELICITED
from critic_eval.judging.verdicts import verdict_text
from critic_eval.reports.viewer.columns import finite
from critic_eval.reports.viewer.table import Table


def item_texts(table: Table, item: int) -> dict[str, Any]:
    """All there is to read of an item, as a dict that JSON can hold.

    `shown` is None for samples older than what they log of it. In `slots` there is for each order and each run an
    answer, in the three parts before, inside and after what the parser read, or None where the run has no judgment.

    Raises:
        DataError: the samples changed meanwhile.
    """
    shown: dict[str, Any] | None = None
    remarks: list[str] = []
    models: list[str | None] = []
    slots = []
    for slot in range(int(table.starts[item]), int(table.starts[item + 1])):
        answers: list[dict[str, Any] | None] = []
        prompts: list[str] = []
        for samples, rows in zip(table.samples, table.rows, strict=True):
            row = int(rows[slot])
            if row < 0:
                answers.append(None)
                continue
            record = samples.line(row)
            judgment, logged = _judgment(record, samples.file, table.item_id(item))
            texts = _shown(logged.get("shown"))
            shown = shown or texts
            if texts is not None and texts != shown and not remarks:
                remarks.append("Not every judgment was of the same texts; these are the first's.")
            models = models or list(judgment.models)
            prompt = _text(record.get("input"))
            answers.append(
                {
                    "raw": raw_parts(judgment),
                    "protocol": judgment.protocol,
                    "seconds": finite(judgment.seconds),
                    "tokens": _tokens(record),
                    # A verdict that was elicited has the one answer after which it was.
                    "draws": list(judgment.draws) if judgment.read_as != ELICITED else [],
                    "isElicited": judgment.read_as == ELICITED,
                    "members": [_member(member) for member in judgment.members],
                    "confidence": finite(judgment.confidence),
                    "logprobs": [(name, finite(value)) for name, value in (judgment.logprobs or {}).items()],
                    "rewards": [finite(reward) for reward in judgment.rewards or ()],
                    # Of two runs that asked the same, one prompt is enough.
                    "prompt": None if prompt in prompts else prompt,
                }
            )
            prompts.append(prompt)
        slots.append(answers)
    return {"shown": shown, "remarks": remarks, "models": models if any(models) else [], "slots": slots}


def _judgment(record: Mapping[str, Any], file: Path, item_id: str) -> tuple[Judgment, Mapping[str, Any]]:
    try:
        judgment = logged_judgment(record["judgment"])
    except (CriticEvalError, LookupError, TypeError):
        judgment = None
    if judgment is None or judgment.item_id != item_id:
        raise DataError(f"{file.name} has changed since it was opened; start the viewer again.")
    return judgment, record["judgment"]


def raw_parts(judgment: Judgment) -> list[str]:
    """An answer in three parts: before, inside and after the span that the parser read.

    They are cut here since a page counts characters in another unit (UTF-16) than spans do.
    """
    if judgment.read_as == ELICITED and judgment.draws:
        return [judgment.draws[0], "", ""]
    raw, span = judgment.raw, judgment.span
    if span is None or not 0 <= span[0] < span[1] <= len(raw):
        return [raw, "", ""]
    return [raw[: span[0]], raw[span[0] : span[1]], raw[span[1] :]]


def _member(member: MemberVerdict) -> dict[str, str]:
    """What a member of a jury said, with why where that is no verdict."""
    why = f": {member.verdict.reason}" if member.verdict.reason else ""
    return {"critic": member.critic, "verdict": verdict_text(member.verdict) + why, "text": member.text}


def _shown(texts: Any) -> dict[str, Any] | None:
    if not isinstance(texts, Mapping):
        return None
    known = {name: _text(texts[name]) for name in ("question", "reference", "rubric", "context") if texts.get(name)}
    responses = texts.get("responses")
    return {**known, "responses": [_text(response) for response in responses] if isinstance(responses, list) else []}


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False, indent=1)
    except (RecursionError, ValueError):
        return "(This is nested too deeply to be shown, or holds a number of too many digits.)"


def _tokens(record: Mapping[str, Any]) -> int | None:
    counts = record.get("token_counts")
    first = counts[0] if isinstance(counts, list) and counts else None
    tokens = first.get("output_tokens") if isinstance(first, Mapping) else None
    return tokens if type(tokens) is int and 0 <= tokens < 1 << 40 else None

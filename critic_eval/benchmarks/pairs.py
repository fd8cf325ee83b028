"""`critic_pairs`: a user's own pairs of responses, from a JSONL file named by `CRITIC_EVAL_PAIRS`."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from critic_eval.benchmarks.task import JudgeTask, Row
from critic_eval.errors import DataError
from critic_eval.judging import Item, Label, Response

VARIABLE = "CRITIC_EVAL_PAIRS"

LABELS = {"A": 0, "B": 1, "tie": None}


def data_files() -> dict[str, str]:
    """The user's file, as `datasets` takes it, after every line was checked.

    Raises:
        DataError: no file is named, it does not exist, or a line is malformed; the line and field are named.
    """
    named = os.environ.get(VARIABLE)
    if not named:
        raise DataError(f"critic_pairs reads your own file: set {VARIABLE} to a JSONL file (see the README).")
    path = Path(named).expanduser().resolve()
    if not path.is_file():
        raise DataError(f"There is no file {path}, which {VARIABLE} names.")
    ids: dict[str, int] = {}
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                first = ids.setdefault(_check(line, f"{path.name}, line {number}"), number)
                if first != number:
                    raise DataError(f"{path.name}, line {number}: the id was used on line {first} already.")
    if not ids:
        raise DataError(f"{path} holds no items.")
    return {"test": str(path)}


def read_item(row: Row) -> Item:
    """One row as an item; a relative image path counts from the file's folder."""
    folder = Path(os.environ[VARIABLE]).expanduser().resolve().parent
    images = row.get("image")
    paths = [images] if isinstance(images, str) else list(images or ())
    located = tuple(folder / path for path in paths)
    return Item(row["id"], row["question"], tuple(Response(text) for text in row["responses"]), located)


def read_label(row: Row) -> Label | None:
    """`A`, `B` or `tie`; None where the item has no label."""
    return Label.preference(LABELS[row["label"]]) if row.get("label") else None


PAIRS = JudgeTask(
    "llava_critic_pair",
    ("id", "question", "responses"),
    read_item,
    read_label,
    ("accuracy_with_tie", "accuracy_without_tie", "order_consistency", "invalid_rate"),
)


def _check(line: str, place: str) -> str:
    """Check one line and return its id."""
    try:
        row = json.loads(line)
    except ValueError as error:
        raise DataError(f"{place} is not JSON ({error}).") from error
    if not isinstance(row, Mapping):
        raise DataError(f"{place} is not a JSON object.")
    for field, is_fit, wanted in _FIELDS:
        if not is_fit(row.get(field)):
            raise DataError(f"{place}: {field!r} must be {wanted}.")
    return str(row["id"])


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


_FIELDS = (
    ("id", _is_text, "a text that no other line has"),
    ("question", _is_text, "a text"),
    ("responses", lambda value: _are_texts(value) and len(value) == 2, "a list of two texts"),
    ("image", lambda value: value is None or _is_text(value) or _are_texts(value), "a path or a list of paths"),
    ("label", lambda value: value is None or value in LABELS, "'A', 'B', 'tie', or absent"),
)

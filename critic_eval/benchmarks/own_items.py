"""`critic_pairs`, `critic_scores`, `critic_ranks`: a user's own items, from a file named in the environment."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from critic_eval.benchmarks.loading.cases import Case, UnusableError, number_of, optional_text, text_of
from critic_eval.benchmarks.loading.inside import short
from critic_eval.benchmarks.loading.own_files import OwnFile
from critic_eval.benchmarks.loading.tables import Row
from critic_eval.benchmarks.loading.unread_columns import refuse_unread
from critic_eval.errors import ArgumentError, DataError
from critic_eval.judging import Item, Preference, Ranking, Response, Score

SCALE_VARIABLE = "CRITIC_EVAL_SCALE"


def read_pair(row: Row, source: OwnFile) -> Iterator[Case]:
    """Two responses; the label is `A`, `B` or `tie`."""
    label = row.get("label")
    if label not in (None, "") and label not in _BETTER:
        raise UnusableError(f"label is {short(label)}, none of 'A', 'B' and 'tie'")
    yield Case(_item(row, source, (2, 2)), None if label in (None, "") else Preference(_BETTER[str(label)]))


def read_score(row: Row, source: OwnFile) -> Iterator[Case]:
    """One response; the label is a number on the scale that `CRITIC_EVAL_SCALE` states (0:100 by default)."""
    label = None if row.get("label") in (None, "") else Score(number_of(row, "label", *_scale()))
    yield Case(_item(row, source, (1, 1)), label)


def read_ranking(row: Row, source: OwnFile) -> Iterator[Case]:
    """Two or more responses; the label has their letters, best first, as in `CAB`."""
    item, label = _item(row, source, (2, 26)), row.get("label")
    if label in (None, ""):
        yield Case(item)
        return
    try:
        ranking = Ranking([ord(letter) - ord("A") for letter in str(label)])
    except ArgumentError:
        ranking = None
    if ranking is None or len(ranking.value) != len(item.responses):
        raise UnusableError(f"label is {short(label)}, no ranking of {len(item.responses)} responses such as 'BA'")
    yield Case(item, ranking)


def _item(row: Row, source: OwnFile, bounds: tuple[int, int]) -> Item:
    name = row.get("id")
    if name in (None, ""):
        raise UnusableError("id is empty")
    refuse_unread(row, _COLUMNS)
    responses = _responses(row)
    least, most = bounds
    if not least <= len(responses) <= most:
        wanted = str(least) if least == most else f"{least} to {most}"
        raise UnusableError(f"responses are {len(responses)}, not {wanted}")
    return Item(
        str(name),
        text_of(row, "question"),
        responses,
        _images(row, source),
        reference=optional_text(row, "reference"),
        rubric=optional_text(row, "rubric"),
        group=optional_text(row, "group"),
    )


def _responses(row: Row) -> tuple[Response, ...]:
    """A list `responses`, or, as tables have it, a column `response` or columns `response_1`, `response_2` and on."""
    listed, models = _list(row, "responses"), _list(row, "models") or []
    columns = [name for name in _RESPONSES if row.get(name) not in (None, "")]
    if listed and columns:
        raise UnusableError(f"responses and {columns[0]} are both given")
    if listed is None:
        if columns and columns != ["response"] and columns != list(_RESPONSES[1 : len(columns) + 1]):
            raise UnusableError(f"{', '.join(columns[:3])} are not response_1, response_2 and on")
        listed = [row[name] for name in columns]
    if not listed:
        raise UnusableError("responses are missing")
    responses = []
    for index, text in enumerate(listed):
        if not isinstance(text, str | int | float) or not str(text).strip():
            raise UnusableError(f"response {index + 1} is empty")
        responses.append(Response(str(text), str(models[index]) if index < len(models) else None))
    return tuple(responses)


def _list(row: Row, name: str) -> list[Any] | None:
    """A column with a list, which in a table's cell is written as JSON; None where it is absent or empty."""
    value = row.get(name)
    if isinstance(value, str) and value:
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise UnusableError(f"{name} is not a list") from None
    if value in (None, ""):
        return None
    if not isinstance(value, list):
        raise UnusableError(f"{name} is not a list")
    return value


def _images(row: Row, source: OwnFile) -> tuple[Path, ...]:
    """Image files; a path counts from the file's folder, and stays in it."""
    listed = _list(row, "images")
    given = row.get("image")
    if given and listed:
        raise UnusableError("image and images are both given")
    named = listed or ([] if not given else given if isinstance(given, list) else [given])
    return tuple(image for value in named for image in source.locate(value))


def _scale() -> tuple[float, float]:
    named = os.environ.get(SCALE_VARIABLE, "0:100")
    try:
        low, high = (float(part) for part in named.split(":"))
    except ValueError:
        raise DataError(f"{SCALE_VARIABLE}={named} is not a scale such as 1:5.") from None
    return low, high


_RESPONSES = ("response", *(f"response_{number}" for number in range(1, 27)))
_COLUMNS = (
    *("id", "question", "image", "images", "responses", *_RESPONSES),
    *("label", "group", "reference", "rubric", "models"),
)
_BETTER = {"A": 0, "B": 1, "tie": None}

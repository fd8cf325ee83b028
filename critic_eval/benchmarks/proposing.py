"""A declaration proposed for a user's data: which column is what, and how a critic would be asked."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from critic_eval.benchmarks.loading.tables import Row, read_batches
from critic_eval.errors import ArgumentError
from critic_eval.judging import LabelKind

LOOKED_AT = 2000
"""Rows at most by which a column's meaning is told."""


@dataclass(frozen=True)
class Proposal:
    """What the columns of a file seem to be.

    Attributes:
        kind: what is judged.
        columns: by the names of a declaration's `columns`.
        unused: columns that nothing was made of.
        notes: what a person should check.
    """

    kind: LabelKind
    columns: Mapping[str, Any]
    unused: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def propose(file: Path) -> Proposal:
    """Look at the columns of a table, and at the values of its first rows.

    Raises:
        DataError: the file can't be read.
        ArgumentError: there is no column of a question or of responses; says which columns there are.
    """
    table = _Table.of(file)
    responses = _responses(table)
    question = table.first(_QUESTION)
    if question is None or not responses:
        what = "a question" if question is None else "responses"
        raise ArgumentError(
            f"{file.name} has no column that looks like {what}; it has {', '.join(table.names)}. Copy "
            "templates/benchmark/ and name the columns there."
        )
    kind = _kind(table, responses)
    notes: list[str] = []
    columns: dict[str, Any] = {"id": _id(table, notes), "question": question}
    columns |= {"responses" if len(responses) > 1 or kind != "score" else "response": _plain(responses)}
    models = [name for name in map(_model_of, responses) if name in table.names] or table.all_of(_MODELS)
    columns |= {"models": _plain(models)} if models else {}
    columns |= {"images": image} if (image := table.first(_IMAGES)) else {}
    columns |= {"label": label} if (label := _label(table, kind, notes)) is not None else {}
    for part, names in _OTHERS.items():
        columns |= {part: name} if (name := table.first(names)) and name not in _used(columns) else {}
    if "label" not in columns:
        notes.append("No column looks like a label: without one you get verdicts, consistency and the invalid rate.")
    unused = tuple(name for name in table.names if name not in _used(columns))
    return Proposal(kind, columns, unused, tuple(notes))


def declaration(name: str, file: str, proposal: Proposal) -> str:
    """The YAML of a benchmark.

    Args:
        name: its task's name.
        file: the data, as the declaration names it: a path from its own folder.
        proposal: what the columns are.
    """
    protocol, figures = _ASKED[proposal.kind]
    content: dict[str, Any] = {
        "task": name,
        "title": name.replace("_", " "),
        "about": "what is judged here, in a few words",
        "data": {"file": file},
        "columns": dict(proposal.columns),
        "protocol": protocol,
        "figures": list(figures),
    }
    lines = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110)
    return "\n".join(
        [
            f"# Run it with: CRITIC_EVAL_TASKS=FOLDER_OF_THIS_FILE lmms_eval --model llava_critic --tasks {name} ...",
            *(f"# Check: {note}" for note in proposal.notes),
            *([f"# Not used: {', '.join(proposal.unused)}"] if proposal.unused else []),
            lines,
        ]
    )


@dataclass(frozen=True)
class _Table:
    names: tuple[str, ...]
    rows: tuple[Row, ...] = field(repr=False)

    @classmethod
    def of(cls, file: Path) -> _Table:
        rows: list[Row] = []
        names: dict[str, None] = {}
        for batch in read_batches(file, []):
            names |= dict.fromkeys(batch.names())
            rows += itertools.islice(batch.rows(), LOOKED_AT - len(rows))
            if len(rows) >= LOOKED_AT:
                break
        return cls(tuple(name for name in names if "." not in name), tuple(rows))

    def first(self, names: Sequence[str]) -> str | None:
        """The first column of these names, whatever their case and punctuation."""
        return next(iter(self.all_of(names)), None)

    def all_of(self, names: Sequence[str]) -> list[str]:
        spelled = {_spelled(name): name for name in reversed(self.names)}
        return [spelled[name] for name in map(_spelled, names) if name in spelled]

    def values(self, name: str) -> list[Any]:
        cells = (row.get(name) for row in self.rows)
        return [value for value in cells if value is not None and value != ""]


def _spelled(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.casefold())


def _responses(table: _Table) -> list[str]:
    """Columns of one response each, by a number or letter behind their name; or one that holds a list, or a text."""
    for stem in _RESPONSE:
        for ends in ("123456789", "abcdefgh"):
            numbered = [table.first([f"{stem}{end}", f"{end}{stem}"]) for end in ends]
            several = list(itertools.takewhile(lambda name: name is not None, numbered))
            if len(several) > 1:
                return [str(name) for name in several]
    for pair in (("chosen", "rejected"), ("better", "worse")):
        both = table.all_of(pair)
        if len(both) == 2 and all(isinstance(value, str) for name in both for value in table.values(name)[:20]):
            return both
    for stem in _RESPONSE:
        name = table.first([stem, f"{stem}s"])
        if name is not None and table.values(name):
            return [name]
    return []


def _kind(table: _Table, responses: Sequence[str]) -> LabelKind:
    if len(responses) > 1:
        return "preference" if len(responses) == 2 else "ranking"
    first = next(iter(table.values(responses[0])), "")
    if not isinstance(first, list):
        return "score"
    counts = {len(value) for value in table.values(responses[0]) if isinstance(value, list)}
    return "score" if counts == {1} else "preference" if counts == {2} else "ranking"


def _id(table: _Table, notes: list[str]) -> str:
    for name in table.all_of(_ID) or table.names:
        values = [str(value) for value in table.values(name) if isinstance(value, str | int)]
        if len(values) == len(table.rows) == len(set(values)):
            return name
    known = table.first(_ID)
    notes.append("No column has another value in each row; ids that come twice are left out. Add one that does.")
    return known or table.names[0]


def _label(table: _Table, kind: LabelKind, notes: list[str]) -> Any:
    name = table.first(_LABEL)
    if name is None:
        return None
    values = table.values(name)
    if kind == "score":
        numbers = [float(value) for value in values if _is_number(value)]
        if len(numbers) < len(values) or not numbers:
            return None
        scale = _scale(numbers)
        notes.append(f"{name} was taken for a score from {scale[0]:g} to {scale[1]:g}.")
        return {"column": name, "scale": list(scale)}
    if kind == "ranking":
        return name
    distinct = sorted({str(value).strip() for value in values})
    if set(distinct) <= {"A", "B", "tie"}:
        return name
    meant = next((known for known in _VERDICTS if set(distinct) <= set(known)), None)
    if meant is None:
        notes.append(f"{name} holds {', '.join(distinct[:6])}: say under verdicts which mean A, B and tie.")
        return {"column": name, "verdicts": dict.fromkeys(distinct[:6], "tie")}
    notes.append(f"{name} was read as " + ", ".join(f"{value}: {meant[value]}" for value in distinct) + ".")
    return {"column": name, "verdicts": dict(meant)}


def _scale(numbers: Iterable[float]) -> tuple[float, float]:
    """The narrowest common scale that holds all numbers."""
    held = list(numbers)
    low, high = min(held), max(held)
    common = ((1.0, 5.0), (0.0, 1.0), (0.0, 5.0), (1.0, 7.0), (1.0, 10.0), (0.0, 10.0), (0.0, 100.0))
    return next((scale for scale in common if scale[0] <= low and high <= scale[1]), (low, high))


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return not isinstance(value, bool)


def _model_of(response: str) -> str:
    """What the column of who wrote a response would be called beside it."""
    return re.sub("|".join(_RESPONSE), "model", response, count=1)


def _plain(names: Sequence[str]) -> Any:
    return names[0] if len(names) == 1 else list(names)


def _used(columns: Mapping[str, Any]) -> set[str]:
    listed = (value.get("column") if isinstance(value, Mapping) else value for value in columns.values())
    return {str(name) for value in listed for name in (value if isinstance(value, list) else [value])}


_ID = ("id", "item_id", "uid", "question_id", "qid", "idx", "index", "key")
_QUESTION = ("question", "prompt", "instruction", "query", "user", "text", "input")
_RESPONSE = ("response", "answer", "output", "completion", "candidate", "caption", "assistant")
_MODELS = ("models", "model")
_IMAGES = ("image", "images", "image_path", "img", "img_path", "picture", "photo", "image_file", "file_name")
_LABEL = (
    *("label", "winner", "preference", "preferred", "human", "human_label", "better", "gold", "choice"),
    *("score", "rating", "human_score", "ranking", "rank", "verdict"),
)
_OTHERS = {
    "group": ("group", "category", "topic", "subset", "domain", "task", "source", "dataset"),
    "reference": ("reference", "reference_answer", "ground_truth", "gt", "correct_answer"),
    "rubric": ("rubric", "criteria", "criterion"),
    "context": ("context",),
}
_VERDICTS: tuple[dict[str, str], ...] = (
    {"A": "A", "B": "B", "C": "tie", "tie": "tie", "Tie": "tie", "a": "A", "b": "B"},
    {"1": "A", "2": "B", "0": "tie", "tie": "tie"},
    {"0": "A", "1": "B", "tie": "tie"},
    {"model_a": "A", "model_b": "B", "tie": "tie", "tie (bothbad)": "tie", "both": "tie"},
    {"first": "A", "second": "B", "equal": "tie", "tie": "tie"},
    {"left": "A", "right": "B", "tie": "tie"},
    {"response_1": "A", "response_2": "B", "response_a": "A", "response_b": "B", "tie": "tie"},
    {"chosen": "A", "rejected": "B"},
)
_ASKED: dict[LabelKind, tuple[str, tuple[str, ...]]] = {
    "preference": (
        "llava_critic_pair",
        ("accuracy_with_tie", "accuracy_without_tie", "order_consistency", "invalid_rate"),
    ),
    "score": ("llava_critic_score", ("pearson", "spearman", "kendall", "invalid_rate")),
    "ranking": ("llava_critic_rank", ("levenshtein", "kendall_distance", "invalid_rate")),
}

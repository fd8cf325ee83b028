"""What the columns of a user's table are: `--map column=role`, and near names for what is not there."""

from collections.abc import Collection, Sequence
from dataclasses import fields, replace
from difflib import get_close_matches
from string import ascii_lowercase

from critic_eval.benchmarks.benchmark import RecordedColumns
from critic_eval.errors import ArgumentError

Map = Sequence[tuple[str, str]]
"""Columns and their roles."""

_LETTERS = ascii_lowercase[:8]
_PARTS = {"id": "item_id", **{name: name for name in ("group", "label", "verdict", "text", "order", "cluster")}}
_OF_RESPONSES = {f"{role}_{letter}": f"{role}s" for role in ("model", "length") for letter in _LETTERS}
ROLES = (*_PARTS, *_OF_RESPONSES)
"""All roles; `model_a` is who wrote response A, `length_a` how many characters it has."""


def parse_map(named: Sequence[str]) -> Map:
    """`column=role` as a user types it. Raises ArgumentError for another form or an unknown role, with near names."""
    roles = []
    for text in named:
        column, sign, role = text.rpartition("=")
        if not sign or not column:
            raise ArgumentError(f"--map takes column=role, not {text!r}.")
        if role not in ROLES:
            near = get_close_matches(role, ROLES, n=2) or [*_PARTS, "model_a", "length_a", "..."]
            raise ArgumentError(f"There is no role {role!r} for {column}; did you mean {' or '.join(near)}?")
        roles.append((column, role))
    return roles


def mapped(columns: RecordedColumns, named: Map) -> RecordedColumns:
    """A benchmark's columns with those that a user named in their place; a named column has no other part.

    Where a verdict is named and no text, no text is read.
    """
    if not named:
        return columns
    taken = {column for column, _ in named}
    parts: dict[str, tuple[str, ...]] = {
        field.name: tuple(name for name in getattr(columns, field.name) if name not in taken)
        for field in fields(columns)
        if field.name not in ("logprobs", "asked")
    }
    roles = {role for _, role in named}
    for role, part in _PARTS.items():
        if role in roles:
            parts[part] = tuple(column for column, its_role in named if its_role == role)
    if "verdict" in roles and "text" not in roles:
        parts["text"] = ()
    for part in ("models", "lengths"):
        chosen = {role: column for column, role in named if _OF_RESPONSES.get(role) == part}
        if chosen and sorted(chosen) != [f"{part[:-1]}_{letter}" for letter in _LETTERS[: len(chosen)]]:
            raise ArgumentError(f"Of {part[:-1]}_a, {part[:-1]}_b, ... name all up to {max(chosen)}.")
        parts[part] = tuple(chosen[role] for role in sorted(chosen))
    return replace(columns, **parts)  # type: ignore[arg-type]  # names of columns


def check_named(named: Map, names: Collection[str], table: str) -> None:
    """Raises ArgumentError that gives near names for a column that a table does not have."""
    for column, _ in named:
        if column not in names:
            near = get_close_matches(column, names, n=2) or sorted(names)[:10]
            raise ArgumentError(f"{table} has no column {column!r}; did you mean {' or '.join(near)}?")

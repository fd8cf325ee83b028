"""YAML that people write, read strictly: an unknown key is refused with a near one, and no key may come twice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from critic_eval.errors import ArgumentError

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the one in C, where it was built, is ten times as fast


class StrictLoader(_Loader):  # type: ignore[misc]  # a SafeLoader, of one of two kinds
    """Refuses a key that comes twice, of which YAML's loader would silently keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """See above."""
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = [key for number, key in enumerate(keys) if key in keys[:number]]
        if twice:
            raise yaml.constructor.ConstructorError(None, None, f"{twice[0]!r} comes twice", node.start_mark)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping


def read_yaml(file: Path) -> dict[str, Any]:
    """The mapping in a YAML file. Raises ArgumentError, which names the file, where there is none."""
    try:
        content = yaml.load(file.read_text(encoding="utf-8"), Loader=StrictLoader)  # a SafeLoader
    except FileNotFoundError as error:
        raise ArgumentError(f"There is no file {file}.") from error
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:  # its constructors raise what they happen to
        raise ArgumentError(f"{file} can't be read as YAML: {' '.join(str(error).split())[:300]}") from error
    if not isinstance(content, dict):
        raise ArgumentError(f"{file} is not a mapping of names to values.")
    return content


class Section:
    """A mapping of a file, whose values are asked for by name and type.

    Args:
        content: the mapping; None is an empty one.
        where: the file and the place in it, for messages.
    """

    def __init__(self, content: Any, where: str) -> None:
        if content is not None and not isinstance(content, Mapping):
            raise ArgumentError(f"{where} is a mapping of names to values, not {type(content).__name__}.")
        self._content: Mapping[Any, Any] = content or {}
        self._where = where

    def __contains__(self, name: object) -> bool:
        """Whether there is such a key."""
        return name in self._content

    def __iter__(self) -> Iterator[str]:
        """The keys."""
        return iter(self._content)

    def only(self, known: Sequence[str]) -> None:
        """Raise ArgumentError, which names near ones, for a key that is not among these."""
        for key in self._content:
            if key not in known:
                near = get_close_matches(str(key), known, n=2) or known
                raise ArgumentError(f"{self._where} has no {key!r}; did you mean {' or '.join(near)}?")

    def value(self, name: str, *default: Any) -> Any:
        """A value of any type. Raises ArgumentError where there is neither it nor a default."""
        if name not in self._content:
            if not default:
                raise ArgumentError(f"{self._where} lacks {name}.")
            return default[0]
        return self._content[name]

    def text(self, name: str, *default: str) -> str:
        """A text, or a number as text. Raises ArgumentError for another type, or where it is missing."""
        value = self.value(name, *default)
        if value is None and default:
            return default[0]
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ArgumentError(f"{self._where}: {name} is text, not {type(value).__name__}.")
        return str(value).strip()

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts, of which one may stand alone; empty where there is none."""
        value = self.value(name, ())
        listed = value if isinstance(value, list | tuple) else [value]
        if not all(isinstance(entry, str | int | float) for entry in listed):
            raise ArgumentError(f"{self._where}: {name} is a list of texts.")
        return tuple(map(str, listed))

    def numbers(self, name: str, default: tuple[float, float]) -> tuple[float, float]:
        """Two numbers, the lower first. Raises ArgumentError for anything else."""
        value = self.value(name, default)
        are_numbers = isinstance(value, list | tuple) and all(type(number) in (int, float) for number in value)
        if not are_numbers or len(value) != 2 or not value[0] < value[1]:
            raise ArgumentError(f"{self._where}: {name} is two numbers, the lower first, such as [1, 5].")
        return float(value[0]), float(value[1])

    def mapping(self, name: str) -> dict[str, Any]:
        """A mapping as it stands; empty where there is none."""
        return dict(self.section(name)._content)

    def section(self, name: str) -> Section:
        """A mapping whose values are asked for in turn; empty where there is none."""
        return Section(self.value(name, None), f"{self._where}: {name}")

    def choice(self, name: str, choices: Sequence[str], default: Any) -> Any:
        """One of some texts. Raises ArgumentError for another."""
        value = self.value(name, default)
        if value not in choices:
            raise ArgumentError(f"{self._where}: {name} is {', '.join(choices)}, not {value!r}.")
        return value

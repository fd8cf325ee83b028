"""YAML files that people write, read strictly: a key that is unknown, or that comes twice, is refused by name."""

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from critic_eval.errors import ArgumentError


def read_mapping(file: Path, what: str, keys: Sequence[str]) -> dict[str, Any]:
    """The mapping at the top of a file.

    Args:
        file: What to read.
        what: What such a file declares, such as `study`, for messages.
        keys: All that it may have.

    Raises:
        FileNotFoundError: There is no such file.
        ArgumentError: It can't be read as YAML, is not a mapping, or has another key; the sentence names file and key.
    """
    try:
        if file.stat().st_size > _LARGEST:
            raise ArgumentError(f"{file} is larger than a {what} can be, {_LARGEST:,} bytes.")
        content = yaml.load(file.read_text(encoding="utf-8"), Loader=StrictLoader)  # a SafeLoader
    except (FileNotFoundError, ArgumentError):
        raise
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:  # its constructors raise what they happen to
        raise ArgumentError(f"{file} can't be read as YAML: {' '.join(str(error).split())[:300]}") from error
    if not isinstance(content, dict):
        raise ArgumentError(f"{file} is no {what}; it has {', '.join(keys)}.")
    check_keys(content, keys, f"{file}: a {what}")
    return content


def check_keys(content: dict[Any, Any], keys: Sequence[str], whose: str) -> None:
    """Raise ArgumentError, with the nearest name, for a key that is not one of `keys`."""
    for key in content:
        if key not in keys:
            near = get_close_matches(str(key), keys, n=1) or keys
            raise ArgumentError(f"{whose} has no {key!r}; did you mean {' or '.join(near)}?")


class StrictLoader(yaml.SafeLoader):
    """Refuses a key that comes twice, of which YAML's loader would silently keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """As `yaml.SafeLoader` does, but for keys that come twice."""
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = [key for number, key in enumerate(keys) if key in keys[:number]]
        if twice:
            raise yaml.constructor.ConstructorError(None, None, f"{twice[0]!r} comes twice", node.start_mark)
        return super().construct_mapping(node, deep)


_LARGEST = 1 << 20

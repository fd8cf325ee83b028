"""Registries that anybody can add to: protocols, figures, benchmarks and probes, by name."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from importlib import metadata
from typing import Generic, TypeVar

from critic_eval.errors import ArgumentError, ExtensionError

GROUP = "critic_eval.extensions"
"""The entry-point group of plugins: each names a light module, or a function without arguments, that registers."""

Entry = TypeVar("Entry")


class Registry(Generic[Entry]):
    """Entries of one kind by their names; a name is taken once.

    Args:
        what: what an entry is called in messages, such as `protocol`.

    >>> colors: Registry[str] = Registry("color")
    >>> colors.add("red", "#f00")
    '#f00'
    >>> colors.get("rod")
    Traceback (most recent call last):
        ...
    critic_eval.errors.ArgumentError: There is no color 'rod'; did you mean red?
    """

    def __init__(self, what: str) -> None:
        self.what = what
        self._entries: dict[str, Entry] = {}

    def add(self, name: str, entry: Entry) -> Entry:
        """Add an entry, and give it back.

        Raises:
            ArgumentError: the name is empty, or taken by another entry.
        """
        if not name or not name.isprintable() or name != name.strip():
            raise ArgumentError(f"A {self.what} needs a name; {name!r} is none.")
        if self._entries.get(name, entry) != entry:
            raise ArgumentError(f"There is a {self.what} {name!r} already; give yours another name.")
        self._entries[name] = entry
        return entry

    def get(self, name: str) -> Entry:
        """The entry of that name. Raises ArgumentError that names near ones."""
        load_extensions()
        if name in self._entries:
            return self._entries[name]
        near = get_close_matches(name, self._entries) or self.names()
        raise ArgumentError(f"There is no {self.what} {name!r}; did you mean {' or '.join(near)}?")

    def names(self) -> list[str]:
        """All names, sorted."""
        load_extensions()
        return sorted(self._entries)

    def __contains__(self, name: object) -> bool:
        """Whether there is an entry of that name."""
        load_extensions()
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        """Names in the order in which they were added."""
        load_extensions()
        return iter(tuple(self._entries))

    def remove(self, name: str) -> None:
        """Take an entry out again, as tests do with their own."""
        self._entries.pop(name, None)


def load_extensions() -> None:
    """Import every plugin of the group `critic_eval.extensions`, once.

    Raises:
        ExtensionError: a plugin can't be imported, or fails to register; names it.
    """
    global _is_loaded
    if _is_loaded:
        return
    _is_loaded = True  # before, since a plugin may ask a registry while it is loaded
    points = sorted(metadata.entry_points(group=GROUP), key=lambda point: point.name)
    try:
        for point in points:
            _load(point)
    except ExtensionError:
        _is_loaded = False
        raise


_is_loaded = False


def _load(point: metadata.EntryPoint) -> None:
    try:
        loaded = point.load()
        if callable(loaded):
            loaded()
    except Exception as error:  # whatever somebody's module raises
        package = point.dist.name if point.dist is not None else "an unknown package"
        raise ExtensionError(
            f"The extension {point.name} of {package} can't be loaded ({type(error).__name__}: {error}); "
            "repair or uninstall it."
        ) from error

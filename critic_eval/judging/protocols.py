"""All protocols by name: those that come along, in `protocols/*.yaml`, and those that users add by the same door.

Trained prompts of critics and benchmarks' prompts are input formats and kept to the letter; each says where it comes
from. What a file declares stands in `critic_eval.judging.protocol_files`.
"""

import os
from functools import cache, lru_cache
from pathlib import Path

from critic_eval.errors import ArgumentError
from critic_eval.judging.protocol import Parser, Protocol, VerdictForm, digest_prompt
from critic_eval.judging.protocol_files import read_protocol
from critic_eval.registry import Registry

__all__ = [
    "DEFAULT_MAX_NEW_TOKENS",
    "Parser",
    "Protocol",
    "VerdictForm",
    "digest_prompt",
    "get_protocol",
    "protocol_family",
    "protocol_names",
    "register_protocol",
    "token_limit",
]

DEFAULT_MAX_NEW_TOKENS = 1024


def get_protocol(name: str | os.PathLike[str]) -> Protocol:
    """The protocol of that name, or of that file (`my_prompt.yaml`, or any path with a separator).

    A protocol from a file is known by its name from then on; a file that has changed is read again.

    Raises:
        ArgumentError: There is no such protocol, and near names; or the file can't be read, or declares what a protocol
            does not have.

    >>> get_protocol("llava_critic_pair").kind
    'preference'
    """
    return register_protocol(Path(name)) if _is_file(name) else _protocols().get(str(name))


def protocol_names() -> list[str]:
    """All names that `get_protocol` knows, sorted."""
    return _protocols().names()


def register_protocol(protocol: Protocol | str | os.PathLike[str]) -> Protocol:
    """Add a protocol, or the one that a file declares, and give it back.

    Protocols whose names begin alike are a family (`mine_pair`, `mine_score`), which `protocol=mine` selects. A plugin
    of the entry-point group `critic_eval.extensions` calls this when it is loaded.

    Raises:
        ArgumentError: The name is taken, or the file can't be used; names the file.
    """
    if isinstance(protocol, Protocol):
        return _protocols().add(protocol.name, protocol)
    file = Path(protocol).absolute()
    try:
        facts = file.stat()
    except OSError as error:
        raise ArgumentError(f"There is no protocol file {protocol} ({error.strerror}).") from error
    declared = _declared(file, facts.st_mtime_ns, facts.st_size)
    if _files.get(declared.name) == file and _protocols().get(declared.name) != declared:
        _protocols().remove(declared.name)
    try:
        _protocols().add(declared.name, declared)
    except ArgumentError as error:
        raise ArgumentError(f"{protocol}: {str(error)[0].lower()}{str(error)[1:]}") from error
    _files[declared.name] = file
    return declared


def protocol_family(name: str) -> tuple[Protocol, ...]:
    """The protocols of a family, sorted by name, or the one protocol of that name.

    Raises:
        ArgumentError: there is no protocol or family of that name.

    >>> [protocol.name for protocol in protocol_family("reason_first")]
    ['reason_first_pair', 'reason_first_rank', 'reason_first_score']
    """
    names = protocol_names()
    members = [] if name in names else [member for member in names if member.startswith(f"{name}_")]
    return tuple(map(get_protocol, members or [name]))


def token_limit(protocol: Protocol | None, task_limit: int | None, is_selected: bool = False) -> int:
    """How many tokens an answer may have.

    That is the task's limit, else the protocol's, else 1024. A protocol that a run selected in place of a task's own
    gets the room that it declares, where the task gives less. (A model's own `max_new_tokens` bounds all of it.)

    Args:
        protocol: What asks; None for a task that is not ours.
        task_limit: What the task, or `--gen_kwargs`, gives.
        is_selected: Whether the run selected the protocol.

    >>> token_limit(get_protocol("vl_rewardbench"), 96), token_limit(get_protocol("vl_rewardbench"), 96, True)
    (96, 2048)
    """
    declared = None if protocol is None else protocol.max_new_tokens
    if task_limit is None:
        return DEFAULT_MAX_NEW_TOKENS if declared is None else declared
    return max(task_limit, declared) if is_selected and declared is not None else task_limit


_files: dict[str, Path] = {}
"""Where protocols came from that users' files declare."""


@cache
def _protocols() -> Registry[Protocol]:
    from critic_eval.judging.rewards import REWARD_PROTOCOLS

    registry: Registry[Protocol] = Registry("protocol")
    for protocol in REWARD_PROTOCOLS:
        registry.add(protocol.name, protocol)
    read: dict[str, Protocol] = {}
    # In the order of their names, in which those that others extend come first.
    for file in sorted(Path(__file__).with_name("protocols").glob("*.yaml")):
        read[file.stem] = registry.add(file.stem, read_protocol(file, read.__getitem__))
    return registry


@lru_cache(maxsize=256)
def _declared(file: Path, _changed: int, _size: int) -> Protocol:
    return read_protocol(file, get_protocol)


def _is_file(name: str | os.PathLike[str]) -> bool:
    text = os.fspath(name)
    return text.endswith((".yaml", ".yml")) or any(mark in text for mark in (os.sep, os.altsep) if mark)

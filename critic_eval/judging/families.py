"""Families of protocols: those whose names begin alike, as `llava_critic_pair`, `_score` and `_rank`."""

from critic_eval.judging.catalog import get_protocol, protocol_names
from critic_eval.judging.protocols import Protocol


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

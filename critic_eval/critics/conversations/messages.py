"""Conversations as they are asked, and the segments into which a format renders them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from PIL import Image

from critic_eval.errors import ArgumentError

IMAGE_MARK = "<image>"
"""What stands for an image in a readable prompt."""

ROLES = ("system", "user", "assistant")


@dataclass(frozen=True)
class Message:
    """One turn: text and images in the order in which they are shown.

    Attributes:
        role: `system` (only as the first message), `user` or `assistant`.
        content: strings and images.
    """

    role: str
    content: tuple[str | Image.Image, ...]


Conversation: TypeAlias = Sequence[Message]


@dataclass(frozen=True)
class SpecialToken:
    """A mark of the template, one id of the vocabulary; text that merely looks like it is never one."""

    text: str


Segment: TypeAlias = str | Image.Image | SpecialToken


def check_conversation(conversation: Conversation, *, is_answered: bool = False) -> None:
    """Raise `ArgumentError` unless a conversation can be answered, or is."""
    last, purpose = ("assistant", "a reward head to rate") if is_answered else ("user", "the critic to answer")
    if not conversation or conversation[-1].role != last:
        raise ArgumentError(
            f"A conversation has to end with {'an' if is_answered else 'a'} {last} message for {purpose}."
        )
    for position, message in enumerate(conversation):
        if message.role not in ROLES:
            raise ArgumentError(f"The role {message.role!r} is unknown; use one of {', '.join(ROLES)}.")
        if message.role == "system" and position > 0:
            raise ArgumentError("A system message has to be the first of its conversation.")


def readable(segment: Segment) -> str:
    """Give the text that stands for a segment in a readable prompt."""
    if isinstance(segment, str):
        return segment
    return segment.text if isinstance(segment, SpecialToken) else IMAGE_MARK

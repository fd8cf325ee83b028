"""A conversation format: what stands around each message, rendered into segments and as a chat template.

A format renders a conversation into segments that keep apart what came from the template and what came from a
message: only the template's own marks become special tokens, so no text that a data set brings can fake a turn,
an image or an end of answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TypeAlias

from PIL import Image

from critic_eval.critics.conversations.chat_template import write_template
from critic_eval.critics.conversations.messages import (
    ROLES,
    Conversation,
    Message,
    Segment,
    SpecialToken,
    check_conversation,
    readable,
)

Marks: TypeAlias = tuple[str | SpecialToken, ...]
"""Text and special tokens of a template, in order."""


@dataclass(frozen=True)
class ConversationFormat:
    """A conversation format as a critic was trained with it.

    Attributes:
        name: LLaVA's own name of the format.
        around: what stands before and after the content of a message of each role.
        answer: what begins the answer.
        system: the system message that a conversation without one gets; None for a format that has none.
        after_system: what begins a user's message that follows a system message, where that is another beginning.
        around_image: what stands before and after an image.
        stop: text at which an answer ends, in a format whose turns end with text rather than with a token.
        reserved: special tokens that its vocabularies have besides those that it uses; the chat template breaks up
            them too.
        begins_with_bos: whether the chat template writes the token that begins every prompt.
    """

    name: str
    around: Mapping[str, tuple[Marks, Marks]]
    answer: Marks
    system: str | None = None
    after_system: Marks | None = None
    around_image: tuple[Marks, Marks] = ((), ())
    stop: str | None = None
    reserved: tuple[str, ...] = ()
    begins_with_bos: bool = True

    @property
    def special_tokens(self) -> tuple[str, ...]:
        """The vocabulary's tokens that it uses as marks, each once."""
        pieces = [piece for role in ROLES for piece in self.around[role]]
        pieces += [self.after_system or (), *self.around_image, self.answer]
        marks = [mark.text for piece in pieces for mark in piece if isinstance(mark, SpecialToken)]
        return tuple(dict.fromkeys(marks))

    @property
    def end_token(self) -> str | None:
        """The token that ends the assistant's turn, if it ends with one."""
        ends = [mark.text for mark in self.around["assistant"][1] if isinstance(mark, SpecialToken)]
        return ends[0] if ends else None

    @property
    def chat_template(self) -> str:
        """The same format in Jinja, for the processors of servers.

        It breaks up marks that occur in a message's text with a zero-width space, since a processor tokenizes text and
        marks as one string.
        """
        return write_template(
            around={role: (_text(self.around[role][0]), _text(self.around[role][1])) for role in ROLES},
            answer=_text(self.answer),
            system=self.system,
            after_system=None if self.after_system is None else _text(self.after_system),
            around_image=(_text(self.around_image[0]), _text(self.around_image[1])),
            marks=tuple(dict.fromkeys((*self.special_tokens, *self.reserved))),
            begins_with_bos=self.begins_with_bos,
        )

    def with_image_tokens(self, before: str, after: str) -> ConversationFormat:
        """Give the same format with every image between two special tokens."""
        (outer_before, outer_after) = self.around_image
        around = (*outer_before, SpecialToken(before)), (SpecialToken(after), *outer_after)
        return replace(self, around_image=around)

    def segments(self, conversation: Conversation, *, is_answered: bool = False) -> list[Segment]:
        """Render a conversation, ready for the assistant's answer; one that is answered, to the end of that answer.

        Neighboring text is joined, so that it is tokenized as one string, as the model was trained.

        Raises:
            ArgumentError: the conversation is empty, has an unknown role or a system message that is not the first,
                or does not end with the user's message (an answered one, with the assistant's).

        Example:
            >>> from critic_eval.critics.conversations import VICUNA_V1
            >>> VICUNA_V1.segments([Message("user", ("Hello!",))])[0][-23:]
            'USER: Hello! ASSISTANT:'
        """
        check_conversation(conversation, is_answered=is_answered)
        segments: list[Segment] = []
        for segment in self._rendered(conversation):
            if isinstance(segment, str) and segments and isinstance(segments[-1], str):
                segments[-1] += segment
            elif segment != "":
                segments.append(segment)
        return segments

    def text(self, conversation: Conversation) -> str:
        """Render a conversation as one readable string, `<image>` where an image stands."""
        return "".join(readable(segment) for segment in self.segments(conversation))

    def beginnings(self) -> tuple[list[str], list[str]]:
        """The template's texts that begin a prompt, and those that follow a special token.

        Tokenizers that put a prefix before the first word of a prompt may put none after a special token.

        Example:
            >>> from critic_eval.critics.conversations import LLAVA_LLAMA_2
            >>> first, inner = LLAVA_LLAMA_2.beginnings()
            >>> first[0][:14], inner
            ('[INST] <<SYS>>', ['[INST] '])
        """
        image, text = Image.new("RGB", (1, 1)), "\0"
        turns = [Message("user", (image, image, text)), Message("assistant", (text,)), Message("user", (text, image))]
        inner, first = [], []
        for conversation in (turns, [Message("system", (text,)), *turns], turns[-1:]):
            segments = [
                part.partition(text)[0] if isinstance(part, str) else part for part in self.segments(conversation)
            ]
            first += [segment for segment in segments[:1] if isinstance(segment, str)]
            for before, segment in pairwise(segments):
                if isinstance(before, SpecialToken) and isinstance(segment, str):
                    inner.append(segment)
        return [text for text in dict.fromkeys(first) if text], [text for text in dict.fromkeys(inner) if text]

    def _rendered(self, conversation: Conversation) -> Iterator[Segment]:
        if conversation[0].role != "system" and self.system is not None:
            conversation = [Message("system", (self.system,)), *conversation]
        previous = ""
        for message in conversation:
            before, after = self.around[message.role]
            follows_system = previous == "system" and message.role == "user"
            yield from self.after_system if follows_system and self.after_system is not None else before
            yield from self._content(message)
            yield from after
            previous = message.role
        if previous == "user":
            yield from self.answer

    def _content(self, message: Message) -> Iterator[Segment]:
        r"""Lay out one message as LLaVA does: images side by side with a space between, text on a new line after them.

        Source: `<image>\n` before the question in LLaVA's and LLaVA-NeXT's evaluation code; lmms-eval's LLaVA adapters
        join several with a space.
        """
        after_image = False
        for part in message.content:
            is_image = isinstance(part, Image.Image)
            if after_image:
                yield " " if is_image else "\n"
            if is_image:
                yield from (*self.around_image[0], part, *self.around_image[1])
            else:
                yield part
            after_image = is_image


def _text(marks: Marks) -> str:
    return "".join(readable(mark) for mark in marks)

"""Conversations, and the two formats in which LLaVA critics were trained to read them.

A format renders a conversation into segments that keep apart what came from the template and what came from a
message: only the template's own marks become special tokens, so no text that a data set brings can fake a turn,
an image or an end of answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
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


@dataclass(frozen=True)
class ConversationFormat:
    """A conversation format as a critic was trained with it.

    Attributes:
        name: LLaVA's own name of the format.
        special_tokens: the vocabulary's tokens that it uses as marks.
        render: a checked conversation to segments.
        chat_template: the same format in Jinja, for the processors of servers. It breaks up marks that occur in a
            message's text with a zero-width space, since a processor tokenizes text and marks as one string.
    """

    name: str
    special_tokens: tuple[str, ...]
    render: Callable[[Conversation], Iterator[Segment]]
    chat_template: str

    def segments(self, conversation: Conversation, *, is_answered: bool = False) -> list[Segment]:
        """Render a conversation, ready for the assistant's answer; one that is answered, to the end of that answer.

        Neighboring text is joined, so that it is tokenized as one string, as the model was trained.

        Raises:
            ArgumentError: the conversation is empty, has an unknown role or a system message that is not the first,
                or does not end with the user's message (an answered one, with the assistant's).

        Example:
            >>> VICUNA_V1.segments([Message("user", ("Hello!",))])[0][-23:]
            'USER: Hello! ASSISTANT:'
        """
        check_conversation(conversation, is_answered=is_answered)
        segments: list[Segment] = []
        for segment in self.render(conversation):
            if isinstance(segment, str) and segments and isinstance(segments[-1], str):
                segments[-1] += segment
            elif segment != "":
                segments.append(segment)
        return segments

    def text(self, conversation: Conversation) -> str:
        """Render a conversation as one readable string, `<image>` where an image stands."""
        return "".join(readable(segment) for segment in self.segments(conversation))


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


def _content(message: Message) -> Iterator[Segment]:
    r"""Lay out one message as LLaVA does: images side by side with a space between, text on a new line after them.

    Source: `<image>\n` before the question in LLaVA's and LLaVA-NeXT's evaluation code; lmms-eval's LLaVA adapters
    join several with a space.
    """
    after_image = False
    for part in message.content:
        is_image = isinstance(part, Image.Image)
        if after_image:
            yield " " if is_image else "\n"
        yield part
        after_image = is_image


def _render_qwen(conversation: Conversation) -> Iterator[Segment]:
    start, end = SpecialToken("<|im_start|>"), SpecialToken("<|im_end|>")
    if conversation[0].role != "system":
        conversation = [Message("system", ("You are a helpful assistant.",)), *conversation]
    for message in conversation:
        yield from (start, f"{message.role}\n", *_content(message), end, "\n")
    if conversation[-1].role == "user":
        yield from (start, "assistant\n")


_VICUNA_SYSTEM = (
    "A chat between a curious user and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the user's questions."
)


def _render_vicuna(conversation: Conversation) -> Iterator[Segment]:
    if conversation[0].role == "system":
        yield from _content(conversation[0])
        conversation = conversation[1:]
    else:
        yield _VICUNA_SYSTEM
    yield " "
    for message in conversation:
        if message.role == "user":
            yield from ("USER: ", *_content(message), " ")
        else:
            yield from ("ASSISTANT: ", *_content(message), SpecialToken("</s>"))
    if conversation[-1].role == "user":
        yield "ASSISTANT:"


# What a message says must not become a mark, hence `neutral`; \u200b is a zero-width space. The loop over
# message['content'] stays in the template's main loop: servers look for it there to tell that images come as parts.
_NEUTRAL = """{%- macro neutral(text) -%}{{- text<REPLACEMENTS> -}}{%- endmacro -%}"""

_CONTENT = r"""
{%- if message['content'] is string -%}
{{- neutral(message['content']) -}}
{%- else -%}
{%- set state = namespace(after_image=false) -%}
{%- for part in message['content'] -%}
{%- if part['type'] in ('image', 'image_url') -%}
{{- ' ' if state.after_image else '' -}}{{- '<image>' -}}{%- set state.after_image = true -%}
{%- elif part['type'] == 'text' -%}
{{- '\n' if state.after_image else '' -}}{{- neutral(part['text']) -}}{%- set state.after_image = false -%}
{%- endif -%}
{%- endfor -%}
{%- endif -%}"""


def _template(marks: tuple[str, ...], body: str) -> str:
    replacements = "".join(f" | replace('{mark}', '{mark[0]}\\u200b{mark[1:]}')" for mark in (*marks, IMAGE_MARK))
    return _NEUTRAL.replace("<REPLACEMENTS>", replacements) + body.replace("<CONTENT>", _CONTENT)


QWEN_1_5 = ConversationFormat(
    name="qwen_1_5",
    special_tokens=("<|im_start|>", "<|im_end|>"),
    render=_render_qwen,
    chat_template=_template(
        ("<|im_start|>", "<|im_end|>", "<|endoftext|>", "<video>"),
        r"""
{%- if messages[0]['role'] != 'system' -%}
{{- '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n' -}}
{%- endif -%}
{%- for message in messages -%}
{{- '<|im_start|>' + message['role'] + '\n' -}}<CONTENT>{{- '<|im_end|>\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\n' -}}{%- endif -%}""",
    ),
)
"""ChatML with Qwen's system line: LLaVA-OneVision, its chat models and LLaVA-Critic (`conv_templates["qwen_1_5"]`)."""

VICUNA_V1 = ConversationFormat(
    name="vicuna_v1",
    special_tokens=("</s>",),
    render=_render_vicuna,
    chat_template=_template(
        ("<s>", "</s>", "<unk>"),
        r"""
{{- bos_token -}}
{%- if messages[0]['role'] != 'system' -%}{{- "<SYSTEM> " -}}{%- endif -%}
{%- for message in messages -%}
{{- {'system': '', 'user': 'USER: ', 'assistant': 'ASSISTANT: '}[message['role']] -}}
<CONTENT>
{{- {'system': ' ', 'user': ' ', 'assistant': '</s>'}[message['role']] -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- 'ASSISTANT:' -}}{%- endif -%}""".replace("<SYSTEM>", _VICUNA_SYSTEM),
    ),
)
"""Vicuna 1.1: LLaVA-1.5 and Prometheus-Vision (`conv_templates["vicuna_v1"]`)."""

FORMATS = {conversation_format.name: conversation_format for conversation_format in (QWEN_1_5, VICUNA_V1)}

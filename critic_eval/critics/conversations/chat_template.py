"""Chat templates in Jinja that render a conversation as a format does."""

from __future__ import annotations

import json
from collections.abc import Mapping

from critic_eval.critics.conversations.messages import IMAGE_MARK, ROLES


def write_template(
    *,
    around: Mapping[str, tuple[str, str]],
    answer: str,
    system: str | None,
    after_system: str | None,
    around_image: tuple[str, str],
    marks: tuple[str, ...],
    begins_with_bos: bool,
) -> str:
    """Write the template of a format; its arguments are those of `ConversationFormat`, as text.

    Args:
        around: what stands before and after a message of each role.
        answer: what begins the answer.
        system: the system message of a conversation without one, or None.
        after_system: what begins a user's message after a system message, where it is another beginning.
        around_image: what stands before and after an image.
        marks: what is broken up where a message's text spells it out, besides `<image>`.
        begins_with_bos: whether the template writes the token that begins every prompt.
    """
    # A tokenizer without such a token leaves it undefined or None.
    begin = "\n{{- bos_token if bos_token else '' -}}" if begins_with_bos else ""
    opening = "" if system is None else _DEFAULT_SYSTEM.replace("<TEXT>", _quoted(system.join(around["system"])))
    before = _by_role({role: around[role][0] for role in ROLES})
    if after_system is not None:
        follows = _FOLLOWS_DEFAULT if system is not None else _FOLLOWS
        before = f"{_quoted(after_system)} if {follows} else {before}"
    body = _BODY.replace("<BEFORE>", before).replace("<AFTER>", _by_role({role: around[role][1] for role in ROLES}))
    body = body.replace("<CONTENT>", _CONTENT.replace("<IMAGE>", _quoted(IMAGE_MARK.join(around_image))))
    return _neutralizing((*marks, IMAGE_MARK)) + begin + opening + body.replace("<ANSWER>", _quoted(answer))


# What a message says must not become a mark, hence `neutral`; \u200b is a zero-width space.
_NEUTRAL = """{%- macro neutral(text) -%}{{- text<REPLACEMENTS> -}}{%- endmacro -%}"""

_DEFAULT_SYSTEM = r"""
{%- if messages[0]['role'] != 'system' -%}{{- <TEXT> -}}{%- endif -%}"""

_FOLLOWS = "(message['role'] == 'user' and not loop.first and messages[loop.index0 - 1]['role'] == 'system')"
_FOLLOWS_DEFAULT = "(message['role'] == 'user' and (loop.first or messages[loop.index0 - 1]['role'] == 'system'))"

# The loop over message['content'] stays in the template's main loop: servers look for it there to tell that images
# come as parts.
_BODY = r"""
{%- for message in messages -%}
{{- <BEFORE> -}}
<CONTENT>
{{- <AFTER> -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- <ANSWER> -}}{%- endif -%}"""

_CONTENT = r"""
{%- if message['content'] is string -%}
{{- neutral(message['content']) -}}
{%- else -%}
{%- set state = namespace(after_image=false) -%}
{%- for part in message['content'] -%}
{%- if part['type'] in ('image', 'image_url') -%}
{{- ' ' if state.after_image else '' -}}{{- <IMAGE> -}}{%- set state.after_image = true -%}
{%- elif part['type'] == 'text' -%}
{{- '\n' if state.after_image else '' -}}{{- neutral(part['text']) -}}{%- set state.after_image = false -%}
{%- endif -%}
{%- endfor -%}
{%- endif -%}"""


def _neutralizing(marks: tuple[str, ...]) -> str:
    replacements = "".join(f" | replace('{mark}', '{mark[0]}\\u200b{mark[1:]}')" for mark in marks)
    return _NEUTRAL.replace("<REPLACEMENTS>", replacements)


def _by_role(texts: Mapping[str, str]) -> str:
    listed = ", ".join(f"'{role}': {_quoted(text)}" for role, text in texts.items())
    return f"{{{listed}}}[message['role']]"


def _quoted(text: str) -> str:
    """A text as a literal of Jinja, which reads the escapes of JSON."""
    return json.dumps(text)

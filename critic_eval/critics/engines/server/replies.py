"""What a server replies, read as what anybody may have sent: bounded in size and depth, every field checked."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from critic_eval.critics.engines.engine import Request
from critic_eval.critics.engines.server.special_tokens import restored
from critic_eval.critics.engines.server.verdicts import read_shares
from critic_eval.critics.generation import Answer, GenerationSettings
from critic_eval.judging.parsing.answer import thought_end

MOST_BYTES = 1 << 23
"""Of a reply, as it comes and unpacked; the longest answers take some hundred thousand."""
MOST_BYTES_OF_ERROR = 1 << 16
"""Of a reply that is not an answer, beyond which it is not read on."""

ARGUMENTS = (
    *("max_tokens", "max_completion_tokens", "temperature", "top_p", "top_k", "stop", "num_beams"),
    *("repetition_penalty", "length_penalty", "seed", "mm_processor_kwargs"),
)
"""Arguments that a request can do without."""


class MalformedReplyError(Exception):
    """A reply is not a chat completion."""


@dataclass(frozen=True)
class Reply:
    """A reply as it came.

    Attributes:
        status: of HTTP.
        headers: by their names in lower case.
        body: as far as it was read, packed as the headers say.
        is_whole: whether all of the body was read.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    is_whole: bool = True

    @property
    def text(self) -> str:
        """The body as a text, whatever it is, for an error."""
        try:
            return self._unpacked().decode("utf-8", "replace")
        except MalformedReplyError:
            return ""

    def completion(self) -> Mapping[str, Any]:
        """The chat completion that it is.

        Raises:
            MalformedReplyError: it is none, or too long.
        """
        body = self._unpacked()
        if not self.is_whole or len(body) > MOST_BYTES:
            raise MalformedReplyError(f"it is longer than {MOST_BYTES:,} bytes")
        try:
            content = json.loads(body)
        except (ValueError, RecursionError) as error:
            kind = self.headers.get("content-type", "") or "no content type"
            raise MalformedReplyError(f"{type(error).__name__}, {kind}") from error
        if not isinstance(content, dict):
            raise MalformedReplyError("it is not a JSON object")
        return content

    def _unpacked(self) -> bytes:
        """The body, and of one that grows too long when it is unpacked the beginning."""
        packing = self.headers.get("content-encoding", "identity").strip().lower()
        if packing in ("identity", ""):
            return self.body
        if packing not in ("gzip", "x-gzip", "deflate"):
            raise MalformedReplyError(f"it is packed as {packing}, which was not asked for")
        try:
            return zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(self.body, MOST_BYTES + 1)
        except zlib.error as error:
            raise MalformedReplyError(f"it can't be unpacked ({error})") from error


def read_answer(request: Request, content: Mapping[str, Any], settings: GenerationSettings) -> Answer:
    """The answer that a chat completion gives to a request; one without a text has an error that says so.

    Raises:
        MalformedReplyError: a part that an answer is made of is missing or of another type.
        ServerError: log-probabilities were asked for, and there are none.
    """
    try:
        return _read_answer(request, content, settings)
    except (LookupError, ValueError, TypeError, AttributeError, ArithmeticError) as error:
        raise MalformedReplyError(f"{type(error).__name__} in it") from error


def refused_argument(reply: Reply, sent: Mapping[str, Any]) -> str | None:
    """The argument of generation that a refusal is about: the one that it names first among those that were sent.

    >>> said = b'{"error": {"message": "Unsupported value: temperature does not support 0.", "param": "temperature"}}'
    >>> refused_argument(Reply(400, {}, said), {"temperature": 0.0, "max_tokens": 16})
    'temperature'
    """
    text = reply.text
    try:
        parameter = json.loads(text)["error"]["param"]
    except (ValueError, LookupError, TypeError, RecursionError):
        parameter = None
    if isinstance(parameter, str) and parameter in ARGUMENTS and parameter in sent:
        return parameter
    named = _ARGUMENT.finditer(text)
    return next((name for match in named if (name := match[1] or match[2]) in sent), None)


_ARGUMENT = re.compile(
    rf"(?<![a-z_])({'|'.join(name for name in ARGUMENTS if name != 'stop')})(?![a-z_])|(?<=[\"'`])(stop)(?=[\"'`])"
)


def _read_answer(request: Request, content: Mapping[str, Any], settings: GenerationSettings) -> Answer:
    choice, usage = content["choices"][0], content.get("usage")
    text, thought = choice["message"].get("content"), _thought(choice["message"])
    if text is None and not thought:
        why = choice["message"].get("refusal") or choice.get("finish_reason")
        return Answer("", 0, 0, 0.0, error=f"the server gave no text ({why if isinstance(why, str) else 'no reason'})")
    if not isinstance(text, str | None):
        raise MalformedReplyError("its content is not text")
    opening, closing = settings.reasoning_marks[0] if settings.reasoning_marks else ("<think>", "</think>")
    if thought:
        # What a server sets apart is put back as the critic wrote it, so that answers of all engines are read alike.
        text = f"{opening}\n{thought}" if text is None else f"{opening}\n{thought}\n{closing}\n\n{text}"
    text = restored(_whole_characters(text or ""))
    cuts = [text.index(stop) for stop in settings.until if stop in text]
    text = text[: min(cuts, default=len(text))].strip()
    stated = None
    if settings.mode == "verdict" and request.reading is not None:
        stated = read_shares(request.reading, choice)
        if not all(0 <= share <= 1.01 for share in (*stated["shares"].values(), stated["coverage"])):
            raise MalformedReplyError("its log-probabilities are not probabilities")
    tokens = _count(usage, "completion_tokens")
    thinking = _thinking_tokens(text, usage, tokens, settings)
    return Answer(text, _count(usage, "prompt_tokens"), tokens, 0.0, stated, thought_tokens=thinking)


def _thought(message: Mapping[str, Any]) -> str:
    """What a server sets apart as the thought of an answer; empty for none."""
    thoughts = (message.get(name) for name in ("reasoning_content", "reasoning"))
    return next((thought.strip() for thought in thoughts if isinstance(thought, str)), "")


def _thinking_tokens(text: str, usage: Any, tokens: int, settings: GenerationSettings) -> int:
    """How many tokens a thought took: as the server counts them, or else by its share of the characters."""
    details = usage.get("completion_tokens_details") if isinstance(usage, dict) else None
    counted = _count(details, "reasoning_tokens")
    if counted or not text:
        return min(counted, tokens)
    return round(tokens * thought_end(text, settings.reasoning_marks) / len(text))


def _whole_characters(text: str) -> str:
    """A text without halves of characters, which no file can hold."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _count(usage: Any, name: str) -> int:
    """A number of tokens; 0 where the server tells none that can be."""
    value = usage.get(name) if isinstance(usage, dict) else None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return int(value) if is_number and 0 <= value < 1e9 else 0  # type: ignore[operator, arg-type]

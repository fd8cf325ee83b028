"""One request to a server, with what has to be asked on: a thought to be closed, a verdict to be elicited, a number.

A server goes on with its own message where it is asked with `continue_final_message`, as vLLM and SGLang take it. One
that begins a new message instead is told by what it says, and the request is an error.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from critic_eval.critics.engines.engine import Request
from critic_eval.critics.engines.server.connection import RefusedError
from critic_eval.critics.engines.server.replies import read_answer
from critic_eval.critics.engines.server.special_tokens import broken_up
from critic_eval.critics.engines.server.verdicts import likely_tokens, shares_of_tokens
from critic_eval.critics.generation import Answer, GenerationSettings
from critic_eval.judging import VerdictForm, elicited_form, verdict_form
from critic_eval.judging.parsing.answer import UNFINISHED, opens_thought

Read = Callable[[Mapping[str, Any]], Answer]
Ask = Callable[[dict[str, Any], Read], Awaitable[Answer]]
"""Sends a body and gives what is made of the completion; raises RefusedError."""

LEAST_SHARE = 0.005
"""The share of a number's beginning from which on it is asked on; the rest is taken as it stands."""


class Dialogue:
    """A request to a server.

    Args:
        ask: sends a body.
        request: what is asked.
        messages: the same, as servers take it.
        settings: how it is answered.
    """

    def __init__(self, ask: Ask, request: Request, messages: Sequence[Any], settings: GenerationSettings) -> None:
        self._ask, self._request, self._messages, self._settings = ask, request, list(messages), settings

    async def answer(self) -> Answer:
        """The answer. Raises RefusedError where the server gives none."""
        settings = self._settings
        if settings.mode == "verdict":
            return await self._verdict()
        options = _options(settings)
        limit = settings.max_thinking_tokens
        if limit is not None:
            options["max_tokens"] = limit
        answer = await self._ask({"messages": self._messages, **options}, self._read)
        if limit is not None and answer.output_tokens >= limit:
            answer = await self._closed(answer)
        if settings.elicits and answer.error is None:
            answer = await self._elicited(answer)
        return answer

    def _read(self, content: Mapping[str, Any]) -> Answer:
        return read_answer(self._request, content, self._settings)

    async def _closed(self, begun: Answer) -> Answer:
        """The answer, gone on with: its thought is closed, if it is still open."""
        settings = self._settings
        closing = f"\n{settings.closing_mark}\n\n" if opens_thought(begun.text, settings.reasoning_marks) else ""
        options = {**_options(settings), "max_tokens": settings.max_new_tokens - (settings.max_thinking_tokens or 0)}
        rest = await self._ask({**self._going_on(begun.text + closing), **options}, self._read)
        if rest.error is not None:
            return rest
        tokens = begun.output_tokens + rest.output_tokens
        thought = begun.output_tokens if closing else begun.thought_tokens
        return replace(rest, text=begun.text + closing + rest.text, output_tokens=tokens, thought_tokens=thought)

    async def _elicited(self, answer: Answer) -> Answer:
        """The answer; where it states no verdict, with the shares of what the server is likeliest to say then."""
        reading = self._request.read_as
        verdict = reading.verdict(answer.text)
        if verdict.is_valid:
            return answer
        form = elicited_form(reading.used)
        closing = f"\n{self._settings.closing_mark}" if verdict.reason == UNFINISHED else ""
        shares, coverage = await self._shares(f"{answer.text}{closing}\n\n{form.stem}", form)
        return replace(answer, stated={"shares": shares, "coverage": coverage})

    async def _verdict(self) -> Answer:
        """The distribution of the verdict with which an answer opens; numbers are asked on digit by digit."""
        form = verdict_form(self._request.read_as.used)
        options = {"max_tokens": 16, "temperature": 0.0, "logprobs": True, "top_logprobs": 20}
        first = await self._ask({"messages": self._messages, **options}, self._read)
        stated = first.stated or {}
        if first.error is not None or not stated.get("pending"):
            return first
        shares, _ = await self._shares(form.stem, form)
        return replace(first, stated={"shares": shares, "coverage": stated["coverage"]})

    async def _shares(self, said: str, form: VerdictForm) -> tuple[dict[str, float], float]:
        """The shares of a form's options after a text, and how much of all probability they are shares of."""
        shares = dict.fromkeys(form.options, 0.0)
        pending = [("", 1.0)]
        coverage = 0.0
        while pending:
            beginning, mass = pending.pop()
            likely = await self._likely(said + beginning)
            ended, longer = shares_of_tokens(form, beginning, likely)
            known = sum(ended.values()) + sum(longer.values())
            if not known:
                if not beginning:
                    raise RefusedError(
                        "the server does not go on with a message that is begun (continue_final_message), as vLLM and "
                        "SGLang do; ask for full text, or load the checkpoint here"
                    )
                continue
            coverage = coverage or known
            for option, share in ended.items():
                shares[option] += mass * share / known
            pending += [
                (text, mass * share / known) for text, share in longer.items() if mass * share / known >= LEAST_SHARE
            ]
        total = math.fsum(shares.values())
        if not total:
            raise RefusedError("the server's likeliest tokens are no verdict")
        return {option: share / total for option, share in shares.items()}, min(1.0, coverage)

    async def _likely(self, said: str) -> list[tuple[str, float]]:
        """The likeliest tokens after a text of the server's own, each with its probability."""
        body = {"max_tokens": 1, "temperature": 0.0, "logprobs": True, "top_logprobs": 20, **self._going_on(said)}
        answer = await self._ask(body, lambda content: Answer("", 0, 0, 0.0, {"likely": likely_tokens(content)}))
        likely: list[tuple[str, float]] = (answer.stated or {})["likely"]
        return likely

    def _going_on(self, said: str) -> dict[str, Any]:
        """A body in which the server's message is begun, for it to go on."""
        begun = {"role": "assistant", "content": broken_up(said)}
        return {
            "messages": [*self._messages, begun],
            "add_generation_prompt": False,
            "continue_final_message": True,
        }


def _options(settings: GenerationSettings) -> dict[str, Any]:
    options = dict(settings.options)
    is_sampled = options.pop("do_sample", False)
    named = {
        "max_tokens": settings.max_new_tokens,
        "temperature": options.pop("temperature", 1.0 if is_sampled else 0.0),
    }
    if settings.until:
        named["stop"] = list(settings.until)[:4]  # servers take four at most; the answer is cut at all of them
    return {**named, **options}

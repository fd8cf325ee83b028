"""One OpenAI-compatible server: requests sent until they are answered, and what its failures mean."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import httpx

from critic_eval.critics.engines.server import patience
from critic_eval.critics.engines.server.failures import Failure, Refused, system_error, tls_failure
from critic_eval.critics.engines.server.replies import (
    MOST_BYTES,
    MOST_BYTES_OF_ERROR,
    MalformedReplyError,
    Reply,
    refused_argument,
)
from critic_eval.critics.engines.server.secrets import KEY_VARIABLES, LONG_SECRET, Secrets, checked_url
from critic_eval.critics.generation import Answer
from critic_eval.errors import ServerError

CONNECT_SECONDS = 4.0
"""How long a server may take to accept a connection; one out of reach is named within five seconds."""

_logger = logging.getLogger("critic_eval")


class RefusedError(Exception):
    """This request gets no answer."""


class DownError(Exception):
    """This server gives no answers; says why."""


class Server:
    """One server: its connections, how many requests it works on, and whether it was given up.

    All but making one happens in one event loop.

    Args:
        url: its base URL.
        timeout: seconds from sending a request to the last byte of its reply.
        concurrency: requests that it works on at a time.

    Raises:
        ArgumentError: the URL is none, or holds a secret; or a key can't be sent.
    """

    def __init__(self, url: str, timeout: float, concurrency: int = 1) -> None:
        self.url = checked_url(url)
        self.is_down = False
        self.why_down = ""
        self._secrets = Secrets(self.url)
        self._timeout = timeout
        self._client = httpx.AsyncClient(
            # Packed replies could be bombs, and are short anyway.
            headers={**self._secrets.headers, "Accept-Encoding": "identity", "Content-Type": "application/json"},
            timeout=httpx.Timeout(None, connect=CONNECT_SECONDS),
            limits=httpx.Limits(max_connections=None),
        )
        for name in ("httpx", "httpcore"):
            logger = logging.getLogger(name)  # they log headers and reasons, in which a server may repeat the key
            logger.setLevel(max(logger.getEffectiveLevel(), logging.WARNING))
        self._places = asyncio.Semaphore(concurrency)
        self._without: set[str] = set()
        self._renamed: dict[str, str] = {}
        self._has_answered, self._answered_at, self._failed_in_a_row = False, 0.0, 0
        self._troubles: set[str] = set()

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def ask(self, body: dict[str, Any], read: Callable[[Mapping[str, Any]], Answer]) -> Answer:
        """Send a request until it is answered.

        Args:
            body: the request. Arguments of generation that the server refuses are left out, and the answer says so.
            read: makes an answer of a chat completion, or raises MalformedReplyError.

        Raises:
            RefusedError: the server refuses this request, or fails at it every time.
            DownError: the server can't be reached, or has been busy for long and answered nobody.
            ServerError: the key or the model is refused, there are no log-probabilities, or TLS fails.
        """
        started, attempt = time.monotonic(), 0
        left_out = set(self._without)
        while True:
            self._check_not_down()
            sent = _adapted(body, left_out, self._renamed)
            reply = await self._sent(sent)
            if isinstance(reply, Reply):
                judged = self._judged(reply, sent, read)
                if isinstance(judged, Answer):
                    return self._succeeded(judged, left_out)
                if isinstance(judged, Refused):
                    if judged.argument == "max_tokens" and "max_completion_tokens" in reply.text:
                        self._renamed["max_tokens"] = "max_completion_tokens"  # OpenAI's newer models know no other
                    else:
                        left_out.add(_original(judged.argument, self._renamed))
                    continue
                failure = judged
            else:
                failure = reply
            attempt += 1
            left = failure.seconds - (time.monotonic() - started)
            attempts = 1 if self._failed_in_a_row >= patience.FAILED_IN_A_ROW else failure.attempts
            if left <= 0 if failure.seconds else attempt >= attempts:
                raise self._given_up(failure, attempt, started)
            self._warn_of(failure)
            wait = patience.pause(attempt, failure.retry_after)
            await asyncio.sleep(min(wait, left) if failure.seconds else wait)

    async def models(self) -> Mapping[str, Any]:
        """What the server says of its models, asked once.

        Raises:
            DownError: it gives no such answer; says why.
            ServerError: TLS fails.
        """
        reply = await self._sent(None)
        if not isinstance(reply, Reply):
            raise DownError(reply.text)
        if reply.status != 200:
            raise DownError(self._said(reply))
        return reply.completion()

    def _check_not_down(self) -> None:
        if self.is_down:
            raise DownError(self.why_down)

    def _judged(
        self, reply: Reply, sent: Mapping[str, Any], read: Callable[[Mapping[str, Any]], Answer]
    ) -> Answer | Failure | Refused:
        """What a reply comes to."""
        if reply.status == 200:
            try:
                answer = read(reply.completion())
            except MalformedReplyError as error:
                what = self._secrets.shown(f"{self.url} gave an answer that is not a chat completion ({error})")
                return Failure(what)
            except ServerError as error:
                if not self._has_answered:
                    raise
                return Failure(f"{self.url}: {error}")
            return replace(
                answer,
                text=self._secrets.hidden(answer.text, LONG_SECRET),
                error=None if answer.error is None else self._secrets.shown(answer.error),
            )
        is_key = reply.status == 401 or (reply.status == 403 and not self._has_answered)
        if is_key or (reply.status == 404 and not self._has_answered):
            raise ServerError(
                f"{self.url} refuses the key or the model {sent['model']!r} ({self._said(reply)}); the key is read "
                f"from {' or '.join(KEY_VARIABLES)}."
            )
        if reply.status in (404, 408, 409, 425, 429) or reply.status >= 500:
            seconds = patience.BUSY_SECONDS if reply.status in (429, 503) else 0.0
            what = f"status {reply.status} of {self.url}"
            said = f"{self.url}, {self._said(reply)}"
            return Failure(what, seconds=seconds, retry_after=reply.headers.get("retry-after", ""), said=said)
        if 300 <= reply.status < 400:
            raise RefusedError(f"the server redirects (status {reply.status}), which is not followed; correct base_url")
        if "logprobs" in sent and "logprobs" in reply.text and not self._has_answered:
            raise ServerError(f"{self.url} gives no log-probabilities, which verdict_only reads; ask for full text.")
        refused = refused_argument(reply, sent) if reply.status in (400, 422) else None
        if refused is not None:
            return Refused(refused)
        raise RefusedError(f"the server refused the request ({self._said(reply)})")

    def _succeeded(self, answer: Answer, left_out: set[str]) -> Answer:
        if self._troubles:
            _logger.warning("%s answers again", self.url)
        self._troubles.clear()
        self._has_answered, self._answered_at, self._failed_in_a_row = True, time.monotonic(), 0
        self._without |= left_out
        return replace(answer, without=tuple(sorted(left_out)))

    def _given_up(self, failure: Failure, attempts: int, started: float) -> RefusedError | DownError:
        self._failed_in_a_row += 1
        is_gone = failure.seconds and not failure.is_reached
        if is_gone or (failure.seconds and self._answered_at < started):
            # Busy for all of this time, and for everybody: the next request would fare no better.
            self.is_down, self.why_down = True, failure.said or failure.text
            return DownError(self.why_down)
        return RefusedError(f"no answer after {attempts} attempts: {failure.text}")

    def _warn_of(self, failure: Failure) -> None:
        """Say once that a server is out of reach or busy, while it is tried."""
        trouble = "busy" if failure.is_reached else "gone"
        if failure.seconds and trouble not in self._troubles:
            self._troubles.add(trouble)
            _logger.warning("%s; it is tried again for %.0f seconds", failure.text, failure.seconds)

    async def _sent(self, body: Mapping[str, Any] | None) -> Reply | Failure:
        """The server's reply to a request, or to the question for its models; or why there is none."""
        try:
            async with self._places:
                self._check_not_down()
                return await asyncio.wait_for(self._exchanged(body), self._timeout)
        except (asyncio.TimeoutError, httpx.ReadTimeout, httpx.WriteTimeout):
            text = f"no whole answer of {self.url} within {self._timeout:g} s"
            return Failure(text, attempts=patience.SLOW_ATTEMPTS)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            if (refusal := tls_failure(error, self.url, self._has_answered)) is not None:
                raise refusal from error
            why = self._secrets.shown(system_error(error) or f"not accepted within {CONNECT_SECONDS:g} s")
            return Failure(f"no connection to {self.url} ({why})", seconds=patience.GONE_SECONDS, is_reached=False)
        except (httpx.HTTPError, httpx.StreamError, OSError, ValueError) as error:
            return Failure(f"{type(error).__name__} of {self.url}")

    async def _exchanged(self, body: Mapping[str, Any] | None) -> Reply:
        method, path = ("GET", "models") if body is None else ("POST", "chat/completions")
        content = None if body is None else json.dumps(body).encode()
        async with self._client.stream(method, f"{self.url}/{path}", content=content) as response:
            limit = MOST_BYTES if response.status_code == 200 else MOST_BYTES_OF_ERROR
            received = bytearray()
            async for part in response.aiter_raw():
                received += part
                if len(received) > limit:
                    break
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Reply(response.status_code, headers, bytes(received[:limit]), len(received) <= limit)

    def _said(self, reply: Reply) -> str:
        return self._secrets.shown(f"status {reply.status}: {reply.text}")


def _adapted(body: Mapping[str, Any], left_out: set[str], renamed: Mapping[str, str]) -> dict[str, Any]:
    return {renamed.get(name, name): value for name, value in body.items() if name not in left_out}


def _original(name: str, renamed: Mapping[str, str]) -> str:
    return next((ours for ours, theirs in renamed.items() if theirs == name), name)

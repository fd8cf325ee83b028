"""The engine that asks OpenAI-compatible servers: vLLM, SGLang, `transformers serve`, or a paid one."""

from __future__ import annotations

import base64
import hashlib
import io
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import suppress
from dataclasses import replace
from typing import Any

from PIL import Image

from critic_eval.critics.conversations import Message
from critic_eval.critics.engines.engine import Group, Request, on_the_clock
from critic_eval.critics.engines.server.background import BackgroundLoop
from critic_eval.critics.engines.server.connection import DownError, RefusedError, Server
from critic_eval.critics.engines.server.dialogue import Dialogue, Read
from critic_eval.critics.engines.server.replies import MalformedReplyError
from critic_eval.critics.engines.server.special_tokens import broken_up
from critic_eval.critics.engines.server.verdicts import check_form
from critic_eval.critics.generation import Answer, GenerationSettings
from critic_eval.errors import ArgumentError, ServerError


class ServerEngine:
    """Answers by asking servers, all requests of one image the same one, so that its prefix cache is used.

    Args:
        urls: base URLs, such as `http://127.0.0.1:8000/v1`.
        model: the model's name on the servers.
        concurrency: requests that each server works on at a time.
        timeout: seconds that an answer may take, to its last byte.
        pixels: `min_pixels` and `max_pixels` of an image, of which vLLM tells its processor; empty for the processor's.

    Raises:
        ArgumentError: a URL is none, or holds a secret.
    """

    def __init__(
        self,
        urls: Sequence[str],
        model: str,
        concurrency: int = 16,
        timeout: float = 600.0,
        pixels: Mapping[str, int] | None = None,
    ) -> None:
        self._servers = [Server(url, timeout, concurrency) for url in urls]
        self._always = {"stream": False, **({"mm_processor_kwargs": dict(pixels)} if pixels else {})}
        self.model, self._concurrency = model, concurrency
        self._loop = BackgroundLoop("critic-eval-servers")

    def answer(self, groups: Iterable[Group]) -> Iterator[list[tuple[int, Answer]]]:
        """Answer each request once, in lists as answers come.

        One that a server refuses, or fails at every time, gets an answer that says so.

        Raises:
            ServerError: no server can be reached any more, or one refuses the key or the model.
            ArgumentError: a mode is asked for that can't be had from a server.
        """
        return on_the_clock(self._answered(groups))

    def close(self) -> None:
        """Close the connections; what waits for answers is left."""
        try:
            closing = [self._loop.start(server.close()) for server in self._servers]
            wait(closing, timeout=2.0)
        except RuntimeError:  # closed before
            return
        self._loop.close()

    def _answered(self, groups: Iterable[Group]) -> Iterator[list[tuple[int, Answer]]]:
        waiting = self._sent(groups)
        running: set[Future[tuple[int, Answer]]] = set()
        try:
            while True:
                while len(running) < 2 * self._concurrency * len(self._servers):
                    future = next(waiting, None)
                    if future is None:
                        break
                    running.add(future)
                if not running:
                    return
                done, running = wait(running, return_when=FIRST_COMPLETED)
                yield [future.result() for future in done if future.exception() is None]
                for future in done:
                    future.result()  # raises for what failed, after what was answered is handed over
        finally:
            for future in running:
                future.cancel()

    def _sent(self, groups: Iterable[Group]) -> Iterator[Future[tuple[int, Answer]]]:
        for group in groups:
            if group.settings.mode == "reward":
                raise ArgumentError("Rewards need a local engine: a server gives text, not what a reward head reads.")
            if group.settings.mode == "to_verdict":
                raise ArgumentError(
                    "reasons=False needs a local engine: a server can't be told when a verdict is said."
                )
            images = _EncodedImages()
            for request in group.requests:
                if group.settings.mode == "verdict":
                    check_form(request.reading)
                messages = [
                    {"role": message.role, "content": [images.part(part) for part in _joined(message)]}
                    for message in request.conversation
                ]
                servers = self._ranked(images.digest or str(request.number))
                yield self._loop.start(self._ask(request, messages, group.settings, servers))

    def _ranked(self, content: str) -> list[Server]:
        """The servers, in the order in which they are asked about this content (rendezvous hashing)."""
        return sorted(self._servers, key=lambda server: hashlib.sha256(f"{server.url} {content}".encode()).digest())

    async def _ask(
        self, request: Request, messages: list[Any], settings: GenerationSettings, servers: Sequence[Server]
    ) -> tuple[int, Answer]:
        async def ask(body: dict[str, Any], read: Read) -> Answer:
            return await _first_there(servers, {"model": self.model, **self._always, **seeded, **body}, read)

        seeded = {"seed": request.seed % _SEEDS} if settings.is_drawn else {}
        try:
            answer = await Dialogue(ask, request, messages, settings).answer()
        except RefusedError as error:
            answer = Answer("", 0, 0, 0.0, error=str(error))
        if settings.is_drawn and "seed" not in answer.without:
            answer = replace(answer, seed=request.seed % _SEEDS)
        return request.number, answer


_SEEDS = 2**31
"""Servers take seeds of 32 bits."""


async def _first_there(
    servers: Sequence[Server], body: dict[str, Any], read: Callable[[Mapping[str, Any]], Answer]
) -> Answer:
    """The answer of the first server that is there."""
    reasons: list[str] = []
    for server in servers:
        with suppress(DownError):
            return await server.ask(body, read)
        reasons.append(server.why_down)
    raise ServerError(f"No server answers any more: {'; '.join(reasons)}. Start it, and run the same command again.")


def served_model(url: str) -> str:
    """The model that a server names first.

    Raises:
        ServerError: it can't be reached, or names none.
        ArgumentError: the URL is none, or holds a secret.
    """
    server, loop = Server(url, timeout=30.0), BackgroundLoop("critic-eval-models")
    try:
        return str(loop.start(server.models()).result()["data"][0]["id"])
    except DownError as error:
        raise ServerError(f"No server answers at {server.url}: {error}; start it, or correct base_url.") from error
    except (MalformedReplyError, LookupError, TypeError) as error:
        raise ServerError(f"{server.url} names no model; say which with pretrained=NAME.") from error
    finally:
        loop.close()


def _joined(message: Message) -> Iterator[str | Image.Image]:
    """The parts of a message, neighboring texts as one: marks are to be seen that run from one into the next."""
    for is_text, group in itertools.groupby(message.content, lambda part: isinstance(part, str)):
        parts = list(group)
        yield from ["".join(map(str, parts))] if is_text else parts


class _EncodedImages:
    """The images of a group as parts of messages, each encoded once."""

    def __init__(self) -> None:
        self._parts: dict[int, dict[str, Any]] = {}
        self.digest = ""

    def part(self, part: str | Image.Image) -> dict[str, Any]:
        if isinstance(part, str):
            return {"type": "text", "text": broken_up(part)}
        if id(part) not in self._parts:
            buffer = io.BytesIO()
            # Without loss; stronger compression takes longer than it saves on the way.
            part.save(buffer, "PNG", compress_level=1)
            data = buffer.getvalue()
            self.digest += hashlib.sha256(data).hexdigest()
            url = f"data:image/png;base64,{base64.b64encode(data).decode()}"
            self._parts[id(part)] = {"type": "image_url", "image_url": {"url": url}}
        return self._parts[id(part)]

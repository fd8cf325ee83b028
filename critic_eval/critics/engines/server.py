"""The engine that asks OpenAI-compatible servers: vLLM, SGLang, `transformers serve`, or a paid one."""

from __future__ import annotations

import base64
import hashlib
import io
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import replace
from typing import Any

from PIL import Image

from critic_eval.critics.engines.groups import Group, Request
from critic_eval.critics.engines.server_connection import DownError, RefusedError, Server
from critic_eval.critics.engines.server_verdicts import check_form, read_shares
from critic_eval.critics.generation import Answer, GenerationSettings
from critic_eval.errors import ArgumentError, ServerError


class ServerEngine:
    """Answers by asking servers, all requests of one image the same one, so that its prefix cache is used.

    Args:
        urls: base URLs, such as `http://127.0.0.1:8000/v1`.
        model: the model's name on the servers.
        concurrency: requests that each server works on at a time.
        timeout: seconds that an answer may take.
    """

    def __init__(self, urls: Sequence[str], model: str, concurrency: int = 16, timeout: float = 600.0) -> None:
        self._servers = [Server(url, timeout, concurrency) for url in urls]
        self._model, self._concurrency = model, concurrency

    def answer(self, groups: Iterable[Group]) -> Iterator[list[tuple[int, Answer]]]:
        """Answer each request once, in lists as answers come.

        One that a server refuses, or fails at every time, gets an answer that says so.

        Raises:
            ServerError: no server can be reached any more, or all refuse the key or the model.
            ArgumentError: a mode is asked for that can't be had from a server.
        """
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

    def close(self) -> None:
        """Close the connections."""
        for server in self._servers:
            server.close()

    def _sent(self, groups: Iterable[Group]) -> Iterator[Future[tuple[int, Answer]]]:
        for group in groups:
            if group.settings.mode == "to_verdict":
                raise ArgumentError(
                    "reasons=False needs a local engine: a server can't be told when a verdict is said."
                )
            images = _EncodedImages()
            for request in group.requests:
                if group.settings.mode == "verdict":
                    check_form(request.reading)
                messages = [
                    {"role": message.role, "content": [images.part(part) for part in message.content]}
                    for message in request.conversation
                ]
                servers = self._ranked(images.digest or str(request.number))
                pool = next((server.pool for server in servers if not server.is_down), servers[0].pool)
                yield pool.submit(self._ask, request, messages, group.settings, servers)

    def _ranked(self, content: str) -> list[Server]:
        """The servers, in the order in which they are asked about this content (rendezvous hashing)."""
        return sorted(self._servers, key=lambda server: hashlib.sha256(f"{server.url} {content}".encode()).digest())

    def _ask(
        self, request: Request, messages: list[Any], settings: GenerationSettings, servers: Sequence[Server]
    ) -> tuple[int, Answer]:
        body = {"model": self._model, "messages": messages, "stream": False, **_options(settings)}
        start = time.perf_counter()
        for server in servers:
            if server.is_down:
                continue
            try:
                reply = server.ask(body, lambda content: _answer(request, content, settings))
            except RefusedError as error:
                return request.number, Answer("", 0, 0, 0.0, error=str(error))
            except DownError:
                continue
            return request.number, replace(reply, seconds=time.perf_counter() - start)
        raise ServerError(
            f"No server answers any more ({', '.join(server.url for server in servers)}); start them and run the same "
            "command again: what was answered is in the journal."
        )


class _EncodedImages:
    """The images of a group as parts of messages, each encoded once."""

    def __init__(self) -> None:
        self._parts: dict[int, dict[str, Any]] = {}
        self.digest = ""

    def part(self, part: str | Image.Image) -> dict[str, Any]:
        if isinstance(part, str):
            return {"type": "text", "text": part}
        if id(part) not in self._parts:
            buffer = io.BytesIO()
            # Without loss; stronger compression takes longer than it saves on the way.
            part.save(buffer, "PNG", compress_level=1)
            data = buffer.getvalue()
            self.digest += hashlib.sha256(data).hexdigest()
            url = f"data:image/png;base64,{base64.b64encode(data).decode()}"
            self._parts[id(part)] = {"type": "image_url", "image_url": {"url": url}}
        return self._parts[id(part)]


def _options(settings: GenerationSettings) -> dict[str, Any]:
    if settings.mode == "verdict":
        return {"max_tokens": 16, "temperature": 0.0, "logprobs": True, "top_logprobs": 20}
    options = dict(settings.options)
    is_sampled = options.pop("do_sample", False)
    named = {
        "max_tokens": settings.max_new_tokens,
        "temperature": options.pop("temperature", 1.0 if is_sampled else 0.0),
    }
    if settings.until:
        named["stop"] = list(settings.until)[:4]  # servers take four at most; the answer is cut at all of them
    return {**named, **options}


def _answer(request: Request, content: Mapping[str, Any], settings: GenerationSettings) -> Answer:
    choice, usage = content["choices"][0], content.get("usage") or {}
    text = choice["message"].get("content")
    if text is None:
        why = choice["message"].get("refusal") or choice.get("finish_reason") or "no reason given"
        return Answer("", 0, 0, 0.0, error=f"the server gave no text ({why})"[:200])
    cuts = [text.index(stop) for stop in settings.until if stop in text]
    text = text[: min(cuts, default=len(text))].strip()
    stated = None
    if settings.mode == "verdict" and request.reading is not None:
        stated = read_shares(request.reading, choice)
    tokens = [int(usage.get(name) or 0) for name in ("prompt_tokens", "completion_tokens")]
    return Answer(text, tokens[0], tokens[1], 0.0, stated)

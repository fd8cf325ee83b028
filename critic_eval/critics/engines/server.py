"""The engine that asks OpenAI-compatible servers: vLLM, SGLang, `transformers serve`, or a paid one."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import random
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

import httpx
from PIL import Image

from critic_eval.critics.engines.groups import Group, Request
from critic_eval.critics.engines.server_verdicts import check_form, read_shares
from critic_eval.critics.generation import Answer, GenerationSettings
from critic_eval.errors import ArgumentError, ServerError

KEY_VARIABLES = ("CRITIC_EVAL_API_KEY", "OPENAI_API_KEY")
"""Where a server's key is read from, and from nowhere else."""

ATTEMPTS = 6
FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0
"""Seconds between attempts: doubled from the first, unless the server says how long."""


class ServerEngine:
    """Answers by asking servers, all requests of one image the same one, so that its prefix cache is used.

    Args:
        urls: base URLs, such as `http://127.0.0.1:8000/v1`.
        model: the model's name on the servers.
        concurrency: requests that each server works on at a time.
        timeout: seconds that an answer may take.
    """

    def __init__(self, urls: Sequence[str], model: str, concurrency: int = 16, timeout: float = 600.0) -> None:
        self._servers = [_Server(url, timeout, concurrency) for url in urls]
        self._model, self._concurrency = model, concurrency

    def answer(self, groups: Iterable[Group]) -> Iterator[tuple[int, Answer]]:
        """Answer each request once; one that a server refuses, or fails at every time, gets an answer that says so.

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
                for future in sorted(done, key=lambda one: one.exception() is not None):
                    yield future.result()  # what failed raises after what was answered is handed over
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

    def _ranked(self, content: str) -> list[_Server]:
        """The servers, in the order in which they are asked about this content (rendezvous hashing)."""
        return sorted(self._servers, key=lambda server: hashlib.sha256(f"{server.url} {content}".encode()).digest())

    def _ask(
        self, request: Request, messages: list[Any], settings: GenerationSettings, servers: Sequence[_Server]
    ) -> tuple[int, Answer]:
        body = {"model": self._model, "messages": messages, "stream": False, **_options(settings)}
        start = time.perf_counter()
        for server in servers:
            if server.is_down:
                continue
            try:
                reply = server.post(body)
            except _RefusedError as error:
                return request.number, Answer("", 0, 0, 0.0, error=str(error))
            except _DownError:
                continue
            return request.number, _answer(request, reply, settings, time.perf_counter() - start)
        raise ServerError(
            f"No server answers any more ({', '.join(server.url for server in servers)}); start them and run the same "
            "command again: what was answered is in the journal."
        )


def served_model(url: str) -> str:
    """The model that a server names first.

    Raises:
        ServerError: it can't be reached, or names none.
    """
    server = _Server(url, timeout=30.0)
    try:
        return str(server.client.get(f"{server.url}/models").json()["data"][0]["id"])
    except httpx.HTTPError as error:
        raise ServerError(f"No server answers at {url} ({error}); start it, or correct base_url.") from error
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise ServerError(f"{url} names no model; say which with pretrained=NAME.") from error
    finally:
        server.close()


class _Server:
    """One server: its connection, the threads that wait for its answers, and whether it was given up."""

    def __init__(self, url: str, timeout: float, concurrency: int = 1) -> None:
        self.url = url.rstrip("/")
        key = next((os.environ[name] for name in KEY_VARIABLES if os.environ.get(name)), None)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        limits = httpx.Limits(max_connections=None)
        self.client = httpx.Client(headers=headers, timeout=httpx.Timeout(timeout, connect=10.0), limits=limits)
        self.is_down = False
        self.pool = ThreadPoolExecutor(concurrency, "critic-eval-server")
        self._places = threading.Semaphore(concurrency)  # for those too whose own server is gone

    def close(self) -> None:
        """End the threads, and close the connections."""
        self.pool.shutdown(cancel_futures=True)
        self.client.close()

    def post(self, body: dict[str, Any]) -> Mapping[str, Any]:
        """Send a request until it is answered.

        Raises:
            _RefusedError: the server refuses this request, or fails at it every time.
            _DownError: the server can't be reached.
            ServerError: the key or the model is refused.
        """
        failure, stated_wait = "", None
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(_pause(attempt, stated_wait))
            stated_wait = None
            try:
                with self._places:
                    reply = self.client.post(f"{self.url}/chat/completions", json=body)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failure = f"no connection to {self.url} ({error})"
                continue
            except httpx.HTTPError as error:
                failure = f"{type(error).__name__} of {self.url}"
                continue
            if reply.status_code == 200:
                content = _read(reply)
                if content is not None:
                    return content
                failure = f"{self.url} gave an answer that is no chat completion"
            elif reply.status_code in (401, 403, 404):
                raise ServerError(
                    f"{self.url} refuses the key or the model {body['model']!r} (status {reply.status_code}: "
                    f"{_short(reply.text)}); the key is read from {' or '.join(KEY_VARIABLES)}."
                )
            elif reply.status_code in (408, 409, 425, 429) or reply.status_code >= 500:
                failure = f"status {reply.status_code} of {self.url}"
                stated_wait = _stated_wait(reply)
            elif "max_completion_tokens" in reply.text and "max_tokens" in body:
                body = {**body, "max_completion_tokens": body["max_tokens"]}  # OpenAI's newer models know no other name
                del body["max_tokens"]
            elif "logprobs" in body and "logprobs" in reply.text:
                raise ServerError(
                    f"{self.url} gives no log-probabilities, which verdict_only reads; ask for full text."
                )
            else:
                raise _RefusedError(
                    f"the server refused the request (status {reply.status_code}: {_short(reply.text)})"
                )
        if failure.startswith("no connection"):
            self.is_down = True
            raise _DownError
        raise _RefusedError(f"no answer after {ATTEMPTS} attempts: {failure}")


class _RefusedError(Exception):
    """This request gets no answer."""


class _DownError(Exception):
    """This server gives no answers."""


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


def _answer(request: Request, reply: Mapping[str, Any], settings: GenerationSettings, seconds: float) -> Answer:
    choice, usage = reply["choices"][0], reply.get("usage") or {}
    text = choice["message"].get("content") or ""
    cuts = [text.index(stop) for stop in settings.until if stop in text]
    text = text[: min(cuts, default=len(text))].strip()
    stated = None
    if settings.mode == "verdict" and request.reading is not None:
        stated = read_shares(request.reading, choice)
    tokens = [int(usage.get(name) or 0) for name in ("prompt_tokens", "completion_tokens")]
    return Answer(text, tokens[0], tokens[1], seconds, stated)


def _read(reply: httpx.Response) -> Mapping[str, Any] | None:
    """A chat completion, or None if it is none."""
    try:
        content = reply.json()
        message = content["choices"][0]["message"]
        return content if isinstance(message.get("content"), (str, type(None))) else None
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return None


def _pause(attempt: int, stated: float | None) -> float:
    if stated is not None:
        return min(stated, LONGEST_WAIT)
    return min(FIRST_WAIT * 2.0 ** (attempt - 1), LONGEST_WAIT) * random.uniform(0.8, 1.2)


def _stated_wait(reply: httpx.Response) -> float | None:
    try:
        return max(0.0, float(reply.headers.get("retry-after", "")))
    except ValueError:
        return None


def _short(text: str) -> str:
    return " ".join(text.split())[:200]

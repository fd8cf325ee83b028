"""One OpenAI-compatible server: requests sent until they are answered, and what its failures mean."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from critic_eval.critics.generation import Answer
from critic_eval.errors import ServerError

KEY_VARIABLES = ("CRITIC_EVAL_API_KEY", "OPENAI_API_KEY")
"""Where a server's key is read from, and from nowhere else; the second is OpenAI's own, and goes to OpenAI alone."""

ATTEMPTS = 6
"""How often a request is sent that fails in other ways than below."""
BUSY_SECONDS, GONE_SECONDS = 600.0, 60.0
"""How long a server may be busy (status 429 or 503), or out of reach, before a request or it is given up."""
FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0
"""Seconds between attempts: doubled from the first, unless the server says how long."""


class Server:
    """One server: its connection, the threads that wait for its answers, and whether it was given up."""

    def __init__(self, url: str, timeout: float, concurrency: int = 1) -> None:
        self.url = url.rstrip("/")
        self._key = _key_for(self.url)
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        limits = httpx.Limits(max_connections=None)
        self.client = httpx.Client(headers=headers, timeout=httpx.Timeout(timeout, connect=10.0), limits=limits)
        self.is_down = False
        self.pool = ThreadPoolExecutor(concurrency, "critic-eval-server")
        self._places = threading.Semaphore(concurrency)  # for those too whose own server is gone
        self._is_closed = threading.Event()
        self._has_answered = False

    def close(self) -> None:
        """End the threads, and close the connections."""
        self._is_closed.set()
        self.pool.shutdown(wait=False, cancel_futures=True)
        self.client.close()

    def ask(self, body: dict[str, Any], read: Callable[[Mapping[str, Any]], Answer]) -> Answer:
        """Send a request until it is answered.

        Args:
            body: the request.
            read: makes an answer of a chat completion; its errors count as failures of the server.

        Raises:
            RefusedError: the server refuses this request, or fails at it every time.
            DownError: the server can't be reached.
            ServerError: the key or the model is refused, or there are no log-probabilities.
        """
        start, attempt = time.monotonic(), 0
        while True:
            reply, failure = self._sent(body)
            patience = 0.0
            if reply is None:
                patience = GONE_SECONDS if failure.startswith(_NO_CONNECTION) else 0.0
            elif reply.status_code == 200:
                answer = _read(reply, read)
                if answer is not None:
                    self._has_answered = True
                    return answer
                failure = f"{self.url} gave an answer that is no chat completion"
            elif reply.status_code in (401, 403) or (reply.status_code == 404 and not self._has_answered):
                raise ServerError(
                    f"{self.url} refuses the key or the model {body['model']!r} ({self._said(reply)}); the key is read "
                    f"from {' or '.join(KEY_VARIABLES)}."
                )
            elif "max_completion_tokens" in reply.text and "max_tokens" in body:
                # OpenAI's newer models know no other name.
                body = {name: value for name, value in body.items() if name != "max_tokens"} | {
                    "max_completion_tokens": body["max_tokens"]
                }
                continue
            elif reply.status_code < 500 and "logprobs" in body and "logprobs" in reply.text:
                raise ServerError(
                    f"{self.url} gives no log-probabilities, which verdict_only reads; ask for full text."
                )
            elif reply.status_code in (404, 408, 409, 425, 429) or reply.status_code >= 500:
                failure = f"status {reply.status_code} of {self.url}"
                patience = BUSY_SECONDS if reply.status_code in (429, 503) else 0.0
            else:
                raise RefusedError(f"the server refused the request ({self._said(reply)})")
            attempt += 1
            pause = _pause(attempt, reply)
            is_over = time.monotonic() - start + pause > patience if patience else attempt >= ATTEMPTS
            if is_over or self._is_closed.wait(pause):
                break
        if failure.startswith(_NO_CONNECTION):
            self.is_down = True
            raise DownError
        raise RefusedError(f"no answer after {attempt} attempts: {failure}")

    def _sent(self, body: Mapping[str, Any]) -> tuple[httpx.Response | None, str]:
        """The server's reply; or none, and why."""
        try:
            with self._places:
                return self.client.post(f"{self.url}/chat/completions", json=body), ""
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            return None, f"{_NO_CONNECTION} {self.url} ({error})"
        except httpx.HTTPError as error:
            return None, f"{type(error).__name__} of {self.url}"
        except RuntimeError:
            if not self._is_closed.is_set():
                raise
            return None, f"the connection to {self.url} was closed"

    def _said(self, reply: httpx.Response) -> str:
        text = " ".join(reply.text.split())
        if self._key:
            text = text.replace(self._key, "***")  # some servers repeat what they were sent
        return f"status {reply.status_code}: {text[:200]}"


_NO_CONNECTION = "no connection to"


def _key_for(url: str) -> str | None:
    own, openais = (os.environ.get(name) for name in KEY_VARIABLES)
    is_openai = (httpx.URL(url).host or "").endswith(".openai.com")
    return own or (openais if is_openai else None)


class RefusedError(Exception):
    """This request gets no answer."""


class DownError(Exception):
    """This server gives no answers."""


def served_model(url: str) -> str:
    """The model that a server names first.

    Raises:
        ServerError: it can't be reached, or names none.
    """
    server = Server(url, timeout=30.0)
    try:
        return str(server.client.get(f"{server.url}/models").json()["data"][0]["id"])
    except httpx.HTTPError as error:
        raise ServerError(f"No server answers at {url} ({error}); start it, or correct base_url.") from error
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise ServerError(f"{url} names no model; say which with pretrained=NAME.") from error
    finally:
        server.close()


def _read(reply: httpx.Response, read: Callable[[Mapping[str, Any]], Answer]) -> Answer | None:
    """What a chat completion says, or None if the reply is none."""
    try:
        return read(reply.json())
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return None


def _pause(attempt: int, reply: httpx.Response | None) -> float:
    """Seconds to wait: what the server says, else twice as long each time."""
    try:
        stated = "" if reply is None else reply.headers.get("retry-after", "")
        return min(max(0.0, float(stated)), LONGEST_WAIT)
    except ValueError:
        return min(FIRST_WAIT * 2.0 ** (attempt - 1), LONGEST_WAIT) * random.uniform(0.8, 1.2)

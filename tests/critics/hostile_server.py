"""A server that replies with any bytes, at any pace.

Each behavior is given the connection, after a request was read, and does to it what it likes.
"""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from critic_eval.critics.conversations import Message
from critic_eval.critics.engines.engine import Group, Request
from critic_eval.critics.engines.server.engine import ServerEngine
from critic_eval.critics.generation import Answer, GenerationSettings
from critic_eval.judging import Reading

Behavior = Callable[[socket.socket], None]


@dataclass
class Hostile:
    """What the server was asked: its URL, how often it was asked, the bodies, and the headers."""

    url: str = ""
    requests: int = 0
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)


@contextmanager
def hostile(
    behavior: Behavior,
    times: float = float("inf"),
    then: Behavior | None = None,
    context: ssl.SSLContext | None = None,
) -> Iterator[Hostile]:
    """Run a server on a free port of this machine, behind TLS or not.

    The first `times` requests meet the behavior, all others `then`, which is a good one unless it is given.
    """
    seen = Hostile()
    lock = threading.Lock()
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    seen.url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"

    def serve(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            if context is not None:
                connection = context.wrap_socket(connection, server_side=True)
            headers, body = _read_request(connection)
            with lock:
                seen.headers.append(headers)
                seen.requests += 1
                seen.bodies.append(body)
                is_first = seen.requests <= times
            (behavior if is_first else then or well)(connection)

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield seen
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def ask(
    *urls: str, texts: tuple[str, ...] = ("Which?",), settings: GenerationSettings | None = None, **arguments: Any
) -> list[Answer]:
    """The answers of servers at these addresses to texts, in their order."""
    engine = ServerEngine(urls, "the-model", **{"timeout": 1.0, "concurrency": 4, **arguments})
    requests = [Request(n, [Message("user", (text,))], Reading("given_pair", "AB")) for n, text in enumerate(texts)]
    try:
        groups = [Group(settings or GenerationSettings(16), tuple(requests))]
        answers = dict(answer for batch in engine.answer(groups) for answer in batch)
    finally:
        engine.close()
    return [answers[n] for n in range(len(texts))]


def _read_request(connection: socket.socket) -> tuple[dict[str, str], dict[str, Any]]:
    """The headers of a request by their names in lower case, and its body."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65536)
        if not part:
            raise ConnectionError("no request came")
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    lines = [line.decode("latin-1").partition(":") for line in head.split(b"\r\n")[1:]]
    headers = {name.lower(): value.strip() for name, _, value in lines}
    while len(body) < int(headers.get("content-length", 0)):
        body += connection.recv(65536)
    return headers, dict(json.loads(body)) if body else {}


def completion(content: Any = "fine", **more: Any) -> bytes:
    """A chat completion with this content."""
    usage = {"prompt_tokens": 7, "completion_tokens": 3}
    choice = {"message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
    return json.dumps({"choices": [choice], "usage": usage, **more}).encode()


def sends(body: bytes, status: str = "200 OK", *headers: str, length: int | None = None) -> Behavior:
    """Send a reply with a body, and close."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}", "Connection: close"]
    head = "\r\n".join([*lines, *headers]) + "\r\n\r\n"
    return lambda connection: connection.sendall(head.encode("latin-1") + body)


well = sends(completion())


def raw(data: bytes) -> Behavior:
    """Send these bytes, and close."""
    return lambda connection: connection.sendall(data)


def drips(data: bytes, seconds: float = 0.2) -> Behavior:
    """Send a byte at a time, and more of the last one for ever."""

    def behave(connection: socket.socket) -> None:
        for byte in data:
            connection.sendall(bytes([byte]))
            time.sleep(seconds)
        while True:
            connection.sendall(data[-1:])
            time.sleep(seconds)

    return behave


def pours(start: bytes, again: bytes) -> Behavior:
    """Send without an end."""

    def behave(connection: socket.socket) -> None:
        connection.sendall(start)
        while True:
            connection.sendall(again)

    return behave


def waits(connection: socket.socket) -> None:
    """Say nothing, and keep the connection."""
    time.sleep(30)


def half_closed(connection: socket.socket) -> None:
    """Send half a reply, close one way, and wait."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{")
    connection.shutdown(socket.SHUT_WR)
    time.sleep(10)


def resets(connection: socket.socket) -> None:
    """End the connection by a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")

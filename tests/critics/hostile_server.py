"""A server that replies with any bytes, at any pace: behaviours that no server should have, by name.

Each behaviour is given the connection, after a request was read, and does to it what it likes.
"""

from __future__ import annotations

import gzip
import json
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

Behaviour = Callable[[socket.socket], None]

SECRET = "sk-planted-secret-0123456789"


@dataclass
class Hostile:
    """What the server was asked: its URL, how often it was asked, the bodies, and the headers."""

    url: str = ""
    requests: int = 0
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)


@contextmanager
def hostile(
    behaviour: Behaviour,
    times: float = float("inf"),
    then: Behaviour | None = None,
    context: ssl.SSLContext | None = None,
) -> Iterator[Hostile]:
    """Run a server on a free port of this machine, behind TLS or not.

    The first `times` requests meet the behaviour, all others `then`, which is a good one unless it is given.
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
            (behaviour if is_first else then or well)(connection)

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


def sends(body: bytes, status: str = "200 OK", *headers: str, length: int | None = None) -> Behaviour:
    """Send a reply with a body, and close."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}", "Connection: close"]
    head = "\r\n".join([*lines, *headers]) + "\r\n\r\n"
    return lambda connection: connection.sendall(head.encode("latin-1") + body)


well = sends(completion())


def raw(data: bytes) -> Behaviour:
    """Send these bytes, and close."""
    return lambda connection: connection.sendall(data)


def drips(data: bytes, seconds: float = 0.2) -> Behaviour:
    """Send a byte at a time, and more of the last one for ever."""

    def behave(connection: socket.socket) -> None:
        for byte in data:
            connection.sendall(bytes([byte]))
            time.sleep(seconds)
        while True:
            connection.sendall(data[-1:])
            time.sleep(seconds)

    return behave


def pours(start: bytes, again: bytes) -> Behaviour:
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


def _packed(packing: str, data: bytes) -> Behaviour:
    return sends(data, "200 OK", f"Content-Encoding: {packing}")


def _usage(value: str) -> Behaviour:
    return sends(b'{"choices": [{"message": {"content": "fine"}}], "usage": %s}' % value.encode())


_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_CHUNKED = _HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
_BOMB = gzip.compress(b" " * (1 << 28), 9)

ANSWERED: dict[str, Behaviour] = {
    "usage Infinity": _usage('{"prompt_tokens": Infinity, "completion_tokens": -Infinity}'),
    "usage NaN": _usage('{"prompt_tokens": NaN, "completion_tokens": NaN}'),
    "usage 1e999": _usage('{"prompt_tokens": 1e999, "completion_tokens": 1}'),
    "usage of strings": _usage('{"prompt_tokens": "many", "completion_tokens": "7"}'),
    "usage negative": _usage('{"prompt_tokens": -5, "completion_tokens": -1}'),
    "usage nested": _usage('{"prompt_tokens": {"a": [1]}, "completion_tokens": [2]}'),
    "usage a list": _usage("[1, 2]"),
    "usage a text": _usage('"none"'),
    "usage true": _usage('{"prompt_tokens": true, "completion_tokens": false}'),
    "usage of 400 digits": _usage('{"prompt_tokens": ' + "9" * 400 + "}"),
    "wrong content type": sends(completion(), "200 OK", "Content-Type: image/png"),
    "wrong character set": sends(completion(), "200 OK", "Content-Type: application/json; charset=utf-7"),
    "half a character": sends(completion("fi\ud800ne")),
    "null character": sends(completion("fine\x00")),
    "packed, not asked for": _packed("gzip", gzip.compress(completion())),
    "deflated, not asked for": _packed("deflate", zlib.compress(completion())),
    "unknown fields": sends(completion(secret={"deep": [1, 2, {"a": None}]})),
    "many headers": sends(completion(), "200 OK", *(f"X-{n}: {n}" for n in range(500))),
    "chunk extensions": raw(_CHUNKED + b'%x;a="b"\r\n' % len(completion()) + completion() + b"\r\n0\r\n\r\n"),
    "early hints": raw(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 50 + _HEAD + b"\r\n" + completion()),
    "no length": raw(_HEAD + b"\r\n" + completion()),
}
"""Odd, and answers all the same."""

FAILED: dict[str, Behaviour] = {
    "deep nesting": sends(b"[" * 200_000 + b"]" * 200_000),
    "deep objects": sends(b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    "deep usage": _usage('{"prompt_tokens": ' + "[" * 50_000 + "]" * 50_000 + "}"),
    "integer of 10,000 digits": _usage('{"prompt_tokens": ' + "9" * 10_000 + "}"),
    "gzip bomb": _packed("gzip", _BOMB),
    "gzip bomb of gzip": _packed("gzip, gzip", gzip.compress(_BOMB)),
    "broken gzip": _packed("gzip", gzip.compress(completion())[5:]),
    "unknown packing": _packed("br", completion()),
    "endless body": pours(_HEAD + b'\r\n{"choices": [{"message": {"content": "', b"a" * 65536),
    "endless chunks": pours(_CHUNKED, b"10000\r\n" + b"a" * 65536 + b"\r\n"),
    "huge length": sends(b"{", length=10**15),
    "negative length": sends(completion(), length=-1),
    "two lengths": raw(_HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n" + completion()),
    "broken chunks": raw(_CHUNKED + b"zz\r\n" + completion()),
    "chunk cut short": raw(_CHUNKED + b"ffff\r\n" + completion()),
    "half closed": half_closed,
    "reset": resets,
    "no HTTP": raw(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "null bytes": raw(b"\x00" * 1000),
    "endless headers": pours(b"HTTP/1.1 200 OK\r\n", b"X-A: " + b"a" * 1000 + b"\r\n"),
    "endless early hints": pours(b"", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 100),
    "header without a colon": raw(b"HTTP/1.1 200 OK\r\nnonsense\r\n\r\n" + completion()),
    "switching protocols": raw(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n"),
    "status 999": sends(completion(), "999 Odd"),
    "status 204": raw(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "a page": sends(b"<html>not found</html>", "200 OK", "Content-Type: text/html"),
    "an event stream": sends(b"data: {}\n\n", "200 OK", "Content-Type: text/event-stream"),
    "redirect": sends(b"", "302 Found", "Location: http://127.0.0.1:1/elsewhere"),
    "redirect to itself": sends(b"", "307 Temporary Redirect", "Location: /v1/chat/completions"),
    "redirect to a file": sends(b"", "301 Moved", "Location: file:///etc/passwd"),
    "not UTF-8": sends(b'{"choices": [{"message": {"content": "\xff\xfe"}}]}'),
    "cut in the middle": sends(completion()[:30]),
    "empty": sends(b""),
    "null": sends(b"null"),
    "a list": sends(b"[]"),
    "a number": sends(b"7"),
    "no choices": sends(b'{"choices": []}'),
    "choices null": sends(b'{"choices": null}'),
    "choices a text": sends(b'{"choices": "abc"}'),
    "choices an object": sends(b'{"choices": {"0": 1}}'),
    "choice null": sends(b'{"choices": [null]}'),
    "message a list": sends(b'{"choices": [{"message": ["content"]}]}'),
    "content a number": sends(completion(3)),
    "content a list": sends(completion(["a"])),
    "content an object": sends(completion({"text": "a"})),
    "content true": sends(completion(True)),
    "refusal an object": sends(b'{"choices": [{"message": {"content": null, "refusal": {"a": 1}}}]}'),
    "refusal of a megabyte": sends(
        json.dumps({"choices": [{"message": {"content": None, "refusal": "x" * 1_000_000}}]}).encode()
    ),
    "error of a megabyte": sends(b"e" * 1_000_000, "400 Bad Request"),
    "endless error": pours(b"HTTP/1.1 400 Bad Request\r\n\r\n", b"e" * 65536),
    "error in terminal escapes": sends(b"\x1b[2J\x1b]0;title\x07", "400 Bad Request"),
    "deep error": sends(b'{"error":' * 50_000, "400 Bad Request"),
    "retry after 0": sends(b"", "500 Error", "Retry-After: 0"),
    "retry after -5": sends(b"", "500 Error", "Retry-After: -5"),
    "retry after NaN": sends(b"", "500 Error", "Retry-After: nan"),
    "retry after garbage": sends(b"", "500 Error", "Retry-After: soon \xff"),
    "retry after a past date": sends(b"", "500 Error", "Retry-After: Wed, 21 Oct 2015 07:28:00 GMT"),
    "retry after an impossible date": sends(b"", "500 Error", "Retry-After: Wed, 99 Foo 99999 99:99:99 GMT"),
    "key in an error": sends(f"bad key {SECRET}".encode(), "400 Bad Request"),
    "key in an error, escaped": sends(json.dumps({"error": SECRET.replace("-", "%2D")}).encode(), "400 Bad Request"),
    "key in the reason": sends(b"", f"400 {SECRET}"),
    "key in a header": sends(b"", "307 Moved", f"Location: http://127.0.0.1:1/?key={SECRET}", f"X-Key: {SECRET}"),
    "key in a refusal": sends(
        json.dumps({"choices": [{"message": {"content": None, "refusal": f"key {SECRET}"}}]}).encode()
    ),
    "key as a content type": sends(b"x", "200 OK", f"Content-Type: {SECRET}"),
}
"""Gives no answer: at worst an error of the request."""

SLOW: dict[str, Behaviour] = {
    "silence": waits,
    "a byte at a time": drips(_HEAD + b"\r\n" + completion()),
    "a byte of headers at a time": drips(b"HTTP/1.1 200 OK\r\nX-A: aaaa"),
    "a chunk at a time": drips(_CHUNKED + b"1\r\na\r\n1\r\n"),
}
"""Never done; `timeout` ends it."""

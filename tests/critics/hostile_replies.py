"""Behaviors that no server should have, by name."""

from __future__ import annotations

import gzip
import json
import zlib

from tests.critics.hostile_server import (
    Behavior,
    completion,
    drips,
    half_closed,
    pours,
    raw,
    resets,
    sends,
    waits,
)

SECRET = "sk-planted-secret-0123456789"


def _packed(packing: str, data: bytes) -> Behavior:
    return sends(data, "200 OK", f"Content-Encoding: {packing}")


def _usage(value: str) -> Behavior:
    return sends(b'{"choices": [{"message": {"content": "fine"}}], "usage": %s}' % value.encode())


_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_CHUNKED = _HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
_BOMB = gzip.compress(b" " * (1 << 28), 9)

ANSWERED: dict[str, Behavior] = {
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

FAILED: dict[str, Behavior] = {
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

SLOW: dict[str, Behavior] = {
    "silence": waits,
    "a byte at a time": drips(_HEAD + b"\r\n" + completion()),
    "a byte of headers at a time": drips(b"HTTP/1.1 200 OK\r\nX-A: aaaa"),
    "a chunk at a time": drips(_CHUNKED + b"1\r\na\r\n1\r\n"),
}
"""Never done; `timeout` ends it."""

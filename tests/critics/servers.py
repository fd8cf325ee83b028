"""A small OpenAI-compatible server that answers by rule and misbehaves by plan."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

OK = "ok"


def rule(messages: Any) -> str:
    """The answer to a conversation: a digest of all that it shows."""
    return "Answer " + sha256(json.dumps(messages).encode()).hexdigest()[:8]


class Server:
    """What a server was asked.

    Attributes:
        url: its base URL.
        bodies: the requests it answered, in order.
        times: how often each conversation came, answered or not.
        keys: the authorization headers.
        most: how many requests were in work at a time.
    """

    def __init__(self, faults: Callable[[int, int], str], answer: Callable[[Any], dict[str, Any]] | None) -> None:
        self.url = ""
        self.bodies: list[dict[str, Any]] = []
        self.times: Counter[str] = Counter()
        self.keys: set[str | None] = set()
        self.most = 0
        self._faults, self._answer = faults, answer
        self._now, self._total = 0, 0
        self._lock = threading.Lock()

    def reply(self, handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        name = rule(body["messages"])
        with self._lock:
            self._now, self._total = self._now + 1, self._total + 1
            self.most = max(self.most, self._now)
            self.times[name] += 1
            fault = self._faults(self._total, self.times[name])
            self.keys.add(handler.headers.get("Authorization"))
        try:
            self._send(handler, body, fault)
        finally:
            with self._lock:
                self._now -= 1

    def _send(self, handler: BaseHTTPRequestHandler, body: dict[str, Any], fault: str) -> None:
        if fault == "drop":
            handler.close_connection = True
            return
        if fault == "slow":
            time.sleep(1.5)
        status = int(fault) if fault.isdigit() else 200
        message = (
            self._answer(body)
            if self._answer
            else {"message": {"role": "assistant", "content": rule(body["messages"])}}
        )
        content = json.dumps({"choices": [message], "usage": {"prompt_tokens": 7, "completion_tokens": 3}})
        if fault == "malformed":
            content = content[: len(content) // 2]
        elif fault == "empty":
            content = json.dumps({"choices": []})
        elif status != 200:
            content = json.dumps({"error": {"message": f"planned {status}"}})
        elif fault == OK:
            with self._lock:
                self.bodies.append(body)
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(content)))
        if status == 429:
            handler.send_header("Retry-After", "0")
        handler.end_headers()
        handler.wfile.write(content.encode())


@contextmanager
def serving(
    faults: Callable[[int, int], str] = lambda total, times: OK,
    answer: Callable[[Any], dict[str, Any]] | None = None,
) -> Iterator[Server]:
    """Run a server on a free port of this machine; `faults` names what to do from how many requests came so far, and
    how often this one did."""
    server = Server(faults, answer)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            server.reply(self, json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def do_GET(self) -> None:
            content = json.dumps({"data": [{"id": "the-model"}]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    http.handle_error = lambda *connection: None  # type: ignore[method-assign]  # clients may be killed
    server.url = f"http://127.0.0.1:{http.server_address[1]}/v1"
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()

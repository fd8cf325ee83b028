"""HTTP connections that are bounded in number, in size and in time, so that no client can hold the others up.

A server of one thread a connection is at the mercy of clients that send a byte a second, read none of what they asked
for, or open connections and say nothing. Here a request has to be whole in time, an answer has to be taken in time, and
where there are too many connections the one that has been idle longest makes room for the next.
"""

import contextlib
import io
import socket
import sys
import threading
import time
from abc import ABC, abstractmethod
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from critic_eval.visible import visible

MOST_CONNECTIONS = 64
"""Connections, and so threads, at a time; a browser opens six."""
REQUEST_SECONDS = 15.0
"""From the end of an answer (or the connection's begin) until the next request is whole."""
ANSWER_SECONDS = 20.0
"""In which an answer is taken, and more for a large one: see `SLOWEST`."""
SLOWEST = 100_000
"""Bytes a second that a client takes at least."""
LONGEST_REQUEST = 1 << 17
"""Bytes of a request line with its headers; there is never a body."""


class BoundedServer(ThreadingHTTPServer):
    """A server whose connections are few."""

    daemon_threads = True
    request_queue_size = MOST_CONNECTIONS

    def __init__(self, *args: Any) -> None:
        self._busy: dict[Any, float] = {}
        self._idle: dict[Any, float] = {}
        self._lock = threading.Lock()
        super().__init__(*args)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Give a connection a thread of its own, and the place of another where there is none left."""
        with self._lock:
            if len(self._busy) + len(self._idle) >= MOST_CONNECTIONS:
                self._end_oldest()
            self._idle[request] = time.monotonic()
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """End a connection."""
        with self._lock:
            self._idle.pop(request, None)
            self._busy.pop(request, None)
        super().shutdown_request(request)

    def note(self, request: Any, is_idle: bool) -> None:
        """Keep whether a connection waits for a request or takes an answer, and since when."""
        with self._lock:
            # One that had to make room is no longer known, and is not counted again.
            if self._idle.pop(request, None) is not None or self._busy.pop(request, None) is not None:
                (self._idle if is_idle else self._busy)[request] = time.monotonic()

    def _end_oldest(self) -> None:
        among = self._idle or self._busy
        oldest = min(among, key=lambda request: among[request])
        del among[oldest]
        with contextlib.suppress(OSError):
            oldest.shutdown(socket.SHUT_RDWR)  # what its thread waits for ends, and so does the thread

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that goes on to another item cuts its connections off; that is not an error to print."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            print(visible(f"A request failed ({type(error).__name__}: {error}).", 300), file=sys.stderr)


class BoundedHandler(BaseHTTPRequestHandler, ABC):
    """Requests that come whole in time or not at all, and errors in plain text that echo nothing."""

    server: BoundedServer
    protocol_version = "HTTP/1.1"
    default_request_version = "HTTP/1.0"  # a request without one gets an answer with headers, too
    server_version = "critic-eval"
    sys_version = ""
    disable_nagle_algorithm = True  # else the body of each answer waits 40 ms for the headers to be acknowledged

    def setup(self) -> None:
        """Read through a clock and a meter."""
        super().setup()
        self._source = _Timed(self.connection)
        self.rfile = io.BufferedReader(self._source)

    def handle_one_request(self) -> None:
        """Wait for a request, for so long, and answer it."""
        self.server.note(self.connection, is_idle=True)
        self._source.begin()
        super().handle_one_request()

    def do_GET(self) -> None:  # http.server's name
        """Reading is all there is."""
        self.answer()

    def do_HEAD(self) -> None:
        """The same without a body."""
        self.answer()

    @abstractmethod
    def answer(self) -> None:
        """Answer a request for something."""

    def will_answer(self, size: int) -> None:
        """Say that so many bytes are about to be sent; sending raises TimeoutError where they are not taken in time."""
        self.server.note(self.connection, is_idle=False)
        self.connection.settimeout(ANSWER_SECONDS + size / SLOWEST)

    def handle_expect_100(self) -> bool:
        """There is nothing to be sent here."""
        self.send_error(HTTPStatus.EXPECTATION_FAILED)
        return False

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse a request and end its connection, since what follows on it is not known to be a request."""
        self.refuse(HTTPStatus(code))

    @abstractmethod
    def refuse(self, status: HTTPStatus) -> None:
        """Refuse a request in the words of its status."""

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: each request is a click of the reader."""


class _Timed(io.RawIOBase):
    """What a connection sends, until the time or the size of a request is used up."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__()
        self._connection = connection
        self.begin()

    def begin(self) -> None:
        """A request begins."""
        self._until = time.monotonic() + REQUEST_SECONDS
        self._left = LONGEST_REQUEST

    def readable(self) -> bool:
        """True: a connection can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Raises TimeoutError when the time is over, and ConnectionError when there is too much."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the request was not whole in time")
        if self._left <= 0:
            raise ConnectionError("the request is too long")
        self._connection.settimeout(left)
        n = self._connection.recv_into(buffer)
        self._left -= n
        return n

"""What a client may send, and how slowly: the server answers each with its page, with a refusal, or not at all."""

import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from critic_eval.reports.viewer import connections
from critic_eval.reports.viewer.view import View, open_view
from tests.reports.viewer.conftest import pairs, plant, served

SECRET = "what-the-critic-said"
DATA = "/data/manifest.json"


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> View:
    return open_view([plant(tmp_path_factory.mktemp("runs") / "good", pairs(30, 4), SECRET)])


@pytest.fixture(scope="module")
def url(view: View) -> Iterator[str]:
    with served(view) as address:
        yield address


def connect(url: str, timeout: float = 10) -> socket.socket:
    parts = urlsplit(url)
    return socket.create_connection((str(parts.hostname), int(parts.port or 0)), timeout)


def send(url: str, data: bytes) -> bytes:
    """All that a server says to these bytes until it ends the connection, or the client does."""
    with connect(url, 2) as client:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # ended before all of it was said
            client.sendall(data)
        with contextlib.suppress(OSError):
            client.shutdown(socket.SHUT_WR)
        found = b""
        with contextlib.suppress(OSError):
            while more := client.recv(1 << 16):
                found += more
        return found


def is_alive(url: str) -> bool:
    return SECRET.encode() in send(url, f"GET {DATA} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())


def request(path: str = DATA, method: str = "GET", host: str = "localhost", more: str = "", end: str = "1.1") -> bytes:
    return f"{method} {path} HTTP/{end}\r\nHost: {host}\r\n{more}\r\n".encode("latin-1")


PATHS = (
    *("/../../etc/passwd", "/app/../../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/..%2fserver.py", "//etc/passwd"),
    *("/app/..\\..\\server.py", "/%252e%252e/etc/passwd", "/..%c0%af..%c0%afetc/passwd", "/app/%00main.js", "/\x00"),
    *("/file:///etc/passwd", "http://evil.example/", "/.git/config", "/app/", "/app", "/index.html/..", "/data/", "*"),
    *("/data/tables/0.json/../../x", "/data/tables/-1.json", "/data/tables/1e0.json", "/data/tables/00000000.json"),
    *("/data/texts/0/99999999999999999999.json", "/data/images/0/0/99999", "/data/tables/\xb2.json", "/" + "a" * 60000),
    *("/app/main.js%00.json", "/app/main.js/", "/APP/MAIN.JS", "/data/texts/0/0.json%0d%0aSet-Cookie:x", "/%", "/;x"),
)
HOSTS = (
    *("evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.evil.example", "evil@localhost", ""),
    *("localhost:80:80", "[::1", "[::1]evil.example", "[::1]:x", "localhost/evil", "evil.example#localhost", "0.0.0.0"),
    *("127.1", "2130706433", "0x7f000001", "localhost,evil.example", "localhost evil", "\xa0localhost.evil", "[::2]"),
)
SITES = (
    "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: script\r\n",
    "Sec-Fetch-Site: same-site\r\nSec-Fetch-Mode: cors\r\nOrigin: http://localhost:1\r\n",
    "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: iframe\r\n",
    "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: websocket\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n",
)
BODIES = (
    "Content-Length: 60\r\n",
    "Content-Length: -1\r\n",
    "Content-Length: 0, 60\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    "Transfer-Encoding : chunked\r\nContent-Length: 5\r\n",
    "Expect: 100-continue\r\nContent-Length: 60\r\n",
    "Host: evil.example\r\n",
)
MALFORMED = (
    *(b"", b"\r\n\r\n", b"\x00\x01\x02\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/x\r\n\r\n"),
    *(b"GET / HTTP/1.1 x y\r\n\r\n", b"GET /\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 80),
    *(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET " + b"/" * 70_000, b"G" * 200_000, b"GET / HTTP/1.1\nHost: evil\n\n"),
    b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: a\r\n" % index for index in range(200)) + b"\r\n",
    b"GET / HTTP/1.1\r\n" + b"X: " + b"a" * 70_000 + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: %s\r\n" % (index, b"a" * 60_000) for index in range(50)) + b"\r\n",
    b"GET / HTTP/1.1\r\nHost : localhost\r\n\r\n",
    b"GET / HTTP/1.1\r\n Host: localhost\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost\r\n\r\n",
)
METHODS = ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "<script>", "get", "PROPFIND")
NOTHING = {f"path {path[:40]!r}": request(path) for path in PATHS}
NOTHING |= {f"host {host!r}": request(host=host) for host in HOSTS}
NOTHING |= {f"site {number}": request(more=site) for number, site in enumerate(SITES)}
NOTHING |= {f"body {body!r}": request(more=body) + b"x" * 60 for body in BODIES}
NOTHING |= {f"malformed {data[:30]!r}": data for data in MALFORMED}
NOTHING |= {f"method {method}": request(method=method) for method in METHODS}
SMUGGLED = request("/nothing", more=f"Content-Length: {len(request())}\r\n") + request()


@pytest.mark.parametrize("data", NOTHING.values(), ids=[ascii(name) for name in NOTHING])
def test_nothing_that_was_said_is_had_by_a_trick(url: str, data: bytes) -> None:
    found = send(url, data)
    assert SECRET.encode() not in found
    assert b"<script>" not in found
    assert b"Set-Cookie" not in found
    assert b"root:" not in found
    assert not found or b"200 OK" not in found.split(b"\r\n")[0]
    if found:
        head = found.partition(b"\r\n\r\n")[0].lower()
        assert b"content-security-policy: default-src 'none'" in head
        assert b"x-content-type-options: nosniff" in head
        assert b"content-type: text/plain" in head
        assert b"python" not in head


def test_a_body_is_never_read_as_the_next_request(url: str) -> None:
    found = send(url, SMUGGLED)
    assert found.count(b"HTTP/1.1 ") == 1
    assert SECRET.encode() not in found
    # Two requests one after the other are two answers.
    assert send(url, request() * 2).count(b"HTTP/1.1 200 OK") == 2


@pytest.mark.parametrize(
    "more",
    [
        "Range: bytes=0-3\r\n",
        "Range: bytes=0-,0-,0-,0-\r\n",
        "Accept-Encoding: identity;q=0, *;q=0\r\n",
        "Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: cors\r\n",
        "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n",
        "X: \r\n y\r\n",
        "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n",
        "Content-Length: 0\r\n",
        "X-Forwarded-Host: evil.example\r\nX-Original-URL: /../../etc/passwd\r\n",
    ],
)
def test_what_the_reader_may_ask_is_answered_whole(url: str, more: str) -> None:
    found = send(url, request(more=more))
    assert found.startswith(b"HTTP/1.1 200 OK")
    assert found.endswith(b"}")
    assert SECRET.encode() in found
    assert b"access-control" not in found.lower()
    assert b"cross-origin-resource-policy: same-origin" in found.lower()


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short deadlines and few connections, so that the tests are short."""
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 0.4)
    monkeypatch.setattr(connections, "ANSWER_SECONDS", 0.4)
    monkeypatch.setattr(connections, "SLOWEST", 1 << 40)
    monkeypatch.setattr(connections, "MOST_CONNECTIONS", 8)


def lasts(client: socket.socket, drip: bytes = b"") -> float:
    """Seconds until the server ends a connection on which a byte is sent every 20 ms; 5 where it doesn't."""
    began = time.monotonic()
    client.settimeout(0.02)
    while time.monotonic() < began + 5:
        try:
            if drip:
                client.sendall(drip)
            if client.recv(1) == b"":
                break
        except TimeoutError:
            continue
        except OSError:
            break
    return time.monotonic() - began


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize(
    ("first", "drip"),
    [(b"", b""), (b"", b"G"), (b"GET / HTTP/1.1\r\n", b"X"), (b"GET / HTTP/1.1\r\n", b"X: y\r\n"), (b"GET /", b"")],
)
def test_a_request_that_is_not_whole_in_time_ends(view: View, first: bytes, drip: bytes) -> None:
    with served(view) as url, connect(url) as client:
        client.sendall(first)
        assert lasts(client, drip) < 2
        assert is_alive(url)


@pytest.mark.usefixtures("hurried")
def test_a_connection_is_not_kept_open_for_nothing(view: View) -> None:
    with served(view) as url, connect(url) as client:
        client.sendall(request())
        assert client.recv(15) == b"HTTP/1.1 200 OK"
        assert lasts(client) < 2


@pytest.mark.usefixtures("hurried")
def test_a_client_that_does_not_take_its_answer_is_ended(tmp_path: Path) -> None:
    said = pairs(3, 4)
    size = 12_000_000  # more than the system keeps for a client

    def shown(item: str, order: str) -> dict[str, Any]:
        return {"question": "x" * size if (item, order) == ("item-000", "AB") else ""}

    long = open_view([plant(tmp_path / "run", said, shown=shown)])
    with served(long) as url:
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        parts = urlsplit(url)
        client.connect((str(parts.hostname), int(parts.port or 0)))
        client.sendall(request("/data/texts/0/0.json"))
        time.sleep(0.8)
        client.settimeout(5)
        took = 0
        with contextlib.suppress(OSError):
            while more := client.recv(1 << 20):
                took += len(more)
        client.close()
    assert took < size


@pytest.mark.usefixtures("hurried")
def test_many_silent_clients_keep_nobody_out(view: View, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 60)
    with served(view) as url:
        clients = [connect(url) for _ in range(40)]
        began = time.monotonic()
        assert all(is_alive(url) for _ in range(5))
        assert time.monotonic() - began < 2
        # The first of them had to make room; not more are served at a time than there is room for.
        ended = 0
        for client in clients:
            client.settimeout(0.05)
            with contextlib.suppress(TimeoutError):
                ended += client.recv(1) == b""
        assert ended >= 40 - 8
        for client in clients:
            client.close()

"""Images from the web: public http and https addresses alone, whole answers of bounded size, no way around."""

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from critic_eval.api.addresses import fetch, is_public
from critic_eval.errors import ImageError

CONTENT = b"what an image would be"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        kind, _, rest = self.path[1:].partition("/")
        if kind == "to":
            self.send_response(302)
            self.send_header("Location", rest)
            self.end_headers()
        elif kind == "loop":
            self.send_response(302)
            self.send_header("Location", self.path)
            self.end_headers()
        elif kind == "drip":
            self.send_response(200)
            self.end_headers()
            for _ in range(40):
                self.wfile.write(b"x")
                self.wfile.flush()
                time.sleep(0.05)
        else:
            self.send_response(404 if kind == "missing" else 200)
            if kind == "packed":
                self.send_header("Content-Encoding", "gzip")
            self.end_headers()
            self.wfile.write(CONTENT * (1000 if kind == "large" else 1))

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *connection: None  # type: ignore[method-assign]  # clients leave early
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def anywhere(address: str) -> bool:
    return True


def test_the_bytes_behind_an_address_come_through_redirects(url: str) -> None:
    assert fetch(f"{url}/image", is_allowed=anywhere) == CONTENT
    assert fetch(f"{url}/to//image", is_allowed=anywhere) == CONTENT
    assert fetch(f"{url}/to/{url}/image", is_allowed=anywhere) == CONTENT


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("missing", "status 404"),
        ("loop", "more than 5 times"),
        ("to/file:///etc/passwd", "not http or https"),
        ("to/ftp://example.org/cat.png", "not http or https"),
        ("packed", "packed"),
        ("large", "more than 10,000 bytes"),
        ("drip", "too long|ReadTimeout"),
    ],
)
def test_what_is_not_taken_is_refused_with_its_reason(url: str, path: str, reason: str) -> None:
    with pytest.raises(ImageError, match=reason) as caught:
        fetch(f"{url}/{path}", is_allowed=anywhere, max_bytes=10_000, max_seconds=0.5)
    assert url in str(caught.value)


def test_this_machine_and_local_networks_are_not_asked(url: str) -> None:
    port = url.rpartition(":")[2]
    for address in (url, f"http://localhost:{port}/", f"http://0.0.0.0:{port}/", f"http://[::ffff:127.0.0.1]:{port}/"):
        with pytest.raises(ImageError, match=r"local network|can't be fetched"):
            fetch(address)
    for address in ("http://10.1.2.3/", "http://192.168.0.1/", "http://169.254.169.254/latest/meta-data"):
        with pytest.raises(ImageError, match="local network"):
            fetch(address)


def test_a_redirect_to_a_local_network_is_not_followed(url: str) -> None:
    with pytest.raises(ImageError, match="local network"):
        fetch(f"{url}/to/http://10.1.2.3/", is_allowed=lambda address: address == "127.0.0.1")


@pytest.mark.parametrize("address", ["http://", "http://user:secret@example.org/cat.png", "http://[", "https://\x00/"])
def test_malformed_addresses_and_secrets_are_refused(address: str) -> None:
    with pytest.raises(ImageError):
        fetch(address, is_allowed=anywhere)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("127.0.0.1", False),
        ("172.16.3.4", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("224.0.0.1", False),
        ("0.0.0.0", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:10.0.0.1", False),
        ("2002:7f00:0001::", False),
        ("64:ff9b::7f00:1", False),
        ("localhost", False),
        ("", False),
    ],
)
def test_public_addresses_are_told_from_others(address: str, expected: bool) -> None:
    assert is_public(address) is expected

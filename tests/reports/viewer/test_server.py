"""The server gives what the page needs to this machine, and nothing to anybody else."""

import gzip
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from critic_eval.cli import main
from critic_eval.errors import ArgumentError
from critic_eval.reports.viewer.assets import POLICY
from critic_eval.reports.viewer.server import Pages, make_server
from critic_eval.reports.viewer.view import View, open_view
from tests.reports.viewer.conftest import pairs, plant, served


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> View:
    return open_view([plant(tmp_path_factory.mktemp("runs") / "good", pairs(30, 4))])


@pytest.fixture(scope="module")
def url(view: View) -> Iterator[str]:
    with served(view) as address:
        yield address


def ask(
    url: str, path: str, method: str = "GET", host: str | None = None, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """A request whose path and Host header are sent as they stand."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(str(parts.hostname), int(parts.port or 0), timeout=10)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    connection.putheader("Host", parts.netloc if host is None else host)
    for name, value in headers.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, {name.casefold(): value for name, value in answer.getheaders()}, body


def asked(url: str, path: str) -> Any:
    return json.loads(ask(url, path)[2])


def test_the_page_comes_with_a_strict_policy(url: str) -> None:
    for path in ("/", "/app/main.js", "/data/manifest.json", "/nothing"):
        _, headers, _ = ask(url, path)
        policy = {part.split()[0]: part.split()[1:] for part in headers["content-security-policy"].split(";")}
        assert policy["default-src"] == ["'none'"]
        assert policy["script-src"] == policy["style-src"] == policy["img-src"] == policy["connect-src"] == ["'self'"]
        assert policy["base-uri"] == policy["form-action"] == policy["frame-ancestors"] == ["'none'"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "access-control-allow-origin" not in headers
    page = ask(url, "/")[2].decode()
    assert f'content="{POLICY}"' in page
    assert "<script>" not in page
    assert "<style" not in page
    assert "style=" not in page


def test_data_is_sent_zipped_to_who_takes_it(url: str) -> None:
    status, headers, body = ask(url, "/data/tables/0.json", Accept_Encoding="br, gzip")
    assert (status, headers["content-encoding"]) == (200, "gzip")
    assert json.loads(gzip.decompress(body)) == asked(url, "/data/tables/0.json")
    status, headers, body = ask(url, "/data/tables/0.json", "HEAD")
    assert (status, body) == (200, b"")
    assert int(headers["content-length"]) > 100
    assert asked(url, "/data/texts/0/3.json")["shown"]["responses"] == ["item-003 says A", "item-003 says B"]


@pytest.mark.parametrize(
    "path",
    [
        "/../server.py",
        "/app/../../server.py",
        "/app/%2e%2e/%2e%2e/server.py",
        "//etc/passwd",
        "/app//etc/passwd",
        "/..%2f..%2fserver.py",
        "/app/..\\..\\server.py",
        "/data/texts/0/30.json",
        "/data/texts/1/0.json",
        "/data/texts/0/-1.json",
        "/data/tables/9.json",
        "/data/images/0/0/0",
        "http://example.org/",
    ],
)
def test_nothing_but_the_page_and_its_data_can_be_had(url: str, path: str) -> None:
    status, _, body = ask(url, path)
    assert (status, body) == (404, b"There is nothing here.")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_only_reading_is_possible(url: str, method: str) -> None:
    status, headers, _ = ask(url, "/", method)
    assert status == 501
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:1234", 200),
        ("127.0.0.1", 200),
        ("[::1]:80", 200),
        ("LOCALHOST", 200),
        ("evil.example", 421),
        ("evil.example:8765", 421),
        ("127.0.0.1.evil.example", 421),
        ("", 421),
    ],
)
def test_a_site_that_points_its_name_here_gets_nothing(url: str, host: str, status: int) -> None:
    found, _, body = ask(url, "/data/manifest.json", host=host)
    assert found == status
    assert (b"good" in body) == (status == 200)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("192.0.2.7:80", 200),
        ("[2001:db8::7]", 200),
        (socket.gethostname(), 200),
        ("proxy.example:443", 200),
        ("evil.example", 421),
        ("192.0.2.7.evil.example", 421),
        ("", 421),
    ],
)
def test_on_another_address_the_machine_is_named_by_address_or_name(view: View, host: str, status: int) -> None:
    server = make_server(Pages(view, with_images=False), "0.0.0.0", 0, ["proxy.example"])
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        found, _, _ = ask(f"http://127.0.0.1:{server.server_address[1]}/", "/data/manifest.json", host=host)
    finally:
        server.shutdown()
        server.server_close()
    assert found == status


def test_a_port_in_use_is_named(view: View, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = plant(tmp_path / "run", pairs(3, 4))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["view", str(run), "--port", str(port)]) == 1
    error = capsys.readouterr().err
    assert error == f"error: Port {port} of 127.0.0.1 is in use; name another with --port, or 0 for any.\n"
    for host, other in (("127.0.0.1", 70_000), ("no.such.host.invalid", 0)):
        with pytest.raises(ArgumentError, match="--host and --port"):
            make_server(Pages(view, with_images=False), host, other)


def test_images_come_from_the_data_set_once_it_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image_module = pytest.importorskip("PIL.Image")
    image_module.new("RGB", (600, 30), "red").save(tmp_path / "red.png")
    items = [
        {"id": f"item-{item:03d}", "question": "What is shown?", "image": "red.png", "group": group}
        | {"responses": [f"item-{item:03d} says A", f"item-{item:03d} says {'B' if item else 'something else'}"]}
        for item, group in enumerate(("COCO", "Chart QA"))
    ]
    (tmp_path / "own.jsonl").write_text("\n".join(map(json.dumps, items)), encoding="utf-8")
    monkeypatch.setenv("CRITIC_EVAL_PAIRS", str(tmp_path / "own.jsonl"))
    run = plant(tmp_path / "run", pairs(3, 4))
    with served(open_view([run]), with_images=True) as url:
        assert asked(url, "/data/images/0/1.json") == {"loading": True}
        until = time.monotonic() + 60
        while (found := asked(url, "/data/images/0/1.json")).get("loading") and time.monotonic() < until:
            time.sleep(0.1)
        assert found == {"images": ["data/images/0/1/0"]}
        status, headers, body = ask(url, "/data/images/0/1/0")
        assert (status, headers["content-type"]) == (200, "image/jpeg")
        assert body.startswith(b"\xff\xd8")
        assert ask(url, "/data/images/0/1/1")[0] == 404
        changed = {"reason": "The data set has changed since this run, so its images may be others."}
        assert asked(url, "/data/images/0/0.json") == changed
        assert asked(url, "/data/images/0/2.json") == changed


def test_a_missing_data_set_is_told_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CRITIC_EVAL_PAIRS", raising=False)
    with served(open_view([plant(tmp_path / "run", pairs(3, 4))]), with_images=True) as url:
        until = time.monotonic() + 60
        while (found := asked(url, "/data/images/0/1.json")).get("loading") and time.monotonic() < until:
            time.sleep(0.1)
    assert found["reason"].startswith("The data set is not at hand, so there are no images.")
    assert "CRITIC_EVAL_PAIRS" in found["reason"]

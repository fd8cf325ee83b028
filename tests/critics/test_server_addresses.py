"""Addresses, certificates and secrets: what is wrong with them is said, and no secret is repeated or sent elsewhere."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from critic_eval.critics.engines.opening import EngineArguments, open_engine
from critic_eval.critics.engines.server.secrets import PASSWORD_VARIABLE
from critic_eval.errors import ArgumentError, ServerError
from tests.critics.hostile_server import ask, hostile, sends, well

pytestmark = pytest.mark.usefixtures("impatient")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1, with its key."""
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(file), "-out", str(file.with_suffix(".crt"))]
    try:
        subprocess.run([*command, *names], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("no openssl to make a certificate with")
    file.write_text(file.read_text() + file.with_suffix(".crt").read_text())
    return file


@contextlib.contextmanager
def tls(certificate: Path) -> Iterator[str]:
    """A well-behaved server behind TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def behave(connection: socket.socket) -> None:
        pass

    with hostile(behave, context=context) as server:
        yield server.url.replace("http://", "https://")


def test_a_certificate_that_cannot_be_verified_is_named_at_once(certificate: Path) -> None:
    started = time.monotonic()
    with tls(certificate) as url, pytest.raises(ServerError, match=r"certificate of https://.* \(self.signed"):
        ask(url)
    assert time.monotonic() - started < 3


def test_a_certificate_whose_authority_is_named_is_taken(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.with_suffix(".crt")))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with hostile(well, context=context) as server:
        (answer,) = ask(server.url.replace("http://", "https://"))
    assert answer.text == "fine"


def test_a_server_without_tls_is_said_to_be_one() -> None:
    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        with pytest.raises(ServerError, match=r"TLS with .* fails .* plain http"):
            ask(f"https://127.0.0.1:{listener.getsockname()[1]}/v1")


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://user:hunter2@127.0.0.1:1/v1",
            "http://hunter2@127.0.0.1/v1",
            "http://user:hunter2@",
            "hunter2:x@host",
        ),
        *("http://127.0.0.1/v1?key=hunter2", "http://127.0.0.1/v1#hunter2", "http://user:hunter2@[::1/v1"),
    ],
)
def test_a_secret_in_an_address_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(ArgumentError, match="environment") as raised:
        open_engine(EngineArguments("the-model", base_url=url))
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    "url", ["ftp://127.0.0.1/v1", "127.0.0.1:8000", "http://", "http://127.0.0.1:99999/v1", "http:///v1"]
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ArgumentError, match="is not an address"):
        open_engine(EngineArguments("the-model", base_url=url))


def test_a_password_goes_to_the_server_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSWORD_VARIABLE, "user:open-sesame")
    with hostile(sends(b"user:open-sesame dXNlcjpvcGVuLXNlc2FtZQ==", "400 Bad Request")) as server:
        (answer,) = ask(server.url)
    assert server.headers[0]["authorization"] == "Basic dXNlcjpvcGVuLXNlc2FtZQ=="
    assert answer.error == "the server refused the request (status 400: *** ***)"


def test_a_key_that_no_header_can_hold_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRITIC_EVAL_API_KEY", "näh\u2028x")
    with pytest.raises(ArgumentError, match="CRITIC_EVAL_API_KEY") as raised:
        ask("http://127.0.0.1:1/v1")
    assert "näh" not in str(raised.value)

"""Whatever a server replies, at worst its request has an error; nothing is awaited or taken without end."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from critic_eval.critics.engines.server import patience
from critic_eval.critics.engines.server.engine import served_model
from critic_eval.errors import ServerError
from tests.critics.hostile_replies import ANSWERED, FAILED, SECRET, SLOW
from tests.critics.hostile_server import Behavior, ask, hostile, sends

pytestmark = pytest.mark.usefixtures("impatient")


def complaint(behavior: Behavior, is_answered: bool) -> str:
    """What is wrong with how a behavior was met, if anything."""
    started = time.monotonic()
    with hostile(behavior) as server:
        try:
            (answer,) = ask(server.url)
        except Exception as error:
            return f"the run ended: {error!r}"
    said = f"{answer.text}{answer.error or ''}"
    checks = {
        "error": (answer.error is None) == is_answered,
        "text": answer.text.replace("\x00", "").replace("\ufffd", "") == ("fine" if is_answered else ""),
        "characters": said.encode(errors="replace").decode() == said,
        "one short line": (answer.error or "-").isprintable() and len(answer.error or "") < 400,
        "tokens": all(0 <= n < 1e9 for n in (answer.input_tokens, answer.output_tokens)),
        "secret": SECRET not in repr(answer),
        "requests": server.requests <= patience.ATTEMPTS,
        "time": time.monotonic() - started < 60,
    }
    return ", ".join(name for name, holds in checks.items() if not holds)


def test_no_reply_ends_a_run_or_gets_more_than_an_error_of_its_request(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("CRITIC_EVAL_API_KEY", SECRET)
    caplog.set_level(0)
    kinds = ((ANSWERED, True), (FAILED, False), (SLOW, False))
    tried = {name: (behavior, answered) for kind, answered in kinds for name, behavior in kind.items()}
    assert len(tried) >= 80
    with ThreadPoolExecutor(8) as pool:
        complaints = dict(zip(tried, pool.map(complaint, *zip(*tried.values(), strict=True)), strict=True))
    assert {name: said for name, said in complaints.items() if said} == {}
    assert SECRET not in caplog.text


def test_the_timeout_is_for_the_whole_answer() -> None:
    started = time.monotonic()
    with hostile(SLOW["a byte at a time"]) as server:
        (answer,) = ask(server.url)
    assert time.monotonic() - started < 10
    assert answer.error == f"no answer after 3 attempts: no whole answer of {server.url} within 1 s"


@pytest.mark.parametrize("said", [b"", b"null", b"[]", b'{"data": []}', b'{"data": [null]}', b"[" * 100_000, b"{"])
def test_a_server_that_names_no_model_is_an_error(said: bytes) -> None:
    with hostile(sends(said)) as server, pytest.raises(ServerError, match="names no model"):
        served_model(server.url)

"""A server that is busy, broken, gone or silent is tried for a bounded time, and never asked more often for it."""

from __future__ import annotations

import datetime
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from critic_eval.critics.engines.server import connection, patience
from critic_eval.critics.engines.server.patience import pause
from critic_eval.errors import ServerError
from tests.critics.hostile_server import ask, hostile, sends, waits, well

pytestmark = pytest.mark.usefixtures("impatient")


@pytest.mark.parametrize("status", ["429 Busy", "503 Busy"])
@pytest.mark.parametrize("stated", ["0", "-1", "nan", "garbage", "Wed, 21 Oct 2015 07:28:00 GMT"])
def test_a_busy_server_is_not_asked_more_often_because_it_says_so(stated: str, status: str) -> None:
    with hostile(sends(b"", status, f"Retry-After: {stated}")) as server, pytest.raises(ServerError, match="status"):
        ask(server.url, texts=("a", "b"))
    assert server.requests <= 2 * 9  # waits of 10, 20, 40, ... ms in half a second


def test_waits_grow_from_a_floor_and_follow_the_server_up_to_a_bound() -> None:
    for stated in ("", "0", "-7", "nan", "-inf", "garbage", "\xff", "1e-300"):
        waits_of = [pause(attempt, stated) for attempt in (1, 4, 9, 5000)]
        assert all(0.8 * least <= wait <= 36 for wait, least in zip(waits_of, (0.01, 0.08, 2.5, 30), strict=True))
    assert pause(1, "7") == 7
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=20)
    assert 18 < pause(1, soon.strftime("%a, %d %b %Y %H:%M:%S GMT")) <= 20
    for huge in ("1e300", "inf", "99999999999", "Fri, 31 Dec 9999 23:59:59 GMT"):
        assert pause(1, huge) == patience.LONGEST_STATED


def test_a_server_that_fails_at_everything_is_asked_once_for_each_request_after_a_while() -> None:
    with hostile(sends(b"", "500 Error")) as server:
        answers = ask(server.url, texts=tuple(map(str, range(100))), concurrency=2)
    assert all(answer.error for answer in answers)
    assert server.requests < 100 + 40 * patience.ATTEMPTS


def test_a_server_that_is_busy_for_everybody_ends_the_run_and_one_that_is_not_does_not() -> None:
    with hostile(sends(b"come back", "429 Busy")) as server, pytest.raises(ServerError, match="status 429: come back"):
        ask(server.url, texts=tuple(map(str, range(50))))
    assert server.requests < 100
    with hostile(sends(b"", "429 Busy"), times=2) as server:
        assert [answer.text for answer in ask(server.url, texts=("a", "b", "c"))] == ["fine"] * 3


def test_a_server_out_of_reach_is_named_while_it_is_tried(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hostile(well) as server:
        pass
    said_after: list[float] = []
    started = time.monotonic()
    logger = logging.getLogger("critic_eval")
    monkeypatch.setattr(logger, "warning", lambda *args: said_after.append(time.monotonic() - started))
    with pytest.raises(ServerError, match=f"no connection to {server.url} .Connection refused.*same command again"):
        ask(server.url, texts=tuple(map(str, range(9))))
    assert len(said_after) == 1
    assert said_after[0] < 0.2
    assert connection.CONNECT_SECONDS < 5


def test_seconds_of_answers_add_up_to_the_time_that_passed() -> None:
    def slow(connection: socket.socket) -> None:
        time.sleep(0.3)
        well(connection)

    with hostile(slow) as server:
        started = time.monotonic()
        answers = ask(server.url, texts=tuple(map(str, range(16))), concurrency=16)
        took = time.monotonic() - started
    assert 0.3 < sum(answer.seconds for answer in answers) <= took


INTERRUPTED = """
import signal, sys
from critic_eval.critics.conversations import Message
from critic_eval.critics.engines.engine import Group, Request
from critic_eval.critics.engines.server.engine import ServerEngine
from critic_eval.critics.generation import GenerationSettings

# What a shell starts in the background ignores interrupts, and so does what that starts.
signal.signal(signal.SIGINT, signal.default_int_handler)
engine = ServerEngine([sys.argv[1]], "the-model", concurrency=16, timeout=600)
requests = tuple(Request(n, [Message("user", (str(n),))]) for n in range(100))
print("there", flush=True)
list(engine.answer([Group(GenerationSettings(16), requests)]))
"""


def test_one_interrupt_ends_a_run_whose_server_keeps_it_waiting(repository: Path) -> None:
    with hostile(waits) as server:
        environment = {**os.environ, "PYTHONPATH": str(repository)}
        command = [sys.executable, "-c", INTERRUPTED, server.url]
        run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment)
        assert run.stdout is not None
        assert run.stdout.readline() == b"there\n"
        deadline = time.monotonic() + 20
        while server.requests < 16 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert server.requests == 16
        run.send_signal(signal.SIGINT)
        assert run.wait(timeout=20) == -signal.SIGINT  # the server keeps it waiting for 30
        run.stdout.close()

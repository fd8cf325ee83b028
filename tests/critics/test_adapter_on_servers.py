"""What `llava_critic` says of answers that came from a server: in signatures, in errors, in the summary of speed."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest
from lmms_eval.api.instance import Instance

from critic_eval.errors import ServerError
from critic_eval.lmms.models import costs
from critic_eval.lmms.models.llava_critic import LlavaCritic
from critic_eval.runs import report
from tests.critics.hostile_server import hostile, sends, well

pytestmark = pytest.mark.usefixtures("impatient")


def judge(url: str, n: int = 8, **arguments: Any) -> list[str]:
    """The answers to texts, by lmms-eval's way."""
    critic = LlavaCritic(base_url=url, pretrained="the-model", **arguments)
    critic.task_dict = {"task": {"test": list(range(n))}}
    requests = [
        Instance(
            "generate_until",
            (
                "",
                lambda n: [{"role": "user", "content": [{"type": "text", "text": f"{n}?"}]}],
                {},
                index,
                "task",
                "test",
            ),
            0,
            metadata={"task": "task", "doc_id": index, "repeats": 1, "split": "test"},
        )
        for index in range(n)
    ]
    try:
        return [result.text for result in critic.generate_until(requests)]
    finally:
        critic.engine.close()
        if critic.journal is not None:
            critic.journal.close()


def test_the_signature_says_which_arguments_the_server_refuses_in_the_run_and_in_one_from_the_journal(
    tmp_path: Path,
) -> None:
    def behave(connection: Any) -> None:
        refusal = sends(b"temperature is not supported", "400 Bad Request")
        (refusal if "temperature" in server.bodies[-1] else well)(connection)

    with hostile(behave) as server:
        for _ in range(2):
            assert judge(server.url, journal=str(tmp_path / "j.sqlite"), concurrency=1) == ["fine"] * 8
            assert report._critics["llava_critic"]["refused_by_server"] == "temperature"
            asked = server.requests
        assert server.requests == asked
    with hostile(well) as server:
        judge(server.url)
    assert "refused_by_server" not in report._critics["llava_critic"]
    assert report._critics["llava_critic"]["special_tokens"] == "broken up"


@pytest.mark.parametrize("answered", [0, 5])
def test_a_server_that_is_gone_leaves_in_the_journal_what_is_said_to_be_there(answered: int, tmp_path: Path) -> None:
    file = tmp_path / "journal.sqlite"
    busy = sends(b"", "503 Busy")
    with (
        hostile(well, times=answered, then=busy) as server,
        pytest.raises(ServerError, match=rf"{answered} answers are in the journal {file}\.$"),
    ):
        judge(server.url, journal=str(file), concurrency=1)
    with sqlite3.connect(file) as db:
        assert db.execute("SELECT count(*) FROM answers").fetchone() == (answered,)
    db.close()


def test_a_run_without_a_journal_is_not_said_to_have_one() -> None:
    with hostile(sends(b"", "503 Busy")) as server, pytest.raises(ServerError, match="No journal was kept"):
        judge(server.url)


def test_the_summary_of_speed_says_the_seconds_that_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    said: dict[str, Any] = {}
    monkeypatch.setattr(costs, "log_metrics", lambda **metrics: said.update(metrics))

    def slow(connection: Any) -> None:
        time.sleep(0.2)
        well(connection)

    with hostile(slow) as server:
        started = time.monotonic()
        judge(server.url, n=32, concurrency=16)
        took = time.monotonic() - started
    assert 0.4 <= said["total_elapsed_time"] <= took

"""A protocol that a run selects shapes what is asked, how long an answer may be, and how it is read."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from critic_eval.cli import main
from critic_eval.critics.answer_policy import AnswerPolicy
from critic_eval.critics.conversations import Message
from critic_eval.critics.generation import GenerationSettings
from critic_eval.critics.journal import RequestKeys
from critic_eval.errors import ArgumentError
from critic_eval.judging import Reading, get_protocol, protocol_names
from critic_eval.judging.protocols import _protocols
from critic_eval.lmms.choices import select_protocol
from critic_eval.lmms.requests import with_system
from tests.conftest import Command
from tests.critics.test_asking import Theirs, requests, rows

TAGGED = """
extends: llava_critic_pair
system: You judge pairs.
answer: {label: The better response}
verdict_position: first
max_new_tokens: 64
until: ["###"]
"""


@pytest.fixture
def tagged(tmp_path: Path) -> Iterator[Path]:
    before = set(protocol_names())
    file = tmp_path / "tagged.yaml"
    file.write_text(TAGGED, encoding="utf-8")
    yield file
    for name in set(protocol_names()) - before:
        _protocols().remove(name)


def test_its_system_message_limit_and_stops_reach_the_request(tagged: Path) -> None:
    (plain,) = list(requests(Theirs(), rows(1)[:1]).asked())
    select_protocol(str(tagged))
    (asked,) = list(requests(Theirs(), rows(1)[:1]).asked())
    assert asked.conversation[0] == Message("system", ("You judge pairs.",))
    assert list(asked.conversation[1:]) == list(plain.conversation)
    assert (plain.settings.max_new_tokens, plain.settings.until) == (4, ())
    assert (asked.settings.max_new_tokens, asked.settings.until) == (64, ("###",))
    (bounded,) = list(requests(Theirs(), rows(1)[:1], policy=AnswerPolicy(max_new_tokens=8)).asked())
    assert bounded.settings.max_new_tokens == 8


def test_a_task_with_a_system_message_of_its_own_is_refused() -> None:
    with pytest.raises(ArgumentError, match="critic_mine shows a system message of its own"):
        with_system([Message("system", ("Mine.",)), Message("user", ("x",))], "Other.", "critic_mine")


def test_a_journal_tells_ways_of_reading_apart_where_they_decide_when_an_answer_ends(tagged: Path) -> None:
    def key(reading: Reading) -> bytes:
        return RequestKeys({"critic": "x"}).key(["user"], [["y"]], GenerationSettings(4, mode="to_verdict"), reading)

    first = Reading("tagged", "AB", (), get_protocol(tagged))
    tagged.write_text(TAGGED.replace("label: The better response", "line: first"), encoding="utf-8")
    second = Reading("tagged", "AB", (), get_protocol(tagged))
    assert key(first) != key(second)
    assert Reading("llava_critic_pair", "AB").key == "llava_critic_pair"


def test_only_a_declared_first_line_is_complete_before_the_answer_ends(tagged: Path) -> None:
    assert not Reading("tagged", "AB", (), get_protocol(tagged)).is_complete("The better response: [first]\nIt")
    tagged.write_text(TAGGED.replace("label: The better response", "line: first"), encoding="utf-8")
    on_line = Reading("tagged", "AB", (), get_protocol(tagged))
    assert on_line.is_complete("[first]\nIt")
    assert not on_line.is_complete("[first]")


def records(folder: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    (results,) = folder.rglob("*results.json")
    (samples,) = folder.rglob("*samples*.jsonl")
    told = json.loads(results.read_text("utf-8"))["critic_eval"]["critic_digits_pair"]
    return told, [json.loads(line)["judgment"] for line in samples.read_text("utf-8").splitlines()]


def test_a_file_judges_a_task_and_signs_its_figures(tagged: Path, command: Command, tmp_path: Path) -> None:
    run = ("--tasks", "critic_digits_pair", "--limit", "4", "--log_samples", "--output_path")
    critic = ("--model", "llava_critic", "--model_args")
    assert command(*critic, f"pretrained=digits,protocol={tagged.name}", *run, "mine") == 0
    told, judged = records(tmp_path / "mine")
    assert told["settings"]["protocol"] == "tagged"
    assert (
        told["settings"]["prompt"]
        == get_protocol("tagged").prompt_hash
        != get_protocol("llava_critic_pair").prompt_hash
    )
    assert {one["protocol"] for one in judged} == {"tagged"}
    assert {one["read_as"] for one in judged if one["verdict"]["kind"] != "invalid"} == {"label"}
    # Scored again by a process that knows no such file, the judgments are taken as they were logged.
    _protocols().remove("tagged")
    (samples,) = (tmp_path / "mine").rglob("*samples*.jsonl")
    assert main(["rescore", "critic_digits_pair", str(samples)]) == 0
    assert main(["leaderboard", str(tmp_path / "mine"), "--out", str(tmp_path / "board")]) == 0
    assert list((tmp_path / "board").iterdir())

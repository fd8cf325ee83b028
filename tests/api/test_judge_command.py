"""The command `critic-eval judge`: about one image, and about JSON lines from standard input."""

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from critic_eval.cli.command import main
from tests.api.test_critic import prompt, said
from tests.critics.servers import Server, serving

QUESTION = ("--question", "Which color?")


@pytest.fixture
def server() -> Iterator[Server]:
    """Finds red responses good, in whatever form it is asked."""

    def answer(body: dict[str, Any]) -> dict[str, Any]:
        text = prompt(body)
        if "Score the" in text:
            return said("Score: [90]" if "red" in text else "Score: [\x1b[31m10]")
        if "Rank the" in text:
            return said("Ranking: B > A > C")
        if "mute" in text:
            return said("No idea.")
        return said(f"The better response: [{'first' if text.index('red') < text.index('blue') else 'second'}]\nIt is.")

    with serving(answer=answer) as running:
        yield running


@pytest.fixture
def image(tmp_path: Path, scored: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    scored[0]["image"].save(tmp_path / "image.png")
    return "image.png"


def fed(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


def test_one_response_is_scored_two_are_compared_more_are_ranked(
    server: Server, image: str, capsys: pytest.CaptureFixture[str]
) -> None:
    told = []
    for responses in (["red"], ["blue", "red"], ["red", "blue", "green"]):
        options = [part for text in responses for part in ("--response", text)]
        assert main(["judge", image, *QUESTION, *options, "--base-url", server.url]) == 0
        told.append(capsys.readouterr().out)
    assert told[0] == "Score 90 of 0 to 100\n\nScore: [90]\n"
    assert told[1].startswith(
        "B is better; both orders agree\n\nShown as A, B:\nThe better response: [second]\nIt is.\n"
    )
    assert told[2].startswith("B > A > C\n")


def test_json_is_one_object_and_no_verdict_is_status_1(
    server: Server, image: str, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--base-url", server.url]
    assert main(["judge", image, *QUESTION, "--response", "red", "--json", *where]) == 0
    assert json.loads(capsys.readouterr().out) == {"kind": "score", "value": 90.0, "text": "Score: [90]"}
    assert main(["judge", image, *QUESTION, "--response", "mute", "--response", "x", *where]) == 1
    assert capsys.readouterr().out.startswith("No verdict: ")


def test_nothing_that_a_model_says_reaches_the_terminal_as_control(
    server: Server, image: str, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["judge", image, *QUESTION, "--response", "green", "--base-url", server.url])
    assert "\x1b" not in capsys.readouterr().out


def test_lines_come_back_in_order_with_an_error_for_each_that_is_none(
    server: Server, image: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    line = {"image": image, "question": "Which color?", "responses": ["blue", "red"]}
    lines = [
        json.dumps({**line, "id": "first"}).encode(),
        b"no JSON",
        b"",
        json.dumps({**line, "image": "/etc/hostname"}).encode(),
        json.dumps({**line, "image": "../image.png"}).encode(),
        json.dumps({**line, "image": "https://example.org/1.png"}).encode(),
        json.dumps({**line, "image": 3}).encode(),
        b"[1, 2]",
        b"\xff\xfe{}",
        b"[" * 100_000,
        json.dumps({**line, "responses": ["red"], "label": "A"}).encode(),
        json.dumps({"question": "Which color?"}).encode(),
    ]
    fed(monkeypatch, b"\xef\xbb\xbf" + b"\n".join(lines))
    assert main(["judge", "-", "--base-url", server.url]) == 1
    printed = capsys.readouterr()
    records = [json.loads(text) for text in printed.out.splitlines()]
    assert [record["line"] for record in records] == [1, *range(4 - 2, 3), *range(4, 13)]
    first, eleventh = records[0], records[-2]
    assert (first["id"], first["better"], first["consistent"]) == ("first", "b", True)
    assert (eleventh["kind"], eleventh["value"]) == ("score", 90.0)
    errors = {record["line"]: record["error"] for record in records if "error" in record}
    assert set(errors) == {2, 4, 5, 6, 7, 8, 9, 10, 12}
    assert "not JSON" in errors[2]
    assert "leads out" in errors[4]
    assert "leads out" in errors[5]
    assert "an address" in errors[6]
    assert "9 of 11 lines" in printed.err


def test_lines_that_are_all_good_have_status_0_and_none_loads_nothing(
    server: Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fed(monkeypatch, b'{"question": "Which color?", "response": "red"}\n' * 3)
    assert main(["judge", "-", "--base-url", server.url, "--journal", str(tmp_path / "journal.sqlite")]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3
    assert len(server.bodies) == 1
    fed(monkeypatch, b"\n\n")
    assert main(["judge", "-", "--pretrained", "/no/such/checkpoint"]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["x.png"], "Give --question"),
        (["x.png", *QUESTION], "Give --question"),
        (["-", *QUESTION], "come from standard input"),
        (["no/such.png", *QUESTION, "--response", "red", "--pretrained", "digits"], "no such file"),
        (["x.png", *QUESTION, "--response", "red", "--pretrained", "digits", "--protocol", "x"], "no protocol"),
    ],
)
def test_mistakes_are_told_in_a_sentence(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["judge", *arguments]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert message in printed.err


def test_help_teaches_by_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["judge", "--help"])
    told = capsys.readouterr().out
    assert "critic-eval judge - --journal" in told
    assert "needs no network" in told

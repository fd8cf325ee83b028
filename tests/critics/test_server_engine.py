"""Servers that fail in every way lose no request and get none answered twice; a real one gives the critic's answers."""

import base64
import io
import math
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from critic_eval.critics.checkpoints import Checkpoint, convert_checkpoint
from critic_eval.critics.embedded import resolve_pretrained
from critic_eval.critics.engines.engine import Group
from critic_eval.critics.engines.local.engine import LocalEngine
from critic_eval.critics.engines.server import patience
from critic_eval.critics.engines.server.engine import ServerEngine
from critic_eval.critics.engines.server.patience import ATTEMPTS
from critic_eval.critics.engines.server.verdicts import read_shares
from critic_eval.critics.generation import GenerationSettings
from critic_eval.errors import ArgumentError, ServerError
from critic_eval.judging import Reading
from tests.critics.conftest import SETTINGS, answers, grouped, texts
from tests.critics.servers import OK, Server, rule, serving


@pytest.fixture(autouse=True)
def _impatient_but_with_busy_servers(impatient: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "BUSY_SECONDS", 5.0)


def ask(*servers: Server, groups: list[Group], **arguments: Any) -> dict[int, Any]:
    engine = ServerEngine([server.url for server in servers], "the-model", **{"timeout": 1.0, **arguments})
    try:
        return answers(engine, groups)
    finally:
        engine.close()


FAULTS = ("500", "drop", "malformed", "empty", "429", "slow", "503")


def test_nothing_is_lost_and_nothing_doubled_whatever_fails(pairs: list[dict[str, Any]]) -> None:
    def twice_in_turn(total: int, times: int) -> str:
        return FAULTS[total % len(FAULTS)] if times <= 2 else OK

    with serving(twice_in_turn) as server:
        found = ask(server, groups=grouped(pairs), concurrency=4)
        assert texts(found) == texts(ask(server, groups=grouped(pairs)))
    first = server.bodies[: len(found)]
    assert len({rule(body["messages"]) for body in first}) == len(found) == 24
    assert {answer.text for answer in found.values()} == {rule(body["messages"]) for body in first}
    assert (found[0].input_tokens, found[0].output_tokens) == (7, 3)


def test_a_request_that_always_fails_is_an_error_of_its_own(pairs: list[dict[str, Any]]) -> None:
    with serving(lambda total, times: "500" if total % 5 == 1 or times > 1 else OK) as server:
        found = ask(server, groups=grouped(pairs[:5]), concurrency=1)
    failed = [answer for answer in found.values() if answer.error]
    assert len(found) == 10
    assert failed
    assert all(answer.error == f"no answer after {ATTEMPTS} attempts: status 500 of {server.url}" for answer in failed)


def test_a_refused_request_is_not_sent_again(pairs: list[dict[str, Any]]) -> None:
    with serving(lambda total, times: "400") as server:
        found = ask(server, groups=grouped(pairs[:1]))
    assert set(server.times.values()) == {1}
    assert found[0].error is not None
    assert "planned 400" in found[0].error


@pytest.mark.parametrize("status", ["401", "404"])
def test_a_refused_key_ends_the_run(status: str, pairs: list[dict[str, Any]]) -> None:
    with serving(lambda total, times: status) as server, pytest.raises(ServerError, match="CRITIC_EVAL_API_KEY"):
        ask(server, groups=grouped(pairs[:1]))


def test_a_key_that_is_refused_later_ends_the_run_too(pairs: list[dict[str, Any]]) -> None:
    with serving(lambda total, times: "401" if total > 3 else OK) as server, pytest.raises(ServerError, match="key"):
        ask(server, groups=grouped(pairs), concurrency=1)


def test_a_key_comes_from_the_environment_and_goes_nowhere_else(
    pairs: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("CRITIC_EVAL_API_KEY", "secret-key")
    caplog.set_level(0)
    with serving(lambda total, times: OK if times > 1 else "500") as server:
        found = ask(server, groups=grouped(pairs[:1]))
    assert server.keys == {"Bearer secret-key"}
    assert "secret-key" not in caplog.text + repr(found)


def test_requests_of_one_image_go_to_one_server_and_each_server_has_its_limit(pairs: list[dict[str, Any]]) -> None:
    with serving() as one, serving() as two:
        ask(one, two, groups=grouped(pairs), concurrency=2)
    images = [{image_of(body) for body in server.bodies} for server in (one, two)]
    assert not images[0] & images[1]
    assert len(images[0] | images[1]) == len(pairs)
    assert all(images)
    assert max(one.most, two.most) <= 2


def image_of(body: dict[str, Any]) -> str:
    return str(body["messages"][0]["content"][0]["image_url"]["url"])


def test_a_server_that_is_gone_leaves_its_work_to_the_others(pairs: list[dict[str, Any]]) -> None:
    with serving() as gone:
        pass
    with serving() as there:
        found = ask(gone, there, groups=grouped(pairs))
    assert set(texts(found).values()) == {rule(body["messages"]) for body in there.bodies}
    with pytest.raises(ServerError, match="No server answers any more: no connection to"):
        ask(gone, groups=grouped(pairs[:1]))


def test_images_arrive_as_they_are_and_settings_by_their_names(pairs: list[dict[str, Any]]) -> None:
    settings = GenerationSettings(5, ("END",), (("do_sample", True), ("temperature", 0.5), ("top_p", 0.9)))
    with serving() as server:
        ask(server, groups=grouped(pairs[:1], settings))
    body = server.bodies[0]
    sent = Image.open(io.BytesIO(base64.b64decode(image_of(body).split(",")[1])))
    assert sent.tobytes() == pairs[0]["image"].tobytes()
    options = {name: body[name] for name in ("model", "max_tokens", "temperature", "top_p", "stop")}
    assert options == {"model": "the-model", "max_tokens": 5, "temperature": 0.5, "top_p": 0.9, "stop": ["END"]}


def said(tokens: list[tuple[str, dict[str, float]]]) -> dict[str, Any]:
    """A choice of these tokens, each with the probabilities of its alternatives."""
    content = [
        {
            "token": token,
            "logprob": math.log(shares[token]),
            "top_logprobs": [{"token": name, "logprob": math.log(share)} for name, share in shares.items()],
        }
        for token, shares in tokens
    ]
    return {"message": {"content": "".join(token for token, _ in tokens)}, "logprobs": {"content": content}}


STEM = [("The", {"The": 0.9}), (" better response", {" better response": 1.0})]


@pytest.mark.parametrize(
    "tokens",
    [
        [*STEM, (": [", {": [": 1.0}), ("first", {"first": 0.6, "second": 0.2, "zzz": 0.2}), ("]", {"]": 1.0})],
        [*STEM, (":", {":": 1.0}), (" [first", {" [first": 0.6, " [second": 0.2, " zzz": 0.2}), ("]", {"]": 1.0})],
    ],
)
def test_verdicts_are_read_off_a_servers_log_probabilities(
    tokens: list[tuple[str, dict[str, float]]], pairs: list[dict[str, Any]]
) -> None:
    with serving(answer=lambda body: said(tokens)) as server:
        found = ask(server, groups=grouped(pairs[:1], GenerationSettings(24, mode="verdict")))
    stated = found[0].stated
    assert stated is not None
    assert stated["shares"] == pytest.approx({"first": 0.75, "second": 0.25, "equal": 0.0})
    assert stated["coverage"] == pytest.approx(0.9 * 0.8)


def test_an_answer_in_another_form_states_no_verdict_and_a_server_without_log_probabilities_says_so(
    pairs: list[dict[str, Any]],
) -> None:
    settings = GenerationSettings(24, mode="verdict")
    with serving(answer=lambda body: said([("Both", {"Both": 1.0})])) as server:
        assert ask(server, groups=grouped(pairs[:1], settings))[0].stated == {"shares": {}, "coverage": 0.0}
    with serving() as server, pytest.raises(ServerError, match="no log-probabilities"):
        ask(server, groups=grouped(pairs[:1], settings))
    with pytest.raises(ArgumentError, match="needs a local engine"):
        ask(server, groups=grouped(pairs[:1], GenerationSettings(24, mode="to_verdict")))


@pytest.fixture(scope="module")
def transformers_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """`transformers serve` with the embedded critic in transformers' layout: base URL and model name."""
    pytest.importorskip("fastapi", reason="transformers serve needs fastapi")
    pytest.importorskip("uvicorn", reason="transformers serve needs uvicorn")
    folder = tmp_path_factory.mktemp("served") / "digits"
    convert_checkpoint(resolve_pretrained("digits"), folder, dtype="float32")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    serve = Path(sys.executable).with_name("transformers")
    command = [str(serve), "serve", str(folder), "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(os.environ))
    try:
        _wait_for(f"http://127.0.0.1:{port}/health", process)
        yield f"http://127.0.0.1:{port}/v1", str(folder)
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait_for(url: str, process: subprocess.Popen[bytes], seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert process.poll() is None, "the server ended"
        try:
            if httpx.get(url).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.3)
    raise AssertionError(f"no server at {url} after {seconds} s")


def test_transformers_serve_gives_the_answers_of_the_local_engine(
    transformers_server: tuple[str, str], checkpoint: Checkpoint, pairs: list[dict[str, Any]]
) -> None:
    url, model = transformers_server
    engine = ServerEngine([url], model, concurrency=4)
    try:
        found = texts(answers(engine, grouped(pairs)))
    finally:
        engine.close()
    expected = texts(answers(LocalEngine(checkpoint), grouped(pairs, SETTINGS)))
    assert found == expected


ODD = [
    ({"message": {"content": None}, "finish_reason": "content_filter"}, "the server gave no text (content_filter)"),
    ({"message": {"content": 3}}, f"no answer after {ATTEMPTS} attempts"),
    ({"message": "hello"}, f"no answer after {ATTEMPTS} attempts"),
]


@pytest.mark.parametrize(("choice", "reason"), ODD)
def test_odd_replies_are_errors_of_their_own(choice: Any, reason: str, pairs: list[dict[str, Any]]) -> None:
    with serving(answer=lambda body: choice) as server:
        found = ask(server, groups=grouped(pairs[:2]))
    assert all(reason in str(answer.error) for answer in found.values())


def test_a_server_that_repeats_the_key_does_not_get_it_into_results(
    pairs: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRITIC_EVAL_API_KEY", "planned")  # a word of the server's refusal
    with serving(lambda total, times: "400") as server:
        found = ask(server, groups=grouped(pairs[:1]))
    assert "***" in str(found[0].error)
    assert "planned" not in str(found[0].error)


def test_openais_key_goes_to_openai_alone(pairs: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    with serving() as server:
        ask(server, groups=grouped(pairs[:1]))
    assert server.keys == {None}


@pytest.mark.parametrize(
    ("word", "shares"), [("Both", {}), ("2", {"2": 1.0}), ("second", {"second": 1.0}), ("Answer", {})]
)
def test_a_word_that_only_begins_like_an_option_is_none(word: str, shares: dict[str, float]) -> None:
    reading = Reading("given_pair", "AB")
    tokens = [*STEM, (": [", {": [": 1.0}), (word, {word: 0.9}), ("]", {"]": 1.0})]
    found = read_shares(reading, said(tokens))
    assert {option: share for option, share in found["shares"].items() if share} == shares

"""An argument that a server refuses is left out, the answer says so, and no refusal is asked about without end."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from critic_eval.critics.generation import GenerationSettings
from tests.critics.hostile_server import Behavior, Hostile, ask, hostile, sends, well

pytestmark = pytest.mark.usefixtures("impatient")


def refuses(argument: str, message: str) -> Callable[[Hostile], Behavior]:
    """Refuse requests that have an argument."""

    def made(server: Hostile) -> Behavior:
        def behave(connection: socket.socket) -> None:
            is_refused = argument in server.bodies[-1]
            (sends(message.encode(), "400 Bad Request") if is_refused else well)(connection)

        return behave

    return made


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("temperature", '{"error": {"message": "Only the default is supported", "param": "temperature"}}'),
        ("temperature", '{"error": {"message": "`temperature` is deprecated for this model."}}'),
        ("temperature", "temperature 0 is not supported; set max_tokens, top_p, stop alone"),
        ("max_tokens", '{"detail": [{"loc": ["body", "max_tokens"], "msg": "Extra inputs are not permitted"}]}'),
        ("stop", '{"error": "unknown field \'stop\'"}'),
        ("top_p", '{"error": {"message": "top_p must be 1", "param": null}}'),
    ],
)
def test_an_argument_that_a_server_refuses_is_left_out_and_the_answer_says_so(argument: str, message: str) -> None:
    settings = GenerationSettings(16, ("END",), (("do_sample", True), ("temperature", 0.5), ("top_p", 0.9)))
    relay: list[Behavior] = []
    with hostile(lambda connection: relay[0](connection)) as server:
        relay.append(refuses(argument, message)(server))
        answers = ask(server.url, texts=("a", "b", "c"), settings=settings, concurrency=1)
    assert [(answer.text, answer.without) for answer in answers] == [("fine", (argument,))] * 3
    # Two are sent before the first is answered; who comes later knows.
    assert [body.keys() ^ server.bodies[0].keys() for body in server.bodies if argument not in body] == [{argument}] * 3
    assert sum(argument in body for body in server.bodies) <= 2


def test_the_newer_name_of_max_tokens_is_learned_and_is_no_argument_left_out() -> None:
    message = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
    relay: list[Behavior] = []
    with hostile(lambda connection: relay[0](connection)) as server:
        relay.append(refuses("max_tokens", message)(server))
        answers = ask(server.url, texts=("a", "b"), concurrency=1)
    assert [(answer.text, answer.without) for answer in answers] == [("fine", ())] * 2
    assert [body["max_completion_tokens"] for body in server.bodies if "max_tokens" not in body] == [16, 16]


def test_a_refusal_that_repeats_itself_is_asked_about_a_bounded_number_of_times() -> None:
    everything = "max_tokens temperature max_completion_tokens top_p 'stop'"
    with hostile(sends(everything.encode(), "400 Bad Request")) as server:
        (answer,) = ask(server.url)
    assert "refused the request" in str(answer.error)
    assert server.requests <= 4

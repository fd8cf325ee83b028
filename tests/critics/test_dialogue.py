"""What is asked of servers beyond one message: thoughts closed, verdicts elicited, numbers told digit by digit."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from critic_eval.critics.conversations import Message
from critic_eval.critics.engines.engine import Group, Request
from critic_eval.critics.engines.server.engine import ServerEngine
from critic_eval.critics.generation import Answer, GenerationSettings
from critic_eval.judging import Reading
from tests.critics.servers import serving
from tests.critics.tasks_of_texts import run_pairs

pytestmark = pytest.mark.usefixtures("impatient")
Reply = Callable[[dict[str, Any]], dict[str, Any]]
SCORES = {"8": 0.2, "85": 0.5, "90": 0.25, "100": 0.05}
"""The distribution of a planted critic over scores."""


def ask(reply: Reply, settings: GenerationSettings, protocol: str = "llava_critic_score") -> Answer:
    reading = Reading(protocol, "A" if "score" in protocol else "AB")
    with serving(answer=reply) as server:
        engine = ServerEngine([server.url], "the-model")
        request = Request(0, [Message("user", ("Judge.",))], reading, 7)
        ((_, answer),) = (entry for batch in engine.answer([Group(settings, (request,))]) for entry in batch)
        engine.close()
    return answer


def said(text: str, **more: Any) -> dict[str, Any]:
    return {"message": {"role": "assistant", "content": text}, **more}


def begun(body: dict[str, Any]) -> str | None:
    """The message that the server is to go on with."""
    last = body["messages"][-1]
    return last["content"] if last["role"] == "assistant" and body["continue_final_message"] else None


def next_tokens(beginning: str) -> list[dict[str, Any]]:
    """The planted critic's next characters after a beginning of its score, as a server lists them."""
    shares: dict[str, float] = {}
    for score, share in SCORES.items():
        whole = f"{score}]"
        if whole.startswith(beginning) and whole != beginning:
            shares[whole[len(beginning)]] = shares.get(whole[len(beginning)], 0.0) + share
    return [{"token": token, "logprob": math.log(share)} for token, share in shares.items()]


def listed(token: str, likely: list[dict[str, Any]]) -> dict[str, Any]:
    logprob = next((entry["logprob"] for entry in likely if entry["token"] == token), 0.0)
    return {"token": token, "logprob": logprob, "top_logprobs": likely or [{"token": token, "logprob": 0.0}]}


def scoring(body: dict[str, Any]) -> dict[str, Any]:
    """A critic that says its score, with log-probabilities, and goes on with what it has begun."""
    beginning = begun(body)
    if beginning is None:
        tokens = [listed(token, []) for token in ("Score", ": ", "[")]
        tokens += [listed(token, next_tokens("85]"[:place])) for place, token in enumerate("85]")]
        return said("Score: [85]", logprobs={"content": tokens})
    likely = next_tokens(beginning.rpartition("Score: [")[2])
    return said(likely[0]["token"], logprobs={"content": [listed(likely[0]["token"], likely)]})


def test_a_score_of_several_digits_has_the_distribution_of_its_digits() -> None:
    answer = ask(scoring, GenerationSettings(16, mode="verdict"))
    assert answer.error is None
    assert answer.stated is not None
    shares = {option: share for option, share in answer.stated["shares"].items() if share}
    assert shares == pytest.approx(SCORES)
    assert answer.stated["coverage"] == pytest.approx(1.0)


def test_a_whole_task_of_scores_is_judged_by_verdicts_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lmms_eval.evaluator import simple_evaluate

    from tests.conftest import task_index

    (tmp_path / "scores.jsonl").write_text('{"id": "1", "question": "What?", "response": "That.", "label": 80}\n')
    monkeypatch.setenv("CRITIC_EVAL_SCORES", str(tmp_path / "scores.jsonl"))
    with serving(answer=scoring) as server:
        results = simple_evaluate(
            model="llava_critic",
            model_args=f"base_url={server.url},pretrained=the-model,verdict_only=True",
            tasks=["critic_scores"],
            task_manager=task_index(),
            log_samples=True,
        )
    (sample,) = results["samples"]["critic_scores"]
    assert sample["judgment"]["verdict"]["value"] == pytest.approx(0.2 * 8 + 0.5 * 85 + 0.25 * 90 + 0.05 * 100)


def test_a_server_that_begins_anew_instead_of_going_on_is_told() -> None:
    def anew(body: dict[str, Any]) -> dict[str, Any]:
        return scoring({**body, "messages": body["messages"][:1]})

    answer = ask(anew, GenerationSettings(16, mode="verdict"))
    assert "does not go on with a message that is begun" in str(answer.error)


def test_a_thought_that_reaches_its_limit_is_closed_and_gone_on_with() -> None:
    bodies: list[dict[str, Any]] = []

    def reply(body: dict[str, Any]) -> dict[str, Any]:
        bodies.append(body)
        return said("Score: [70]" if begun(body) else "<think>\nOn the one hand")

    answer = ask(reply, GenerationSettings(300, max_thinking_tokens=3))  # the server counts 3 tokens each
    assert answer.text == "<think>\nOn the one hand\n</think>\n\nScore: [70]"
    assert (answer.output_tokens, answer.thought_tokens) == (6, 3)
    assert [body["max_tokens"] for body in bodies] == [3, 297]
    assert begun(bodies[1]) == "<think>\nOn the one hand\n</think>\n\n"


def test_a_thought_that_the_server_sets_apart_is_put_back_and_counted() -> None:
    def apart(body: dict[str, Any]) -> dict[str, Any]:
        message = {"role": "assistant", "content": "Score: [70]", "reasoning_content": "One hand, other hand."}
        return {"message": message}

    answer = ask(apart, GenerationSettings(300))
    assert answer.text == "<think>\nOne hand, other hand.\n</think>\n\nScore: [70]"
    assert answer.thought_tokens == 2  # of 3, by characters
    unfinished = ask(lambda body: {"message": {"content": None, "reasoning": "One hand"}}, GenerationSettings(300))
    assert Reading("llava_critic_score", "A").verdict(unfinished.text).reason == "unfinished thinking"


def test_a_verdict_is_elicited_where_an_answer_states_none() -> None:
    def reply(body: dict[str, Any]) -> dict[str, Any]:
        beginning = begun(body)
        if beginning is None:
            return said("Both are fine in their way.")
        assert beginning == "Both are fine in their way.\n\nThe better response: ["
        likely = [{"token": token, "logprob": math.log(p)} for token, p in (("1", 0.2), ("2", 0.6), ("x", 0.2))]
        return said("2", logprobs={"content": [listed("2", likely)]})

    answer = ask(reply, GenerationSettings(64, elicits=True), "verdict_last_pair")
    assert answer.text == "Both are fine in their way."
    assert answer.stated is not None
    assert answer.stated["shares"] == pytest.approx({"1": 0.25, "2": 0.75, "tie": 0.0})
    assert answer.stated["coverage"] == pytest.approx(0.8)


def test_draws_of_a_server_have_seeds_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def reply(body: dict[str, Any]) -> dict[str, Any]:
        return said(f"The better response: [{'first' if body['seed'] % 3 else 'second'}]")

    with serving(answer=reply) as server:
        section, samples = run_pairs(
            tmp_path, monkeypatch, 4, base_url=server.url, pretrained="the-model", samples=5, temperature=0.7
        )
    assert len({body["seed"] for body in server.bodies}) == 4 * 2 * 5
    assert section["settings"]["samples"] == "5 (usual)"
    for sample in samples:
        firsts = sum("[first]" in draw for draw in sample["judgment"]["draws"])
        said_first = sample["judgment"]["verdict"]["value"] == "AB".index(sample["judgment"]["order"][0])
        assert said_first == (firsts >= 3)
        assert sample["judgment"]["confidence"] == pytest.approx(max(firsts, 5 - firsts) / 5)

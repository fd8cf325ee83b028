"""A critic that is asked from Python: its verdicts, its rules, and what it refuses. Servers answer by plan."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from PIL import Image

from critic_eval import Compared, Critic, Ranked, Scored, Unjudged, load_critic
from critic_eval.critics.journal import Journal
from critic_eval.errors import ArgumentError, DataError, ImageError, ServerError
from critic_eval.judging import Item, Response
from tests.api.conftest import asked
from tests.critics.servers import Server, serving

PIXELS = Image.new("RGB", (32, 32), "white")


def said(text: str | None) -> dict[str, Any]:
    """A chat completion's choice."""
    return {"message": {"role": "assistant", "content": text}}


def prompt(body: dict[str, Any]) -> str:
    """The text that a server was asked."""
    return "".join(part["text"] for part in body["messages"][-1]["content"] if part["type"] == "text")


def by_rule(answer: Callable[[str], str]) -> Any:
    """A server whose answer is a function of the prompt, and a critic behind it."""
    return serving(answer=lambda body: said(answer(prompt(body))))


def on(server: Server, **arguments: Any) -> Critic:
    return load_critic(base_url=server.url, **arguments)


def test_the_truth_about_digits_is_told(critic: Critic, pairs: list[dict[str, Any]]) -> None:
    results = critic.judge(map(asked, pairs), progress=False)
    right = [
        result.better == item["label"].lower()  # type: ignore[union-attr]  # a comparison
        for item, result in zip(pairs, results, strict=True)
    ]
    assert sum(right) >= 17


def test_single_calls_give_what_judge_gives(
    critic: Critic, pairs: list[dict[str, Any]], scored: list[dict[str, Any]], ranked: list[dict[str, Any]]
) -> None:
    pair, single, several = pairs[0], scored[0], ranked[0]
    together = critic.judge(map(asked, (pair, single, several)), progress=False)
    compared = critic.compare(pair["image"], pair["question"], *pair["responses"])
    score = critic.score(single["image"], single["question"], single["responses"][0])
    rank = critic.rank(several["image"], several["question"], several["responses"])
    assert [result.to_record() for result in together] == [
        compared.to_record(),
        score.to_record(),
        rank.to_record(),
    ]
    assert [type(result) for result in together] == [Compared, Scored, Ranked]
    assert rank.best_first == tuple("ABCD".index(letter) for letter in several["label"])


def test_a_response_wins_where_it_wins_in_both_orders() -> None:
    def prefers_red(text: str) -> str:
        is_first = text.index("red") < text.index("blue")
        return f"The better response: [{'first' if is_first else 'second'}]"

    with by_rule(prefers_red) as server, on(server) as critic:
        result = critic.compare(None, "Which color?", "blue", "red")
    assert (result.better, result.consistent, result.verdicts, result.reason) == ("b", True, ("b", "b"), None)
    assert result.orders == ("AB", "BA")


def test_disagreement_of_the_orders_is_a_tie_and_says_so() -> None:
    with by_rule(lambda text: "The better response: [first]") as server, on(server) as critic:
        result = critic.compare(None, "Which color?", "blue", "red")
        single = critic.compare(None, "Which color?", "blue", "red", orders="single")
    assert (result.better, result.consistent, result.verdicts) == ("tie", False, ("a", "b"))
    assert (single.better, single.consistent, single.verdicts, single.orders) == ("a", None, ("a",), ("AB",))


def test_an_order_without_a_verdict_leaves_none_with_its_reason() -> None:
    def mute_when_turned(text: str) -> str:
        return "The better response: [first]" if text.index("blue") < text.index("red") else "I can't say."

    with by_rule(mute_when_turned) as server, on(server) as critic:
        result = critic.compare(None, "Which color?", "blue", "red")
        score = critic.score(None, "Which color?", "blue and red")
        rank = critic.rank(None, "Which color?", ["red", "blue", "red and blue"])
    assert (result.better, result.consistent, result.verdicts) == (None, None, ("a", None))
    assert result.reason is not None
    assert result.reason.startswith("shown as BA: ")
    assert score.value is None
    assert score.reason
    assert rank.best_first is None
    assert rank.reason


def test_a_request_that_a_server_refuses_has_no_verdict_and_the_servers_reason() -> None:
    with serving(lambda total, times: "400") as server, on(server) as critic:
        score = critic.score(None, "Which color?", "blue")
    assert score.value is None
    assert score.text == ""
    assert "planned 400" in str(score.reason)


def test_the_expected_score_is_of_the_probabilities(critic: Critic, scored: list[dict[str, Any]]) -> None:
    item = scored[0]
    plain = critic.score(item["image"], item["question"], item["responses"][0])
    sure = critic.score(item["image"], item["question"], item["responses"][0], probabilities=True)
    assert (plain.probability, plain.probabilities, plain.coverage) == (None, None, None)
    assert sure.probabilities is not None
    assert sum(sure.probabilities.values()) == pytest.approx(1.0)
    assert sure.value == pytest.approx(sum(float(name) * share for name, share in sure.probabilities.items()), abs=1e-3)
    assert sure.probability == max(sure.probabilities.values())
    assert sure.coverage is not None
    assert 0 < sure.coverage <= 1
    assert sure.scale == (0.0, 100.0)


def test_probabilities_of_a_pair_are_the_mean_over_its_orders(critic: Critic, pairs: list[dict[str, Any]]) -> None:
    a, b = pairs[0]["responses"]
    result = critic.compare(pairs[0]["image"], pairs[0]["question"], a, b, probabilities=True)
    turned = critic.compare(pairs[0]["image"], pairs[0]["question"], b, a, probabilities=True)
    assert result.probabilities is not None
    assert turned.probabilities is not None
    assert sum(result.probabilities.values()) == pytest.approx(1.0)
    swapped = {"a": turned.probabilities["b"], "b": turned.probabilities["a"], "tie": turned.probabilities["tie"]}
    assert result.probabilities == pytest.approx(swapped, abs=1e-4)
    assert result.better == max(result.probabilities, key=result.probabilities.__getitem__)
    singles = [
        critic.compare(pairs[0]["image"], pairs[0]["question"], *shown, probabilities=True, orders="single")
        for shown in ((a, b), (b, a))
    ]
    means = (singles[0].probabilities["a"] + singles[1].probabilities["b"]) / 2  # type: ignore[index]
    assert result.probabilities["a"] == pytest.approx(means, abs=1e-4)


def test_what_has_no_probabilities_is_refused(critic: Critic) -> None:
    with pytest.raises(ArgumentError, match="after the reasons"):
        critic.score(PIXELS, "Which?", "7", probabilities=True, protocol="verdict_last")
    (result,) = critic.judge(
        [{"image": PIXELS, "question": "Which?", "responses": ["1", "2", "3"]}], probabilities=True, progress=False
    )
    assert isinstance(result, Unjudged)
    assert "a ranking" in result.reason


def test_bad_items_are_results_with_a_reason_in_their_place(critic: Critic, scored: list[dict[str, Any]]) -> None:
    good = asked(scored[0])
    bad: list[tuple[Any, str]] = [
        ({"question": "Which?", "image": PIXELS}, "missing"),
        ({**good, "image": "/no/such.png"}, "no such file"),
        ({**good, "image": "https://example.org/1.png"}, "an address"),
        ({**good, "image": b"not an image"}, "not an image"),
        ({**good, "question": 3}, "question"),
        ({**good, "responses": []}, "no response"),
        ({**good, "responses": ["\ud800"]}, "half a character"),
        ({**good, "responses": ["a", ""]}, "a response is empty"),
        ({**good, "responses": ["a"] * 27}, "2 to 26"),
        ({**good, "response": "a"}, "both given"),
        ({**good, "kind": "compare"}, "takes 2 responses"),
        ({**good, "kind": "judge"}, "score, compare, rank"),
        ({**good, "qestion": "Which?"}, "did you mean question"),
        ("a text", "not a dict or an Item"),
        (None, "not a dict or an Item"),
        (Item("empty", "", (Response("a"),)), "Item empty"),
    ]
    results = critic.judge([good, *(item for item, _ in bad), good], progress=False)
    assert results[0] == results[-1]
    assert isinstance(results[0], Scored)
    assert results[0].value is not None
    for (item, reason), result in zip(bad, results[1:-1], strict=True):
        assert isinstance(result, Unjudged), item
        assert reason in result.reason, result.reason
        assert result.value is result.better is result.best_first is None
    for item, reason in bad:
        with pytest.raises((ArgumentError, ImageError), match=reason):
            critic.judge([good, item], strict=True, progress=False)


def test_what_comes_twice_is_asked_once_and_what_is_in_the_journal_never(tmp_path: Path) -> None:
    journal = tmp_path / "journal.sqlite"
    items = [{"question": "Which color?", "response": text} for text in ("red", "blue", "red")]
    with by_rule(lambda text: "Score: [70]" if "red" in text else "Score: [20]") as server:
        with on(server, journal=journal) as critic:
            first = critic.judge(items, progress=False)
            assert [result.value for result in first] == [70.0, 20.0, 70.0]  # type: ignore[union-attr]
            assert len(server.bodies) == 2
            Journal(journal).close()  # free between calls
        with on(server, journal=journal) as critic:
            assert critic.judge(items, progress=False) == first
        assert len(server.bodies) == 2


def test_rows_of_a_data_frame_are_items_and_what_they_lack_is_not_there() -> None:
    rows = [
        {"question": "Which color?", "response": "red", "reference": "It is red.", "kind": "score"},
        {"question": "Which color?", "responses": ["blue", "red"], "rubric": "Prefer red."},
    ]
    with by_rule(lambda text: "Score: [70]" if "nan" not in text else "?") as server, on(server) as critic:
        first, second = critic.judge(pd.DataFrame(rows).to_dict("records"), progress=False)
    assert isinstance(first, Scored)
    assert first.value == 70.0
    assert isinstance(second, Compared)


def test_an_image_that_comes_again_is_opened_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    PIXELS.save(tmp_path / "image.png")
    opened: list[object] = []
    image_open = Image.open

    def counted(file: Any) -> Any:
        opened.append(file)
        return image_open(file)

    monkeypatch.setattr(Image, "open", counted)
    items = [{"image": tmp_path / "image.png", "question": "Which?", "response": str(n)} for n in range(5)]
    with by_rule(lambda text: "Score: [70]") as server, on(server) as critic:
        assert len(critic.judge(items, progress=False)) == 5
    assert len(opened) == 1


def test_an_items_kind_goes_before_the_calls(critic: Critic, ranked: list[dict[str, Any]]) -> None:
    two = {**asked(ranked[0]), "responses": ranked[0]["responses"][:2]}
    results = critic.judge([two, {**two, "kind": "compare"}], kind="rank", progress=False)
    assert [type(result) for result in results] == [Ranked, Compared]


def test_the_progress_bar_shows_unless_it_is_not_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    with by_rule(lambda text: "Score: [70]") as server, on(server) as critic:
        critic.judge([{"question": "Which?", "response": "red"}])
        assert "Judging" in capsys.readouterr().err
        critic.judge([{"question": "Which?", "response": "blue"}], progress=False)
        critic.score(None, "Which?", "green")
        assert "Judging" not in capsys.readouterr().err


def test_protocols_are_chosen_by_name_or_family_for_a_critic_or_a_call() -> None:
    with by_rule(lambda text: "Final Score: [40]") as server, on(server, protocol="verdict_last") as critic:
        result = critic.score(None, "Which?", "red")
        assert result.judgment is not None
        assert result.judgment.protocol == "verdict_last_score"
        assert result.value == 40.0
        texts = {"rubric": "1 is bad, 5 is good.", "reference": "It is red."}
        rated = critic.score(None, "Which?", "red", protocol="prometheus_vision", **texts)  # type: ignore[arg-type]
        assert rated.scale == (1.0, 5.0)
        for text in texts.values():
            assert text in prompt(server.bodies[-1])
        with pytest.raises(DataError, match="needs a rubric"):
            critic.score(None, "Which?", "red", reference="It is red.", protocol="prometheus_vision")
        with pytest.raises(ArgumentError, match="can't compare 2 responses"):
            critic.compare(None, "Which?", "red", "blue", protocol="prometheus_vision")
        with pytest.raises(ArgumentError, match=r"did you mean .*verdict_last"):
            critic.judge([], protocol="verdict_lest_score")
        with pytest.raises(ArgumentError, match="kind='grade' is unknown"):
            critic.judge([], kind="grade")  # type: ignore[arg-type]
        with pytest.raises(ArgumentError, match="orders='all' is unknown"):
            critic.compare(None, "Which?", "red", "blue", orders="all")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"protocoll": "verdict_last"}, "did you mean protocol"),
        ({"load_in_4bits": True}, "did you mean load_in_4bit"),
        ({"protocol": "nothing_like_it"}, "no protocol"),
        ({"batch_size": "many"}, "batch_size=many"),
        ({"load_in_4bit": True, "load_in_8bit": True}, "exclude each other"),
    ],
)
def test_unfit_arguments_are_refused_before_anything_is_loaded(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        load_critic("/no/such/checkpoint", **arguments)


def test_a_journal_that_is_none_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a journal, but long enough to be looked at " * 40)
    with pytest.raises(DataError, match="is not a journal"):
        load_critic("/no/such/checkpoint", journal=tmp_path / "notes.txt")


def test_a_closed_critic_says_so_and_one_whose_engine_failed_goes_on() -> None:
    with by_rule(lambda text: "Score: [70]") as server:
        with on(server) as critic:
            with pytest.raises(ServerError, match="log-probabilities"):
                critic.score(None, "Which?", "red", probabilities=True)
            assert critic.score(None, "Which?", "red").value == 70.0
            assert critic.signature["checkpoint"] == "the-model"
        critic.close()
        assert "closed" in repr(critic)
        with pytest.raises(ArgumentError, match="closed; load it again"):
            critic.score(None, "Which?", "red")


def test_a_single_draw_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    with by_rule(lambda text: "Score: [70]") as server:
        for arguments in ({"temperature": 0.7}, {"temperature": 0.7, "samples": 3}, {"temperature": 0}, {}):
            caplog.clear()
            with load_critic("the-model", base_url=server.url, **arguments) as critic:
                critic.score(None, "Which?", "red")
            assert ("chance decides" in caplog.text) == (arguments == {"temperature": 0.7})

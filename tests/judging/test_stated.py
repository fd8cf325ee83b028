"""Stated verdicts, and the choice of another protocol for a run."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from critic_eval.errors import ArgumentError
from critic_eval.judging import (
    Confidence,
    Invalid,
    Item,
    Judgment,
    MemberVerdict,
    Preference,
    Ranking,
    Response,
    Score,
    Scores,
    Verdict,
    get_protocol,
    read_stated,
    state_expected_score,
    state_likeliest_preference,
    state_verdict,
)
from critic_eval.judging.logged import logged_judgment
from critic_eval.judging.stated_verdicts import Stated
from critic_eval.lmms.choices import select_protocol, selected_protocol

PAIR = Item("1", "Which?", (Response("a"), Response("b")))
VERDICTS = st.one_of(
    st.floats(0, 100).map(Score),
    st.sampled_from([0, 1, None]).map(Preference),
    st.permutations(range(3)).map(Ranking),
    st.text(min_size=1).map(Invalid),
)


@given(VERDICTS)
def test_a_stated_verdict_is_read_back(verdict: Verdict) -> None:
    assert read_stated(state_verdict(verdict)) == Stated(verdict)
    members = [MemberVerdict("first", verdict, "said"), MemberVerdict("second", Invalid("cut off"))]
    stated = Stated(verdict, {"A": -0.5}, Confidence(0.75, "members"), ("one", "two"), tuple(members))
    assert read_stated(state_verdict(*stated[:7])) == stated
    assert read_stated(state_verdict(verdict, rewards=[2.5, -1.0])) == Stated(verdict, rewards=(2.5, -1.0))


@given(st.text())
def test_no_statement_raises(text: str) -> None:
    mark = state_verdict(Score(0)).split("{")[0]
    assert read_stated(f"{mark}{text}") is not None


def test_another_process_states_nothing_here() -> None:
    foreign = state_verdict(Preference(1)).replace("verdict ", "verdict 0", 1)
    assert read_stated(foreign) is None
    assert not get_protocol("llava_critic_pair").judge(PAIR, "AB", foreign).verdict.is_valid


def test_a_stated_score_keeps_to_the_scale_and_to_the_number_of_responses() -> None:
    one = Item("1", "Which?", (Response("a"),))
    wild = get_protocol("llava_critic_score").judge(one, "A", state_verdict(Score(1e300)))
    assert wild.verdict.reason == "a score outside 0 to 100 was stated"
    review = get_protocol("llava_wilder")
    assert review.judge(PAIR, "AB", state_verdict(Scores([10, 7]))).verdict.value == (10.0, 7.0)
    assert not review.judge(PAIR, "AB", state_verdict(Score(7))).verdict.is_valid


def test_a_stated_verdict_is_on_what_was_shown() -> None:
    judgment = get_protocol("llava_critic_pair").judge(PAIR, "BA", state_verdict(Preference(0)))
    assert judgment.verdict == Preference(1)


def test_a_stated_verdict_of_another_kind_is_invalid() -> None:
    judgment = get_protocol("llava_critic_pair").judge(PAIR, "AB", state_verdict(Score(3)))
    assert judgment.verdict.reason == "a score was stated where a preference is asked for"


def test_a_statement_inside_an_answer_states_nothing() -> None:
    answer = f"The response says {state_verdict(Preference(1))}"
    assert not get_protocol("llava_critic_pair").judge(PAIR, "AB", answer).verdict.is_valid


def test_a_protocol_or_a_family_of_them_replaces_those_of_tasks() -> None:
    own = get_protocol("mllm_judge_pair")
    assert selected_protocol(own) is own
    select_protocol("verdict_last")
    assert selected_protocol(own).name == "verdict_last_pair"
    assert selected_protocol(get_protocol("mllm_judge_score")).name == "verdict_last_score"
    select_protocol("llava_critic_pair")
    with pytest.raises(ArgumentError, match="like mllm_judge_score's, which llava_critic_pair can't give"):
        selected_protocol(get_protocol("mllm_judge_score"))
    with pytest.raises(ArgumentError, match="bring their own prompt"):
        selected_protocol(get_protocol("given_pair"), brings_prompt=True)
    with pytest.raises(ArgumentError, match="did you mean"):
        select_protocol("llava_critics")


def test_a_judgment_of_a_pooled_verdict_keeps_what_it_was_made_of_in_canonical_coordinates() -> None:
    members = [MemberVerdict("first", Preference(0), "the first"), MemberVerdict("second", Invalid("cut off"), "the")]
    stated = state_verdict(Preference(0), None, Confidence(1.0, "members"), members=members)
    judgment = get_protocol("llava_critic_pair").judge(PAIR, "BA", stated)
    assert (judgment.verdict, judgment.confidence, judgment.confidence_from) == (Preference(1), 1.0, "members")
    assert judgment.members == (MemberVerdict("first", Preference(1), "the first"), members[1])
    assert "the first" not in judgment.raw
    assert logged_judgment(json.loads(json.dumps(judgment.to_record())), "preference") == judgment


def test_an_invalid_verdict_has_no_confidence() -> None:
    wild = state_verdict(Score(101), None, Confidence(0.9, "draws"), ["101", "101"])
    judgment = get_protocol("llava_critic_score").judge(Item("1", "Which?", (Response("a"),)), "A", wild)
    assert (judgment.confidence, judgment.draws) == (None, ("101", "101"))


def test_a_verdict_read_off_probabilities_has_its_own_probability_as_its_confidence() -> None:
    first, second = Preference(0), Preference(1)
    orders: list[tuple[str, dict[Verdict, float]]] = [
        ("AB", {first: 0.7, second: 0.3}),
        ("BA", {first: 0.6, second: 0.4}),
    ]
    judgment = get_protocol("llava_critic_pair").judge(PAIR, "AB", state_likeliest_preference("AB", orders, 0.9))
    assert judgment.confidence == pytest.approx((0.7 + 0.4) / 2)
    assert (judgment.verdict, judgment.confidence_from) == (first, "probability")
    stated = read_stated(state_expected_score({Score(2): 0.1, Score(3): 0.3, Score(5): 0.1}, 0.9))
    assert stated is not None
    assert stated.confidence == Confidence(0.6, "probability")


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"confidence": 1.5, "confidence_from": "draws"}, "not a number from 0 to 1"),
        ({"confidence": True, "confidence_from": "draws"}, "not a number from 0 to 1"),
        ({"confidence": 0.5}, "taken from is not known"),
        ({"confidence": 0.5, "confidence_from": "luck"}, "taken from is not known"),
        ({"confidence_from": "draws"}, "not a number from 0 to 1"),
        ({"draws": [1]}, "draws are not all text"),
        ({"members": "abc"}, "not a list"),
        ({"members": [{"critic": "a", "text": 1}]}, "its name, its text and its verdict"),
        ({"members": [{"critic": "a", "text": ""}]}, "verdict of a member is missing"),
        ({"members": [{"critic": "a", "text": "", "verdict": {"kind": "score", "value": 3}}]}, "is a score"),
    ],
)
def test_logged_parts_that_a_judgment_can_not_have_are_refused(part: dict[str, object], message: str) -> None:
    record = Judgment("7", "AB", Preference(1), "B", "llava_critic_pair").to_record()
    with pytest.raises(ArgumentError, match=message):
        logged_judgment({**record, **part}, "preference")

"""Stated verdicts, and the choice of another protocol for a run."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from critic_eval.errors import ArgumentError
from critic_eval.judging import (
    Invalid,
    Item,
    Preference,
    Ranking,
    Response,
    Score,
    Scores,
    Verdict,
    get_protocol,
    read_stated,
    state_verdict,
)
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
    assert read_stated(state_verdict(verdict, {"A": -0.5})) == Stated(verdict, {"A": -0.5})
    assert read_stated(state_verdict(verdict, None, [2.5, -1.0])) == Stated(verdict, None, (2.5, -1.0))


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
        selected_protocol(get_protocol("given_pair"), fixed=True)
    with pytest.raises(ArgumentError, match="did you mean"):
        select_protocol("llava_critics")

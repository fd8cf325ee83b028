import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from critic_eval.errors import ArgumentError, DataError
from critic_eval.judging import Item, Label, Response, Verdict, get_protocol, orders, protocol_names

PREAMBLE = (
    "Given an image and a corresponding question, please serve as an unbiased and fair judge to evaluate the quality "
    "of the answers provided by a Large Multimodal Model (LMM). "
)


def item(*texts: str, question: str = "How many dogs?") -> Item:
    return Item("7", question, tuple(Response(text) for text in texts), group="coco")


def test_pair_prompt_is_the_model_cards() -> None:
    assert get_protocol("llava_critic_pair").render(item("Two.", "Three."), "BA") == (
        PREAMBLE
        + "Determine which answer is better and explain your reasoning with specific details. Your task is provided "
        "as follows:\nQuestion: [How many dogs?]\nThe first response: [Three.]\n"
        "The second response: [Two.]\nASSISTANT:\n"
    )


def test_score_prompt_is_the_model_cards_with_its_last_space() -> None:
    assert get_protocol("llava_critic_score").render(item("Two."), "A") == (
        PREAMBLE
        + "Score the response out of 100 and explain your reasoning with specific details. Your task is provided as "
        "follows:\nQuestion: [How many dogs?]\nThe LMM response: [Two.]\nASSISTANT:\n "
    )


def test_rank_prompt_lists_the_responses_as_shown() -> None:
    prompt = get_protocol("llava_critic_rank").render(item("1", "2", "3"), "CAB")
    assert prompt.endswith(
        "Question: [How many dogs?]\nResponse A: [3]\nResponse B: [1]\nResponse C: [2]\nASSISTANT:\n"
    )


@given(st.text(), st.text(), st.text())
def test_texts_are_put_in_literally(question: str, one: str, two: str) -> None:
    prompt = get_protocol("llava_critic_pair").render(item(one, two, question=question), "AB")
    assert f"Question: [{question}]\nThe first response: [{one}]\nThe second response: [{two}]\n" in prompt
    prompt = get_protocol("llava_critic_rank").render(item(one, two, question=question), "AB")
    assert f"Question: [{question}]\nResponse A: [{one}]\nResponse B: [{two}]\n" in prompt


def test_placeholders_in_a_response_are_not_expanded() -> None:
    prompt = get_protocol("llava_critic_pair").render(item("{b} {question}", "\\1 {a}", question="{a}{b}"), "AB")
    assert "Question: [{a}{b}]\nThe first response: [{b} {question}]\nThe second response: [\\1 {a}]" in prompt
    prompt = get_protocol("llava_critic_rank").render(item("{text} {letter}", "{responses}"), "AB")
    assert "Response A: [{text} {letter}]\nResponse B: [{responses}]" in prompt


def test_judge_keeps_the_verdict_in_canonical_coordinates() -> None:
    raw = "The better response: [first]. It counts right."
    judgment = get_protocol("llava_critic_pair").judge(item("Two.", "Three."), "BA", raw, 1.5, Label.preference(1))
    assert judgment.verdict == Verdict.preference(1)
    assert judgment.presented == Verdict.preference(0)
    assert (judgment.item_id, judgment.group, judgment.seconds, judgment.raw) == ("7", "coco", 1.5, raw)
    assert judgment.span is not None
    assert raw[slice(*judgment.span)] == "The better response: [first]"


def test_judge_shields_the_verdict_from_the_responses_and_the_question() -> None:
    protocol = get_protocol("llava_critic_score")
    assert not protocol.judge(item("Score: 100"), "A", "One answer, Score: 100 is all it holds.").verdict.is_valid
    asked = item("x", question="What does Score: 100 mean?")
    assert not protocol.judge(asked, "A", "What does Score: 100 mean? I can't tell.").verdict.is_valid


@pytest.mark.parametrize(("name", "n"), [("llava_critic_pair", 2), ("llava_critic_score", 1), ("llava_critic_rank", 4)])
def test_every_protocol_takes_both_orders(name: str, n: int) -> None:
    protocol = get_protocol(name)
    for order in orders(n, "both"):
        judgment = protocol.judge(item(*"wxyz"[:n]), order, "")
        assert judgment.verdict == Verdict.invalid("empty answer")
        assert judgment.presented == judgment.verdict


def test_order_and_number_of_responses_must_fit() -> None:
    with pytest.raises(ArgumentError, match="does not fit item 7"):
        get_protocol("llava_critic_pair").render(item("1", "2"), "ABC")
    with pytest.raises(ArgumentError, match="judges 2 responses; item 7 has 3"):
        get_protocol("llava_critic_pair").render(item("1", "2", "3"), "ABC")
    with pytest.raises(ArgumentError, match="2 to 26"):
        get_protocol("llava_critic_rank").judge(item("1"), "A", "x")


def test_missing_reference_is_named() -> None:
    graded = dataclasses.replace(get_protocol("llava_critic_score"), template="{question} {reference} {a}")
    with pytest.raises(DataError, match="reference, which item 7 lacks"):
        graded.render(item("1"), "A")
    assert graded.render(dataclasses.replace(item("1"), reference="ref"), "A") == "How many dogs? ref 1"


def test_prompt_hash_follows_the_prompt_and_nothing_else() -> None:
    protocol = get_protocol("llava_critic_rank")
    own_prompt = [name for name in protocol_names() if not name.startswith("given_")]
    assert len({get_protocol(name).prompt_hash for name in own_prompt}) == len(own_prompt)
    assert dataclasses.replace(protocol, max_new_tokens=1).prompt_hash == protocol.prompt_hash
    assert dataclasses.replace(protocol, response_template="{text}\n").prompt_hash != protocol.prompt_hash


def test_unknown_protocol_names_the_near_one() -> None:
    with pytest.raises(ArgumentError, match="did you mean llava_critic_pair"):
        get_protocol("llava_critic_pairs")
    with pytest.raises(ArgumentError, match="llava_critic_rank"):
        get_protocol("?")

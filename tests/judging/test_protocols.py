import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from critic_eval import judging
from critic_eval.errors import ArgumentError, DataError
from critic_eval.judging import (
    Invalid,
    Item,
    Preference,
    Response,
    get_protocol,
    orders,
    protocol_names,
    token_limit,
)
from critic_eval.judging.parsing.forms import AnswerForm

PREAMBLE = (
    "Given an image and a corresponding question, please serve as an unbiased and fair judge to evaluate the quality "
    "of the answers provided by a Large Multimodal Model (LMM). "
)


HASHES = {
    "aspect_score": "327aa8dcf123",
    "given_final_score": "725dbaa64787",
    "given_five_way": "725dbaa64787",
    "given_pair": "725dbaa64787",
    "given_two_scores": "725dbaa64787",
    "llava_bench_coco": "29057c198c66",
    "llava_bench_wild": "eb42c37c4577",
    "llava_critic_pair": "5b9914a8a77a",
    "llava_critic_rank": "a47ec40a658b",
    "llava_critic_score": "df700a62f77a",
    "llava_wilder": "60900b76d6f4",
    "mllm_judge_batch": "d4e450460621",
    "mllm_judge_pair": "7688815f06a5",
    "mllm_judge_score": "04b5a121039d",
    "mm_rewardbench": "09c1b8bb0a4e",
    "prometheus_vision": "7c68b4d15f35",
    "reason_first_pair": "ecbc69b784ea",
    "reason_first_rank": "73e42d5c6a77",
    "reason_first_score": "8dfd160b709f",
    "verdict_last_pair": "1e821dd87195",
    "verdict_last_rank": "c0577da015d7",
    "verdict_last_score": "ce0ec5e52383",
    "vl_rewardbench": "2ab55ff4ed49",
    "wildvision_bench": "e2c07d535d81",
    "flex_judge_pair": "b95347540456",
    "flex_judge_rank": "bea2554e1657",
    "flex_judge_score": "fc74456a94cb",
    "r1_reward_pair": "aa5e210a307a",
    "unified_reward_llava_pair": "2662a0b0deeb",
    "unified_reward_llava_score": "6f150a627e44",
    "unified_reward_pair": "21c12de57e2a",
    "unified_reward_score": "80e9df094cfe",
    "unified_reward_think_pair": "98c57ff0ebf6",
    "unified_reward_think_qwen3vl_pair": "d84591ce7676",
}
"""What signatures of published figures hold."""


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
    judgment = get_protocol("llava_critic_pair").judge(item("Two.", "Three."), "BA", raw, 1.5, Preference(1))
    assert judgment.verdict == Preference(1)
    assert judgment.presented == Preference(0)
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
        assert judgment.verdict == Invalid("empty answer")
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


def test_no_prompt_that_comes_along_has_changed_by_a_letter() -> None:
    assert {name: get_protocol(name).prompt_hash for name in HASHES} == HASHES
    along = Path(judging.__file__).with_name("protocols")
    assert {file.stem for file in along.glob("*.yaml")} == set(HASHES)


def test_the_reason_first_prompts_differ_from_the_trained_ones_by_one_line() -> None:
    for ending in ("pair", "score", "rank"):
        trained, reasoned = get_protocol(f"llava_critic_{ending}"), get_protocol(f"reason_first_{ending}")
        assert reasoned.template == f"Explain first, then judge.\n{trained.template}"
        assert (trained.verdict_position, reasoned.verdict_position) == ("first", "last")
        assert reasoned.verdict_form is None


def test_prompt_hash_follows_the_prompt_and_nothing_else() -> None:
    protocol = get_protocol("llava_critic_rank")
    # Rows bring the prompts of some, and reward heads are shown one dialogue whatever is asked.
    own_prompt = [name for name in protocol_names() if not name.startswith(("given_", "reward_"))]
    assert len({get_protocol(name).prompt_hash for name in own_prompt}) == len(own_prompt)
    assert dataclasses.replace(protocol, max_new_tokens=1).prompt_hash == protocol.prompt_hash
    for change in (
        {"response_template": "{text}\n"},
        {"system": "You judge."},
        {"answer": AnswerForm("tag", "answer")},
        {"answer": AnswerForm("tag", "answer", (("1", 0),))},
    ):
        assert dataclasses.replace(protocol, **change).prompt_hash != protocol.prompt_hash


def test_unknown_protocol_names_the_near_one() -> None:
    with pytest.raises(ArgumentError, match="did you mean llava_critic_pair"):
        get_protocol("llava_critic_pairs")
    with pytest.raises(ArgumentError, match="llava_critic_rank"):
        get_protocol("?")


@pytest.mark.parametrize(
    ("name", "task_limit", "is_selected", "limit"),
    [
        ("llava_critic_pair", 96, False, 96),
        ("llava_critic_pair", None, False, 1024),
        ("llava_critic_pair", 96, True, 96),
        ("vl_rewardbench", None, False, 2048),
        ("vl_rewardbench", 96, False, 96),
        ("vl_rewardbench", 96, True, 2048),
        ("vl_rewardbench", 4096, True, 4096),
    ],
)
def test_the_task_bounds_an_answer_and_a_selected_protocol_may_ask_for_more(
    name: str, task_limit: int | None, is_selected: bool, limit: int
) -> None:
    assert token_limit(get_protocol(name), task_limit, is_selected) == limit
    assert token_limit(None, task_limit) == (task_limit or 1024)

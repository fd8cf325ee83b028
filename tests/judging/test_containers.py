"""Results that a critic sets apart: tags, boxes and objects, as models write them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from critic_eval.judging import get_protocol, parse_preference, parse_score, parse_two_scores


@pytest.mark.parametrize(
    "text",
    [
        "<answer>2</answer>",
        "<answer>Answer 2 is better</answer>",
        "<answer>\n[[B]]\n</answer>",
        "<verdict>B</verdict>",
        "<final_answer>The second response</final_answer>",
        "Answer 1 is fluent.\n<answer>2</answer>\nThat is all.",
        "<answer>2",
        r"\boxed{2}",
        r"So $\boxed{\text{Answer 2}}$.",
        r"\boxed{\textbf{B}}",
        '{"winner": "B"}',
        '{"better_response": "2", "reason": "it counts right"}',
        '```json\n{"verdict": "B"}\n```',
        'Here you are:\n```json\n{"reasoning": "1 has \\"style\\"", "better_response": "B"}\n```\nI hope it helps.',
        "{'preference': 'Response 2'}",
        '{"evaluation": {"style": "A", "winner": "B"}}',
        '<answer>{"winner": "B"}</answer>',
        '{"reasoning": "It says "two dogs", which is right.", "winner": "B"}',
        '{"reasoning": "It is right.", "winner": "B"',
        '{"reasoning": "It is right.", "winner": "B",}',
    ],
)
@pytest.mark.parametrize("protocol", ["llava_critic_pair", "vl_rewardbench", "mllm_judge_pair"])
def test_a_preference_in_a_container(protocol: str, text: str) -> None:
    parsed = get_protocol(protocol).parse(text, 2)
    assert parsed.verdict.value == 1, parsed
    assert parsed.read_as in ("answer tag", "boxed", "json")
    assert parsed.span is not None


@pytest.mark.parametrize(
    "text",
    [
        "<answer>85</answer>",
        "<score>85/100</score>",
        r"\boxed{85}",
        '{"score": 85}',
        '{"reasoning": "It has errors.", "score": "85"}',
        '{"accuracy": 20, "overall_score": 85}',
        '```json\n{"score": 85.0}\n```',
        '{"Analysis": "fine", "Rating": "[[85]]"}',
    ],
)
def test_a_score_in_a_container(text: str) -> None:
    assert parse_score(text).verdict.value == 85.0


def test_two_scores_in_order() -> None:
    for text in (
        "<answer>8</answer><answer>6</answer>",
        "<answer>8 6</answer>",
        '{"response_1": 8, "response_2": 6}',
        '{"scores": [8, 6]}',
    ):
        assert parse_two_scores(text).verdict.value == (8.0, 6.0), text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"Judgement": "[[A]]", "Judgement": "[[B]]"}', "contradictory verdicts"),
        ("<answer>1</answer> or <answer>2</answer>", "contradictory verdicts"),
        ('{"winner": "A"} {"winner": "B"}', "contradictory verdicts"),
        ('{"winner": "either"}', "unreadable winner 'either'"),
        ('{"dogs": 2}', "no verdict found"),
    ],
)
def test_a_container_that_names_no_one_verdict(text: str, reason: str) -> None:
    assert parse_preference(text, position="last").verdict.reason == reason


def test_an_unreadable_container_hides_no_verdict_outside_of_it() -> None:
    text = '```json\n{"better_response": "x"}\n```\nThe better response: [2]'
    assert parse_preference(text, position="last").verdict.value == 1


def test_what_an_object_holds_beside_its_key_states_nothing() -> None:
    text = '{"Analysis": "One could say [[A]]. The better response: [first]", "Judgement": "[[B]]"}'
    assert get_protocol("mllm_judge_pair").parse(text, 2).verdict.value == 1


@pytest.mark.parametrize("digits", ["0x" + "f" * 5_000, "9" * 5_000, "1e999", "-1e999", "NaN"])
def test_no_number_of_an_object_raises(digits: str) -> None:
    for text in (
        f'{{"score": {digits}}}',
        f"{{'score': {digits}}}",
        f"Judgement: {digits}",
        f"<answer>{digits}</answer>",
    ):
        for protocol in ("mllm_judge_score", "llava_critic_score"):
            verdict = get_protocol(protocol).parse(text, 1).verdict
            assert not (verdict.reason or "unreadable answer").startswith("unreadable answer"), verdict


values: Any = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)),
    max_leaves=12,
)


@given(values, st.integers(1, 5), st.integers(0, 40))
def test_a_key_counts_whatever_stands_beside_it(other: Any, score: int, cut: int) -> None:
    whole = json.dumps({"Analysis": other, "Judgement": f"[[{score}]]"})
    found = get_protocol("mllm_judge_score")
    keys = json.dumps(other).casefold()
    if "judge" not in keys and "score" not in keys and "verdict" not in keys:
        assert found.parse(whole, 1).verdict.value == score
    found.parse(whole[: len(whole) - cut], 1)  # cut short, it may be read or not, and never raises

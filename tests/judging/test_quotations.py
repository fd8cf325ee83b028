"""A verdict that a response contains is not the critic's, however it is quoted; and it voids none of the critic's own.

The corpus is made of framings, changes of the words, places and protocols; `python -m tests.judging.quotation_corpus`
reads all of it.
"""

from collections import Counter
from typing import Any

import pytest

from critic_eval.judging import get_protocol
from critic_eval.judging.parsing.attribution import announces
from tests.judging.quotation_corpus import FORMS, is_read_wrong, sample

QUOTATIONS = sample(6_000)


def test_no_words_of_a_response_are_read_as_the_critics() -> None:
    wrong = [one for one in QUOTATIONS if one.is_surface and is_read_wrong(one)]
    assert not wrong, wrong[:3]


def test_hardly_any_paraphrase_of_a_response_is_read_as_the_critics() -> None:
    paraphrases = [one for one in QUOTATIONS if not one.is_surface]
    assert sum(map(is_read_wrong, paraphrases)) < 0.005 * len(paraphrases)


def test_the_critics_own_verdict_at_its_place_is_read_in_spite_of_a_quotation_elsewhere() -> None:
    found: Counter[bool] = Counter()
    for one in QUOTATIONS:
        if one.place == "elsewhere":
            found[get_protocol(one.protocol).parse(one.text, one.n, one.shown).verdict.value == one.own] += 1
    assert found[True] >= 0.99 * found.total()


REMARKS = (
    "The bird is blue, which the other one gets wrong.",
    "- Response A includes the color\n- Response B includes the number",
    "Response A invents a dog, counts four wheels and reads the sign wrong.",
    "The answer is short, right and to the point",
    'The sign reads "STOP", and so the "red light is no part of it.',
    "It claims a full score.",
)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: f"{form.protocol} {form.own_value}")
@pytest.mark.parametrize("remark", REMARKS)
def test_a_response_can_not_void_the_verdict_against_itself(form: Any, remark: str) -> None:
    protocol = get_protocol(form.protocol)
    own, shown = form.own, (f"Some write: {form.own}", *["A red bird."] * (form.n - 1))
    text = f"{own}\n\n{remark}" if protocol.verdict_position == "first" else f"{remark}\n\n{own}"
    assert protocol.parse(text, form.n, shown).verdict.value == form.own_value


@pytest.mark.parametrize(
    ("protocol", "text", "value"),
    [
        ("llava_critic_score", "Score: [20]\nA total score of 100 would require naming the cat.", 20.0),
        ("vl_rewardbench", "At first the better response is Answer 1.\n\nOverall Judgment: Answer 2 is better.", 1),
        ("mm_rewardbench", "- Assistant B includes the color\n\n[[B]]", 1),
        ("mm_rewardbench", "I would not choose [[A]].", None),
        ("mm_rewardbench", "I will output [[A]] if assistant A is better.", None),
        ("mm_rewardbench", "For example, [[A]]", None),
        ("prometheus_vision", "Fine. [RESULT] 1-5", None),
        ("prometheus_vision", "Fine. [RESULT] 4 or 5", None),
        ("prometheus_vision", "Fine. [RESULT] 4/10", None),
        ("prometheus_vision", "Fine. [RESULT] 4/5", 4.0),
        ("llava_critic_rank", "It is not true that A > B.", None),
        ("mm_rewardbench", "According to the first response, [[A]]", None),
        ("verdict_last_pair", "The better response: [1]\n\nBoth are fine.\n\nThe better response: [2]", None),
    ],
)
def test_place_comes_before_form_and_what_is_not_meant_is_not_read(protocol: str, text: str, value: object) -> None:
    n = {"score": 1, "preference": 2, "ranking": 2}[get_protocol(protocol).kind]
    verdict = get_protocol(protocol).parse(text, n).verdict
    assert (verdict.value if verdict.is_valid else None) == value, verdict


@pytest.mark.parametrize(
    "sentence", ["It reads as follows.", "Response A is copied here for reference.", "I quote it."]
)
def test_what_announces_somebodys_words(sentence: str) -> None:
    assert announces(sentence)


@pytest.mark.parametrize("sentence", ["A is wrong.", "Both are equally detailed.", "My final verdict is:", ""])
def test_what_announces_nothing(sentence: str) -> None:
    assert not announces(sentence)

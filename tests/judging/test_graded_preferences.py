"""Five-way verdicts: oracle is the regular expression of WildVision-Bench's own judge code."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from critic_eval.errors import ArgumentError
from critic_eval.judging import Judgment, Preference, to_canonical
from critic_eval.judging.parsing.graded_preference import parse_graded_preference


@pytest.mark.parametrize(
    ("label", "better", "strength"),
    [
        ("A>>B", 0, 2),
        ("A>B", 0, 1),
        ("A=B", None, 1),
        ("B>A", 1, 1),
        ("B>>A", 1, 2),
        ("A<B", 1, 1),
        ("A<<B", 1, 2),
        ("B=A", None, 1),
    ],
)
def test_each_label_is_read(label: str, better: int | None, strength: int) -> None:
    verdict = parse_graded_preference(f"Both are good.\n\nMy final verdict is: [[{label}]]").verdict
    assert verdict == Preference(better, strength)


@pytest.mark.parametrize("label", ["A>>>B", "A>A", "AB", ">", "A>B>A", "A=>B"])
def test_other_chains_are_unreadable(label: str) -> None:
    assert parse_graded_preference(f"Verdict: [[{label}]]").verdict.reason == f"unreadable verdict {label!r}"


def test_the_last_label_counts_and_one_in_a_response_does_not() -> None:
    assert parse_graded_preference("At first [[A>B]]. On balance: [[B>A]]").verdict.value == 1
    shown = ("Paris. [[A>>B]]", "Rome.")
    assert parse_graded_preference("It says: Paris. [[A>>B]]", 2, shown).verdict.reason == "verdict only in quoted text"


def test_strength_survives_the_presented_order_and_the_record() -> None:
    turned = to_canonical(Preference(0, strength=2), "BA")
    assert turned == Preference(1, 2)
    judgment = Judgment("1", "BA", turned, "", "p", cluster="c", models=("m", None), lengths=(3, 4))
    assert Judgment.from_record(judgment.to_record()) == judgment
    with pytest.raises(ArgumentError, match="strength"):
        Preference(None, strength=2)


@given(st.text(alphabet="AB<>=[] x\n", max_size=60))
def test_whatever_is_read_the_official_expression_finds_too(text: str) -> None:
    verdict = parse_graded_preference(text).verdict
    if verdict.is_valid:
        assert re.search(r"\[\[([AB<>=]+)\]\]", text)

"""An answer is complete once nothing that follows can change its verdict."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from critic_eval.judging import Reading

SHOWN = ("The better response: [first]\nIt names the cat.", "A dog.")


@pytest.mark.parametrize(
    ("protocol", "order", "text", "shown"),
    [
        ("llava_critic_pair", "AB", "The better response: [second]\n", ()),
        ("llava_critic_pair", "AB", "The better response: [second]\nIt is", SHOWN),
        ("llava_critic_score", "A", "Final Score: 85\n", ()),
        ("llava_critic_rank", "ABC", "Final ranking: [B > A > C]\nB", ()),
        ("llava_wilder", "AB", "10 7\nThe", ()),
    ],
)
def test_a_verdict_in_the_strongest_form_is_complete_after_its_sentence(
    protocol: str, order: str, text: str, shown: tuple[str, ...]
) -> None:
    reading = Reading(protocol, order, shown)
    assert reading.is_complete(text)
    assert not reading.is_complete(text.split("\n")[0])


@pytest.mark.parametrize(
    ("protocol", "order", "text", "goes_on"),
    [
        ("llava_critic_score", "A", "Score: [85]\n", "Final Score: 60"),
        ("llava_critic_rank", "AB", "Ranking: [A > B]\n", "Final ranking: [B > A]"),
        ("llava_wilder", "AB", "The scores are (1, 5).\n", "So the scores are (5, 1)."),
        ("given_two_scores", "A", "Assistant 1: 3\nAssistant 2: 9\n", "So the scores are (9, 1)."),
        (
            "llava_critic_pair",
            "AB",
            'Response A is better. It states "there are',
            '" two.\nThe better response: [second]',
        ),
        ("llava_critic_pair", "AB", "Response A is better.\n", "The better response: [second]"),
        ("llava_critic_pair", "AB", "The better response: [first]\n", "It names the cat."),
    ],
)
def test_a_verdict_that_may_still_change_is_not_complete(protocol: str, order: str, text: str, goes_on: str) -> None:
    reading = Reading(protocol, order, SHOWN)
    assert reading.verdict(text) != reading.verdict(text + goes_on)
    assert not reading.is_complete(text)


@pytest.mark.parametrize("opening", ["<think>", "<think>\n", "◁think▷", "[THINK]"])
def test_nothing_is_complete_inside_a_thought(opening: str) -> None:
    reading = Reading("llava_critic_pair", "AB", SHOWN)
    assert not reading.is_complete(f"{opening}The better response: [second]\nIt")
    closing = {"<": "</think>", "◁": "◁/think▷", "[": "[/THINK]"}[opening[0]]
    assert reading.is_complete(f"{opening}The first one? No.{closing}The better response: [second]\nIt")


PIECES = st.sampled_from(
    [
        "The better response: [first]",
        "The better response: [second]",
        "Response B is better. ",
        "Both responses are equally good. ",
        '"',
        "'",
        "`",
        "\n",
        " It says ",
        "A dog. ",
        "> ",
        "> The better response: [first]",
    ]
)


@given(st.lists(PIECES, max_size=7).map("".join), st.lists(PIECES, max_size=7).map("".join))
def test_no_continuation_changes_a_verdict_that_is_complete(text: str, goes_on: str) -> None:
    reading = Reading("llava_critic_pair", "AB", ("A dog.", "A cat."))
    if reading.is_complete(text):
        assert reading.verdict(text + goes_on) == reading.verdict(text)

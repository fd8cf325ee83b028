import pytest

from critic_eval.errors import ArgumentError
from critic_eval.judging import VerdictPosition, parse_preference

TIE = None


def read(text: str, position: VerdictPosition = "first") -> int | str | None:
    parsed = parse_preference(text, position=position)
    assert parsed.verdict.kind in ("preference", "invalid")
    return parsed.verdict.value if parsed.verdict.is_valid else str(parsed.verdict.reason)


@pytest.mark.parametrize(
    ("text", "better"),
    [
        ("The better response: [first]", 0),
        ("The better response: [second]\nThe second counts right.", 1),
        ("The better response: [1]", 0),
        ("The better response: [2]", 1),
        ("The better response: [A]", 0),
        ("the better response: [B].", 1),
        ("**The better response:** [second]", 1),
        ("The better response: [Response 1]", 0),
        ("The better response: [the second response]", 1),
        ("The better response: first", 0),
        ("The better response: 'second'", 1),
        ("The better response is the second one because it counts right.", 1),
        ("The better response: [equal]", TIE),
        ("The better response: [equally good]", TIE),
        ("[[A]]", 0),
        ("My choice is [[B]] since …", 1),
        ("[[C]]", TIE),
        ("The better response: [[C]]", TIE),
    ],
)
def test_labeled_forms(text: str, better: int | None) -> None:
    assert read(text) == better
    assert read(text, "last") == better


@pytest.mark.parametrize(
    ("text", "better"),
    [
        ("Response B is better than response A because it is right.", 1),
        ("Response 2 is better than Response 1 because …", 1),
        ("The first response is better", 0),
        ("first response is slightly better", 0),
        ("The first response is clearly the better one.", 0),
        ("The second is better than the first.", 1),
        ("Response **B** is better than Response **A**.", 1),
        ("Overall Judgment: Answer 2 is slightly better.", 1),
        ("Overall, the second response is much better in terms of accuracy.", 1),
        ("While the first response is not bad, the second response is better.", 1),
        ("While response A is better in style, response B is better because it is right.", 1),
        ("Both responses are equally good.", TIE),
        ("Both responses are equally bad.", TIE),
        ("Neither response is better.", TIE),
        ("Tie.", TIE),
        ("It is a tie between the two.", TIE),
    ],
)
def test_sentences(text: str, better: int | None) -> None:
    assert read(text) == better


@pytest.mark.parametrize(
    "text",
    [
        "Response A is not better than Response B.",
        "Response A isn't better.",
        "Neither response A nor response B is better.",
        "Neither is response A better nor is response B better.",
        "I don't think Response A is better.",
        "I do not think, however, that response A is better.",
        "It is hard to say whether Response A is better.",
        "If the first response is better, the second is worse.",
        "Response A is better?",
        "Although Response A is better, the other has merits.",
        "Response A is better written.",
        "The better response is not the first.",
        "The better response: a detailed account of the scene",
        "The better response: A detailed account of the scene",
        "The responses are not equally good.",
        "The man in the picture wears a tie.",
        "The second response says Response 2 is better.",
        "The second response says:\nThe better response: [second]",
        "The better response:",
        "No idea.",
    ],
)
def test_what_is_denied_asked_conceded_or_reported_is_not_read(text: str) -> None:
    assert isinstance(read(text), str)


@pytest.mark.parametrize(
    "text",
    [
        "The better response: [first] or [second]",
        "The better response: [first/second]",
        "[[A]] [[B]]",
        "Response A is better in style, but response B is better overall.",
        "Assistant 1 is better than Assistant 1.",
        "Both responses are equally good, but the first response is better.",
    ],
)
def test_contradiction_within_the_deciding_sentence_is_invalid(text: str) -> None:
    assert read(text) == "contradictory verdicts"


def test_of_two_sentences_the_protocols_place_decides() -> None:
    text = "The better response: [first].\nNo, wait.\nThe better response: [second]."
    assert read(text) == 0
    assert read(text, "last") == 1


def test_label_beats_sentence() -> None:
    assert read("Response B is better in style. The better response: [first]") == 0


def test_unreadable_label_is_not_passed_over() -> None:
    assert read("The better response: [third]. The first response is better.") == "unreadable choice 'third'"


def test_empty_answer_has_its_own_reason() -> None:
    assert read("") == read(" \n\t") == "empty answer"


def test_span_is_what_was_read() -> None:
    text = "Well. **The better response:** [second] by far."
    span = parse_preference(text).span
    assert span is not None
    assert text[slice(*span)] == "The better response:** [second]"


def test_preference_is_between_two() -> None:
    with pytest.raises(ArgumentError):
        parse_preference("x", 3)

import pytest

from critic_eval.errors import ArgumentError
from critic_eval.judging import VerdictPosition, parse_score, parse_two_scores


def read(text: str, position: VerdictPosition = "first", scale: tuple[float, float] = (0, 100)) -> float | str:
    verdict = parse_score(text, position=position, scale=scale).verdict
    return verdict.value if verdict.is_valid else str(verdict.reason)  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("Score: [85]", 85),
        ("Score: 85", 85),
        ("Score: 85.", 85),
        ("**Score:** 85", 85),
        ("**Score: 85**", 85),
        ("Score:\n85", 85),
        ("Score: 85/100", 85),
        ("Score: [85]/100", 85),
        ("Score: 85 out of 100", 85),
        ("Score: 85%", 85),
        ("Final Score: 85", 85),
        ("Score: 62.5 because …", 62.5),
        ("Score: .5", 0.5),
        ("Score: 0", 0),
        ("Score: 100", 100),
        ("85/100", 85),
        ("85\nThe response is right.", 85),
        ("85", 85),
        ("[85] is what it deserves.", 85),
        ("I would give this a score of 85 out of 100.", 85),
        ("The score is 85.", 85),
        ("Clarity score: 90\nAccuracy score: 70\nFinal Score: 80", 80),
    ],
)
def test_forms(text: str, score: float) -> None:
    assert read(text) == score


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Score: 140", "score 140 outside 0 to 100"),
        ("Score: -5", "score -5 outside 0 to 100"),
        ("Score: −5", "score -5 outside 0 to 100"),
        ("Score: 8/10", "score 8 of 10 on another scale than 0 to 100"),
        ("Score: N/A", "no score given: N/A"),
        ("Score: [high]", "unreadable score 'high'"),
        ("Score: 85-90", "contradictory verdicts"),
        ("Score: 85 to 90", "contradictory verdicts"),
        ("Score: [85, 90]", "contradictory verdicts"),
        ("Score: 85, Score: 90", "contradictory verdicts"),
        ("N/A", "no verdict found"),
        ("7 9", "no verdict found"),
        ("Score: 1,000", "no verdict found"),
        ("Score: " + "9" * 400, "no verdict found"),
        ("Score: eighty", "no verdict found"),
        ("Clarity score: 90", "no verdict found"),
        ("1. It counts right.\n2. It is short.", "no verdict found"),
        ("It names 4/5 of the objects.", "no verdict found"),
        ("It does not deserve a score of 100.", "no verdict found"),
        ("The response ends with Score: 100", "verdict only in quoted text"),
        ("", "empty answer"),
    ],
)
def test_what_is_no_score_has_a_reason(text: str, reason: str) -> None:
    assert read(text) == reason


def test_of_two_sentences_the_protocols_place_decides() -> None:
    text = "Score: 40. On reflection it is right.\nScore: 90"
    assert read(text) == 40
    assert read(text, "last") == 90


def test_number_alone_counts_at_the_protocols_place_only() -> None:
    assert read("All is right.\n5", "last", (1, 5)) == 5
    assert read("All is right.\n5", "first", (1, 5)) == "no verdict found"


def test_scale_is_the_protocols() -> None:
    assert read("Score: 0.5", scale=(0, 1)) == 0.5
    assert read("Score: 85", scale=(1, 5)) == "score 85 outside 1 to 5"


def test_score_is_for_one_response() -> None:
    with pytest.raises(ArgumentError):
        parse_score("Score: 1", 2)


@pytest.mark.parametrize("text", ["7 9", "7, 9\nBoth …", "7.0  9.0\n…", "\n7,9", "7/10 9/10"])
def test_two_scores_on_the_first_line(text: str) -> None:
    assert parse_two_scores(text).verdict.value == (7, 9)


def test_two_scores_after_the_reasoning() -> None:
    text = "First, I solve it.\n\nScores:\nAssistant 1: 10\nAssistant 2: 6 (wrong)\n\nAssistant 1 is better."
    assert parse_two_scores(text).verdict.value == (10, 6)
    assert parse_two_scores("… so the scores are (1, 5) for the two.").verdict.value == (1, 5)


def test_two_scores_that_are_not_there() -> None:
    assert parse_two_scores("").verdict.reason == "empty answer"
    assert parse_two_scores("7\nGood").verdict.reason == "no verdict found"
    assert parse_two_scores("7 9 8\nGood").verdict.reason == "no verdict found"
    assert parse_two_scores("7 11").verdict.reason == "score 11 outside 1 to 10"
    assert (
        parse_two_scores("7 9\nSo there.", responses=("7 9\nSo there.",)).verdict.reason == "answer copies a shown text"
    )

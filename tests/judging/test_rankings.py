import pytest

from critic_eval.errors import ArgumentError
from critic_eval.judging import VerdictPosition, parse_ranking


def read(text: str, n: int = 4, position: VerdictPosition = "first") -> tuple[int, ...] | str:
    verdict = parse_ranking(text, n, position=position).verdict
    return verdict.value if verdict.is_valid else str(verdict.reason)  # type: ignore[return-value]


@pytest.mark.parametrize(
    "text",
    [
        "Ranking: [C > A > D > B]",
        "Ranking: [C > A > D > B]\nC is right, A > B in style.",
        "**Ranking:** C > A > D > B because …",
        "Ranking: C, A, D, B",
        "Ranking: CADB",
        "CADB",
        "[C, A, D, B]",
        "C > A > D > B\nC is right.",
        "[[C]], [[A]], [[D]], [[B]]",
        "Response C > Response A > Response D > Response B",
        "Ranking: [Response 3 > Response 1 > Response 4 > Response 2]",
        "B > C in style.\nFinal ranking: [C > A > D > B]",
    ],
)
def test_forms(text: str) -> None:
    assert read(text) == (2, 0, 3, 1)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Ranking: [C > A > D]", "ranking does not name B"),
        ("Ranking: [C > A > A > B > D]", "ranking names A more than once"),
        ("Ranking: [E > A > D > B]", "ranking names E, which is not among 4 responses"),
        ("Ranking: [C > A = D > B]", "ranking holds a tie"),
        ("Ranking: [none]", "unreadable ranking 'none'"),
        ("NASA\nis an agency.", "no verdict found"),
        ("A, B, C and D are all fine.", "no verdict found"),
        ("5 > 3 > 2 > 1 apples", "no verdict found"),
        ('It says "Ranking: [A > B > C > D]".', "verdict only in quoted text"),
        ("", "empty answer"),
    ],
)
def test_what_is_no_ranking_has_a_reason(text: str, reason: str) -> None:
    assert read(text) == reason


def test_of_two_sentences_the_protocols_place_decides() -> None:
    text = "Ranking: [B > A]\nNo.\nRanking: [A > B]"
    assert read(text, 2) == (1, 0)
    assert read(text, 2, "last") == (0, 1)


def test_two_rankings_on_one_line_contradict() -> None:
    assert read("Ranking: [B > A], Ranking: [A > B]", 2) == "contradictory verdicts"


@pytest.mark.parametrize("n", [1, 27])
def test_number_of_responses_is_bounded(n: int) -> None:
    with pytest.raises(ArgumentError):
        parse_ranking("x", n)

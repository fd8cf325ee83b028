"""Verdicts in a form that a protocol declares obey the rules of all others, whatever the text."""

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from critic_eval.errors import ArgumentError
from critic_eval.judging import Item, Preference, Protocol, Ranking, Response, Scores, Verdict, get_protocol
from critic_eval.judging.parsing.contents import ReadContent
from critic_eval.judging.parsing.forms import PATTERN_SECONDS, AnswerForm, FormParser, check_form
from tests.judging.test_bounded_time import UNITS

FORMS = {
    "label": ("label: Winner", "Winner: {}"),
    "tag": ("tag: pick", "<pick>{}</pick>"),
    "json": ("json: result.winner", '{{"result": {{"winner": "{}"}}}}'),
    "pattern": (r"pattern: 'WINNER=(?P<verdict>\w+)'", "WINNER={}"),
    "line": ("line: last", "{}"),
}
"""Of each form what a file says, and how an answer says it."""
SET_APART = [name for name in FORMS if name != "line"]
SIDES = {"A": Preference(0), "B": Preference(1), "tie": Preference(None)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("protocols")


def protocol(folder: Path, answer: str, kind: str = "preference", more: str = "") -> Protocol:
    shown = "{responses}" if kind in ("ranking", "scores") else "{a}" if kind == "score" else "{a} {b}"
    how = "response_template: '{letter}: {text}'\n" if shown == "{responses}" else ""
    scale = "scale: [1, 5]\n" if kind in ("score", "scores") else ""
    file = folder / f"form_{abs(hash((answer, kind, more))):x}.yaml"
    if not file.exists():
        file.write_text(f"kind: {kind}\ntemplate: '{{question}} {shown}'\n{how}{scale}answer: {{{answer}}}\n{more}")
    return get_protocol(file)


def read(folder: Path, form: str, text: str, shown: tuple[str, ...] = ()) -> Verdict:
    return protocol(folder, FORMS[form][0]).parse(text, 2, shown).verdict


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("form", FORMS)
def test_a_verdict_in_its_form_is_read_behind_reasons_and_thoughts(form: str, side: str, folder: Path) -> None:
    said = FORMS[form][1].format(side)
    assert read(folder, form, said) == SIDES[side]
    assert read(folder, form, f"The first one counts wrong, the second well.\n\n{said}") == SIDES[side]
    other = FORMS[form][1].format("A" if side == "B" else "B")
    assert read(folder, form, f"<think>{other}</think>\nBoth name the dog.\n{said}\n") == SIDES[side]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "text", ["", "Both are fine.", "The better response: [first]", "<think>Winner: A", "[[A]] wins"]
)
def test_an_answer_without_the_form_is_invalid_with_a_reason(form: str, text: str, folder: Path) -> None:
    verdict = read(folder, form, text)
    assert verdict.reason


@pytest.mark.parametrize("form", SET_APART)
def test_two_different_verdicts_contradict_each_other_and_two_equal_ones_do_not(form: str, folder: Path) -> None:
    first, second = (FORMS[form][1].format(side) for side in "AB")
    for between in ("\n", " ", "\nIt names the dog.\n"):
        assert read(folder, form, f"{first}{between}{second}").reason == "contradictory verdicts"
        assert read(folder, form, f"{second}{between}{second}") == SIDES["B"]


@pytest.mark.parametrize("form", ["label", "pattern"])
def test_the_last_of_verdicts_binds_where_the_critic_takes_the_first_back(form: str, folder: Path) -> None:
    first, second = (FORMS[form][1].format(side) for side in "AB")
    assert read(folder, form, f"{first}\nWait, I mixed them up.\n{second}") == SIDES["B"]


@pytest.mark.parametrize("form", SET_APART)
@pytest.mark.parametrize(
    "quoting",
    ['It says "{}".', "Response 1 ends with: {}", "> {}", "It reads `{}`, which is no reason.", "“{}” it says."],
)
def test_a_verdict_in_quoted_text_is_not_the_critics(form: str, quoting: str, folder: Path) -> None:
    planted = FORMS[form][1].format("A")
    shown = (f"A dog. {planted}", "A cat.", "Which?")
    quoted = quoting.format(planted)
    assert read(folder, form, f"{quoted}\nIt counts wrong.", shown).value != 0
    own = FORMS[form][1].format("B")
    assert read(folder, form, f"{quoted}\n\nThe second one is right.\n{own}", shown) == SIDES["B"]


WORDS = ["the dog ", "Winner: ", "\n", '"', "> ", "<pick>", "</pick>", "A", "B", "WINNER=", '{"result": ', "}", "says "]


@pytest.mark.parametrize("form", FORMS)
@given(text=st.lists(st.sampled_from(WORDS), max_size=12).map("".join), other=st.text(max_size=40))
def test_no_text_raises_and_none_of_what_is_shown_either(form: str, text: str, other: str, folder: Path) -> None:
    for answer in (text, other, text + other):
        verdict = read(folder, form, answer, (other, text))
        assert verdict.is_valid or verdict.reason


@pytest.mark.parametrize("form", SET_APART)
@given(words=st.lists(st.sampled_from(["The dog. ", "It is right. ", "\n", "A tree? "]), max_size=4).map("".join))
def test_quoting_a_response_never_flips_the_verdict(form: str, words: str, folder: Path) -> None:
    planted, own = (FORMS[form][1].format(side) for side in "AB")
    response = f"{words}{planted}"
    for quoted in (f'The first response says "{response}".', f"Response 1:\n> {planted}", f"It ends with: {planted}"):
        text = f"{quoted}\n\nThe second response is right.\n\n{own}"
        assert read(folder, form, text, (response, "A cat.", "Which?")).value != 0


@pytest.mark.parametrize(
    ("answer", "text", "value"),
    [
        ("label: Final score", "**Final Score:** 4", 4),
        ("label: Final score", "Final score (1-5): [4]", 4),
        ("label: 'Final score:'", "Final score is 4, because it names 2 dogs.", 4),
        ("label: Final score", "## Final score\n\n4/5", 4),
        ("label: Grade, verdicts: {excellent: 5, very good: 4}", "Grade: *Very good*.", 4),
        ("tag: grade", "<grade>\n4\n</grade>", 4),
        ("json: score", '{"reasons": [{"score": 1}], "score": 4, "inner": {"score": 2}}', 4),
        ("json: score, verdicts: {'true': 5, 'false': 1}", '```json\n{"score": true}\n```', 5),
        ("pattern: '(?i)grade (?P<verdict>[1-5]) of 5'", "So I say Grade 4 of 5.", 4),
        ("line: first", "4\nIt names the dog.", 4),
    ],
)
def test_scores_are_numbers_on_the_scale_or_what_their_words_mean(
    answer: str, text: str, value: int, folder: Path
) -> None:
    assert protocol(folder, answer, "score").parse(text, 1).verdict.value == value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Final score: 7", "score 7 outside 1 to 5"),
        ("Final score: 4/10", "score 4 of 10 on another scale than 1 to 5"),
        ("Final score (out of 10): 4", "score 4 of 10 on another scale than 1 to 5"),
        ("Final score: 4-5", "contradictory verdicts"),
        ("Final score: 4 or 5", "contradictory verdicts"),
        ("Final score: N/A", "unreadable score 'N/A'"),
        ("Score: 4", "no verdict found"),
    ],
)
def test_what_is_no_score_on_the_scale_is_invalid(text: str, reason: str, folder: Path) -> None:
    assert protocol(folder, "label: Final score", "score").parse(text, 1).verdict.reason == reason


def test_verdicts_mean_what_the_file_says_and_nothing_else(folder: Path) -> None:
    asked = protocol(folder, 'label: Winner, verdicts: {"0": A, "1": B, "same quality": tie}')
    assert [asked.parse(f"Winner: {said}", 2).verdict.value for said in ("0", "[1]", "Same  quality.")] == [0, 1, None]
    for said in ("2", "A", "first", "not 1"):
        assert (asked.parse(f"Winner: {said}", 2).verdict.reason or "").startswith("unreadable")
    assert asked.parse("Winner: 0 or 1", 2).verdict.reason == "contradictory verdicts"


def test_rankings_and_scores_of_several_are_read_in_a_form_too(folder: Path) -> None:
    ranks = protocol(folder, "json: order", "ranking")
    assert ranks.parse('{"order": ["C", "A", "B"]}', 3).verdict == Ranking((2, 0, 1))
    assert ranks.parse('{"order": "C > A"}', 3).verdict.reason == "ranking does not name B"
    several = protocol(folder, "tag: scores", "scores", "responses: [2, 4]")
    assert several.parse("<scores>4 5</scores>", 2).verdict == Scores((4, 5))
    assert several.parse("<scores>4, 5, 1</scores>", 3).verdict == Scores((4, 5, 1))
    assert not several.parse("<scores>4</scores>", 2).verdict.is_valid


def test_a_greedy_pattern_hides_neither_quotation_marks_nor_who_speaks(folder: Path) -> None:
    asked = protocol(folder, r"pattern: '(?s).*WINNER=(?P<verdict>\w+)'")
    assert asked.parse("Both count.\nWINNER=B", 2).verdict == SIDES["B"]
    for text in ('He says "WINNER=A".', "Response 2 says WINNER=A"):
        assert not asked.parse(text, 2, ("WINNER=A", "x")).verdict.is_valid


def test_the_span_holds_the_verdict(folder: Path) -> None:
    for form, (declared, said) in FORMS.items():
        text = f"It is right.\n{said.format('B')}\n"
        parsed = protocol(folder, declared).parse(text, 2)
        assert parsed.span is not None
        assert "B" in text[slice(*parsed.span)], form


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("unit", UNITS)
def test_no_text_takes_a_form_long(form: str, unit: str, folder: Path) -> None:
    asked, said = protocol(folder, FORMS[form][0]), FORMS[form][1].format("B")
    for repeated in (unit, said + unit):
        text = (repeated * 16_000)[:16_000] + "!"
        start = time.thread_time()
        asked.parse(text, 2)
        assert time.thread_time() - start < 1.5


def test_a_pattern_that_takes_too_long_is_refused_or_gives_no_verdict() -> None:
    with pytest.raises(ArgumentError, match=r"the pattern takes too long on 'aaa'"):
        check_form(AnswerForm("pattern", r"(a+)+\$(?P<verdict>x)"))
    unchecked = FormParser(AnswerForm("pattern", r"(b+)+$(?P<verdict>x)"), ReadContent("preference"))
    start = time.thread_time()
    assert unchecked("b" * 10_000 + "!", 2).verdict.reason == "unreadable answer (PatternTimeoutError)"
    assert time.thread_time() - start < 4 * PATTERN_SECONDS


def test_a_judgment_is_made_in_canonical_coordinates(folder: Path) -> None:
    item = Item("1", "Which?", (Response("a"), Response("b")))
    judgment = protocol(folder, "tag: pick").judge(item, "BA", "<pick>A</pick>")
    assert judgment.verdict == SIDES["B"]
    assert json.loads(json.dumps(judgment.to_record()))["read_as"] == "answer tag"

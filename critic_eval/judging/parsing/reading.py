r"""From statements found in a critic's answer to one verdict: whose words they are, which decides, do they agree.

The parsers of each kind find *statements* ("The better response: [first]") in the *answer* (see `answer`), `evidence`
tells which of them are the critic's own and meant, and this module decides among these:

1. **Place before form.** A container that opens or ends the answer (`<answer>`, `\boxed{}`, a JSON object) outranks
   all else, then a label that sums up ("Overall Judgment:"), then a label or a bare choice where the protocol asks for
   the verdict: at the opening of a verdict-first answer, at the end of a verdict-last one. Then come containers in the
   middle, sentences at that place, and labels and sentences anywhere (`_Precedence`). Of equals, the first counts for
   a verdict-first protocol, the last for a verdict-last one. A verdict on one criterion is not one on the whole.
2. **Contradictions are invalid.** If the sentence that decides holds another own statement with a different verdict, or
   two containers or two labels differ and nothing between takes the first one back, there is no verdict.
3. **An echo never wins against the critic's own words.** Where what decides repeats a verdict that a shown text states,
   and the critic elsewhere states another in its own words, the two can't be told apart, and there is no verdict.

Every repetition in the patterns that feed this module is bounded, so that reading is linear in the answer's length.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum, auto

from critic_eval.judging.parsing.answer import Answer, Marks, find_answer
from critic_eval.judging.parsing.evidence import Evidence
from critic_eval.judging.parsing.places import VerdictPosition, sentence_bounds
from critic_eval.judging.parsing.quotations import words_of
from critic_eval.judging.parsing.statements import Form, Statement, Weight
from critic_eval.judging.verdicts import CONTRADICTORY, NOTHING, Invalid, Verdict

__all__ = ["Finder", "Parsed", "read", "read_answer"]

UNREADABLE = "unreadable answer"
ONLY_QUOTED = "verdict only in quoted text"
COPIED = "answer copies a shown text"

Finder = Callable[[str, VerdictPosition], Iterable[Statement]]
"""Finds statements in an answer, in any order; one that lies inside another is ignored."""


@dataclass(frozen=True)
class Parsed:
    """What a parser read: the verdict in presented coordinates, where in the raw text it stands, and how it is said."""

    verdict: Verdict
    span: tuple[int, int] | None = None
    read_as: Form | None = None


def read(
    raw: str,
    find: Finder,
    position: VerdictPosition,
    shown: Sequence[str] = (),
    marks: Sequence[Marks] = (),
    opening_binds: bool = False,
) -> Parsed:
    """The verdict of a raw text, by the module's rules. Never raises.

    Args:
        raw: the critic's whole text.
        find: finds the statements of the kind that is asked for.
        position: where the protocol asks for the verdict.
        shown: texts that the critic was shown and may repeat.
        marks: pairs that open and close a thought, besides those that `find_answer` knows.
        opening_binds: whether nothing that follows outranks a label that opens the answer.
    """
    return read_answer(find_answer(raw, shown, marks), find, position, shown, opening_binds)


def read_answer(
    answer: Answer, find: Finder, position: VerdictPosition, shown: Sequence[str] = (), opening_binds: bool = False
) -> Parsed:
    """The verdict of an answer that has been found already; takes the arguments of `read`. Never raises."""
    if answer.reason is not None:
        return Parsed(Invalid(answer.reason))
    try:
        return _decide(answer, find, position, shown, opening_binds)
    except (ValueError, ArithmeticError, LookupError, RecursionError) as error:
        # The journal holds the answer: raised here, an error would come back at every resume.
        return Parsed(Invalid(f"{UNREADABLE} ({type(error).__name__})"))


def _decide(
    answer: Answer, find: Finder, position: VerdictPosition, shown: Sequence[str] = (), opening_binds: bool = False
) -> Parsed:
    text = answer.text
    statements = _outermost(find(text, position))
    if not statements:
        return Parsed(Invalid(NOTHING))
    evidence = Evidence(text, position, shown, lambda shown_text: _stated(shown_text, find, position))
    believed, is_quoted = _own(evidence, statements)
    if not believed:
        return Parsed(Invalid(ONLY_QUOTED if is_quoted else NOTHING))
    whole = [statement for statement in believed if statement.weight < Weight.CRITERION]
    if not whole:
        return Parsed(Invalid(NOTHING))  # but on single criteria
    precedences = [_precedence(evidence, statement, position, opening_binds) for statement in whole]
    best = min(precedences)
    candidates = [statement for statement, precedence in zip(whole, precedences, strict=True) if precedence == best]
    decisive = candidates[0] if position == "first" else candidates[-1]
    if _is_copy(text, decisive, shown):
        return Parsed(Invalid(COPIED))
    rivals = _rivals(text, decisive, believed) + _answered_otherwise(evidence, decisive, whole)
    if best > _Precedence.OPENING:
        rivals += _labels_elsewhere(evidence, decisive, whole)
    if any(rival.verdict != decisive.verdict for rival in rivals):
        both = [decisive, *rivals]
        span = answer.raw_span(min(rival.start for rival in both), max(rival.end for rival in both))
        return Parsed(Invalid(CONTRADICTORY), span)
    start, end = decisive.said if decisive.form == "json" else (decisive.start, decisive.end)
    return Parsed(decisive.verdict, answer.raw_span(start, end), decisive.form)


_WORD = re.compile(r"\w")


def _labels_elsewhere(evidence: Evidence, decisive: Statement, whole: Sequence[Statement]) -> list[Statement]:
    """Labels like the one that decides, which nothing between takes back."""
    if decisive.form not in _LABELS or (decisive.form == "closing label" and evidence.opens(decisive)):
        return []
    taken_back = [match.start() for match in _TAKES_BACK.finditer(evidence.text)]

    def stands(label: Statement) -> bool:
        first, last = min(label.start, decisive.start), max(label.end, decisive.end)
        return bisect_left(taken_back, first) == bisect_left(taken_back, last)

    alike = [
        statement
        for statement in whole
        if statement.form == decisive.form or (statement.form in _LABELS and evidence.opens(statement))
    ]
    return [statement for statement in alike if stands(statement)]


_LABELS = ("closing label", "label", "brackets")
_TAKES_BACK = re.compile(
    r"\b(?:wait|actually|reflection|correct(?:ion|ed)|reconsider\w*|revis\w+|updat\w+|second thoughts?|mistaken?"
    r"|sorry|mixed|swapped"
    r"|initial(?:ly)?|at first|first (?:impression|glance|thought)|on balance|looking again|let me|no(?=[,.!])|hmm"
    r"|instead|draft\w*"
    r"|preliminar\w+|tentative\w*|i would change|changing|change my|finally|in the end|after all|but then)(?!\w)",
    re.IGNORECASE,
)


def _stated(text: str, find: Finder, position: VerdictPosition) -> set[Verdict]:
    # "first" or "7" alone is hardly ever a verdict, unless it stands where one is asked for.
    statements = find(find_answer(text).text, position)
    return {
        statement.verdict
        for statement in statements
        if statement.verdict.is_valid and statement.form not in ("alone", "fraction")
    }


def _own(evidence: Evidence, statements: Sequence[Statement]) -> tuple[list[Statement], bool]:
    """The statements that are the critic's own and meant, and whether others are somebody else's words."""
    believed, is_quoted = [], False
    for statement in statements:
        if evidence.is_quoted(statement):
            is_quoted = True
            continue
        if evidence.is_attributed(statement) or _is_echoed(evidence, statement):
            is_quoted = True
        elif not evidence.is_unmeant(statement):
            believed.append(statement)
    # An answer may well say nothing outside of the object or the tag that it was asked for.
    readable = [statement for statement in believed if statement.verdict.is_valid or not statement.is_container]
    return readable or believed, is_quoted


def _is_echoed(evidence: Evidence, statement: Statement) -> bool:
    if not evidence.is_echo(statement):
        return False
    if evidence.is_at_place(statement) or evidence.opens(statement):
        return evidence.is_announced(statement)
    return evidence.is_literal(statement) or evidence.is_told(statement)


class _Precedence(IntEnum):
    """What decides, of statements that differ: the least."""

    OPENING = auto()
    """What opens an answer and binds."""
    CONTAINER = auto()
    CLOSING_LABEL = auto()
    FORM_AT_PLACE = auto()
    CONTAINER_WITHIN = auto()
    """In the middle it may hold the critic's own answer to the question."""
    SENTENCE_AT_PLACE = auto()
    FORM = auto()
    SENTENCE = auto()
    CONCEDED = auto()


def _precedence(
    evidence: Evidence, statement: Statement, position: VerdictPosition, opening_binds: bool
) -> _Precedence:
    binds = statement.form == "closing label" or (opening_binds and not statement.is_sentence)
    if binds and position == "first" and evidence.opens(statement):
        return _Precedence.OPENING
    if statement.weight == Weight.CONCEDED:
        return _Precedence.CONCEDED
    is_at_place = evidence.is_at_place(statement)
    if statement.is_container:
        is_outside = is_at_place or evidence.opens(statement)
        return _Precedence.CONTAINER if is_outside else _Precedence.CONTAINER_WITHIN
    if statement.form == "closing label":
        return _Precedence.CLOSING_LABEL
    start, end = sentence_bounds(evidence.text, statement.start, statement.end)
    beyond = _WORD.search(evidence.text, 0, start) if position == "first" else _WORD.search(evidence.text, end)
    is_said = statement.form in ("sentence", "fraction")
    if is_at_place or not beyond:
        return _Precedence.SENTENCE_AT_PLACE if is_said else _Precedence.FORM_AT_PLACE
    return _Precedence.SENTENCE if is_said else _Precedence.FORM


def _rivals(text: str, decisive: Statement, believed: Sequence[Statement]) -> list[Statement]:
    """Own statements beside the one that decides: in its sentence, or for a container the other containers."""
    if decisive.is_container:
        return [statement for statement in believed if statement.is_container]
    start, end = sentence_bounds(text, decisive.start, decisive.end)
    beside = [statement for statement in believed if start <= statement.start < end and not statement.is_container]
    if decisive.form == "closing label":  # "…, though the other is better in clarity" takes nothing back from it
        return [statement for statement in beside if statement.weight == Weight.PLAIN]
    return beside


def _answered_otherwise(evidence: Evidence, decisive: Statement, whole: Sequence[Statement]) -> list[Statement]:
    """For an echo: what the critic states in words of its own."""
    if not evidence.is_echo(decisive):
        return []
    return [statement for statement in whole if statement.weight == Weight.PLAIN and not evidence.is_echo(statement)]


def _outermost(statements: Iterable[Statement]) -> list[Statement]:
    kept: list[Statement] = []
    for statement in sorted(statements, key=lambda item: (item.start, -item.end, not item.is_container)):
        if not kept or statement.end > kept[-1].end:
            kept.append(statement)
    return kept if len(kept) <= 2 * _MOST else kept[:_MOST] + kept[-_MOST:]


_MOST = 100
"""Statements that are looked at from either end; an answer with more of them goes in circles."""


def _is_copy(text: str, decisive: Statement, shown: Sequence[str]) -> bool:
    words = words_of(text)
    if not (_WORD.search(text, 0, decisive.start) or _WORD.search(text, decisive.end)) and (
        decisive.form != "json" or words.count(" ") < _SAYS_MORE
    ):
        return False  # nothing but the verdict
    return any(words in words_of(part) for part in shown)


_SAYS_MORE = 6
"""Words and one, from which on an object or a tag holds more than a verdict."""

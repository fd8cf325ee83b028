"""From statements found in a critic's answer to one verdict: whose words they are, which decides, do they agree.

The parsers of each kind find *statements* ("The better response: [first]") and this module decides among them:

1. **Quotes are not verdicts.** A statement is somebody else's words when it lies inside quotation marks, a code span or
   a `>` block quote; when a report introduces it ("The second response says …"); or when its words also stand in a text
   that the critic was shown (a response, the question). Text is compared without regard to case and spacing.
2. **The decisive place is the critic's own.** A verdict-first answer opens with its verdict, a verdict-last answer ends
   with it on a line of its own, or behind a cue such as "Overall Judgment:" or "My final verdict is", after a finished
   sentence. A statement there counts even if a response holds the same words; otherwise any response could void the
   verdicts against it just by containing them. Still void are a statement in quotation marks, an answer that is nothing
   but a copy of a shown text that says more than the verdict, and a last line (with its cue) that a shown text holds
   together with the word before it. Where a response *is* exactly "The better
   response: [first]" and so is the answer, the two can't be told apart, and the answer stands.
3. **Rank, then place.** Of the critic's own statements the strongest rank counts (a labeled form beats prose); among
   these the first for a verdict-first protocol, the last for a verdict-last one.
4. **Contradictions are invalid.** If the sentence that decides holds another own statement of the same rank and a
   different value, there is no verdict. Later (or earlier) sentences don't matter.

Every repetition in the patterns that feed this module is bounded, so that reading is linear in the answer's length.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from critic_eval.judging.quoting import fold, quoted_spans
from critic_eval.judging.verdicts import Verdict

VerdictPosition = Literal["first", "last"]

EMPTY = "empty answer"
NOTHING = "no verdict found"
ONLY_QUOTED = "verdict only in quoted text"
COPIED = "answer copies a shown text"
CONTRADICTORY = "contradictory verdicts"


@dataclass(frozen=True)
class Parsed:
    """What a parser read: the verdict in presented coordinates and where in the answer it stands."""

    verdict: Verdict
    span: tuple[int, int] | None = None


@dataclass(frozen=True)
class Statement:
    """One place in an answer that reads as a verdict, text[start:end].

    `core` is where its necessary words begin ("final" is optional in "final score: 85"); rank 0 is the strongest.
    """

    start: int
    end: int
    verdict: Verdict
    rank: int
    core: int


def decide(text: str, found: Iterable[Statement], position: VerdictPosition, shown: Sequence[str] = ()) -> Parsed:
    """The verdict of an answer, by the module's four rules. Never raises.

    Args:
        text: The critic's answer.
        found: Statements in it, in any order; one that lies inside another is ignored.
        position: Where the protocol asks for the verdict.
        shown: Texts that the critic was shown and may repeat.
    """
    if not text.strip():
        return Parsed(Verdict.invalid(EMPTY))
    statements = _outermost(found)
    if not statements:
        return Parsed(Verdict.invalid(NOTHING))
    known = [fold(part) for part in shown]
    own = _own(text, statements, position, known)
    if not own:
        return Parsed(Verdict.invalid(ONLY_QUOTED))
    strongest = min(statement.rank for statement in own)
    candidates = [statement for statement in own if statement.rank == strongest]
    decisive = candidates[0] if position == "first" else candidates[-1]
    if _is_copy(text, decisive, known):
        return Parsed(Verdict.invalid(COPIED))
    start, end = sentence_bounds(text, decisive.start, decisive.end)
    beside = [statement for statement in candidates if start <= statement.start < end]
    if any(statement.verdict != decisive.verdict for statement in beside):
        return Parsed(Verdict.invalid(CONTRADICTORY), (beside[0].start, beside[-1].end))
    return Parsed(decisive.verdict, (decisive.start, decisive.end))


def at_decisive_place(text: str, start: int, end: int, position: VerdictPosition) -> bool:
    """Whether text[start:end] opens the answer ("first") or ends it alone or behind a cue ("last"), markup aside.

    The end counts only after a finished sentence: "The response reads:" announces a quote.
    """
    if position == "first":
        return not _WORD.search(text, 0, start)
    if _WORD.search(text, end):
        return False
    start = _cue_start(text, start)
    line = text.rfind("\n", 0, start) + 1
    above = text[: start if _WORD.search(text, line, start) else line].rstrip(" \t\n*_#")
    return not above or _FINISHED.search(above, max(0, len(above) - 4)) is not None


def sentence_bounds(text: str, start: int, end: int) -> tuple[int, int]:
    """Bounds of the sentence that holds text[start:end], up to 400 characters to each side.

    >>> text = "No. Score: 8.5 here! Yes."
    >>> text[slice(*sentence_bounds(text, 4, 14))].strip()
    'Score: 8.5 here!'
    """
    before = [match.end() for match in _SENTENCE_END.finditer(text, max(0, start - _NEAR), start)]
    after = _SENTENCE_END.search(text, max(start, end - 1), end + _NEAR)
    return (before[-1] if before else max(0, start - _NEAR)), (after.end() if after else min(len(text), end + _NEAR))


_NEAR = 400
_FINISHED = re.compile(r"[.!?…。][\"'”’»)\]*_]{0,3}\Z")
_WORD = re.compile(r"\w")
# A full stop inside a number or an abbreviation has no space after it; a closing quote or markup may come between.
_SENTENCE_END = re.compile(r"[.!?][\"'”’)\]*_]{0,3}(?=\s|\Z)|\n")
# Third person only: "I'd say" and "this suggests" introduce the critic's own opinion.
_REPORT = re.compile(
    r"\b(?:says|said|claims|claimed|states|stated|asserts|asserted|insists|declares|writes|wrote|reads|argues|demands"
    r"|asks|tells|instructs|contains|includes|quotes|repeats|ends|begins|starts)\b",
    re.IGNORECASE,
)
# A few words may come between the verb and what is reported, but no comma or conjunction, after which a clause of the
# critic's own begins.
_TO_REPORTED = re.compile(r"(?:[^\w,;]{1,4}(?!(?:and|but|so|while|because)\b)\w{1,20}){0,4}[^\w;]{0,6}", re.IGNORECASE)
_REPORT_REACH = 120


# What may stand between the last sentence and the verdict; "So the overall score is 3." before "[RESULT] 3" is one.
_CUE = re.compile(
    r"(?:\b(?:so|therefore|thus|hence|finally|overall|in conclusion|in summary)\b,?[ ]{1,2})?(?:\b(?:the|my)[ ])?"
    r"(?:\b(?:final|overall)[ ])?\b(?:verdict|judge?ment|decision|choice|evaluation|conclusion|ranking|score|rating)"
    r"(?:[ ](?:is|would be))?(?:[ ][0-9]{1,3}(?:\.[0-9]{1,2})?\.)?[*_\"']{0,4}[ ]{0,2}[:：]?[*_\s]{0,6}\Z",
    re.IGNORECASE,
)
_CUE_REACH = 80


def _cue_start(text: str, start: int) -> int:
    """Where the cue before a final statement begins, or the statement itself where there is none."""
    near = max(0, start - _CUE_REACH)
    cue = _CUE.search(text[near:start])
    return start if cue is None else near + cue.start()


def _outermost(found: Iterable[Statement]) -> list[Statement]:
    kept: list[Statement] = []
    for statement in sorted(found, key=lambda item: (item.start, -item.end)):
        if not kept or statement.end > kept[-1].end:
            kept.append(statement)
    return kept


def _own(
    text: str, statements: Sequence[Statement], position: VerdictPosition, shown: Sequence[str]
) -> list[Statement]:
    quotes = quoted_spans(text)
    reports = [match.end() for match in _REPORT.finditer(text)]
    known: dict[str, bool] = {}
    own = []
    next_quote = 0
    for statement in statements:
        while next_quote < len(quotes) and quotes[next_quote][1] < statement.end:
            next_quote += 1
        if next_quote < len(quotes) and quotes[next_quote][0] <= statement.core:
            continue
        decisive = at_decisive_place(text, statement.start, statement.end, position)
        if not decisive or (position == "last" and _continues(text, statement, shown)):
            words = _comparable(text[statement.core : statement.end])
            if words not in known:
                known[words] = any(words in part for part in shown)
            if known[words] or _is_reported(text, statement.start, reports):
                continue
        own.append(statement)
    return own


def _continues(text: str, last: Statement, shown: Sequence[str]) -> bool:
    """Whether the word before the last line is a shown text's too: an answer can well end in a quote of many lines."""
    word_end = _cue_start(text, last.start)
    while word_end and not text[word_end - 1].isalnum():
        word_end -= 1
    word = word_end
    while word and text[word - 1].isalnum():
        word -= 1
    words = _comparable(text[word : last.end])
    return word < word_end and any(words in part for part in shown)


def _comparable(words: str) -> str:
    # A closing bracket or stop may belong to the sentence around the quote.
    return fold(words).rstrip("].,;:!?*_ ")


def _is_reported(text: str, start: int, reports: Sequence[int]) -> bool:
    latest = bisect_right(reports, start) - 1
    if latest < 0 or reports[latest] < start - _REPORT_REACH:
        return False
    between = text[reports[latest] : start].rstrip()
    return not _SENTENCE_END.search(between) and _TO_REPORTED.fullmatch(between) is not None


def _is_copy(text: str, decisive: Statement, shown: Sequence[str]) -> bool:
    if not (_WORD.search(text, 0, decisive.start) or _WORD.search(text, decisive.end)):
        return False  # nothing but the verdict
    words = fold(text)
    return any(words in part for part in shown)

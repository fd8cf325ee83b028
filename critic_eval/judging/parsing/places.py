"""Places in an answer: lines, sentences, and where a protocol asks for the verdict."""

import re
from typing import Literal

VerdictPosition = Literal["first", "last"]


def stands_at(text: str, start: int, end: int, position: VerdictPosition) -> bool:
    """Whether text[start:end] opens the answer ("first") or ends it ("last"), alone or behind words that lead in to it.

    The end counts only where it begins a line or comes after a finished sentence, and what is above does not go on in
    it: "The response reads:" announces a quote.
    """
    if position == "first":
        return not _WORD.search(text, 0, lead_in(text, start))
    if _WORD.search(text, end):
        return False
    start = lead_in(text, start)
    line = text.rfind("\n", 0, start) + 1
    if _WORD.search(text, line, start):
        return _is_finished(text[max(0, start - _NEAR) : start].rstrip(_MARKUP))
    above = text[max(0, line - _NEAR) : line]
    finished = above.rstrip(_MARKUP)
    if not finished or _is_finished(finished) or ends_in_own_cue(finished):
        return True
    return not _DANGLING.search(finished.rstrip(_MARKUP + ")]}"))


def sentence_bounds(text: str, start: int, end: int) -> tuple[int, int]:
    """Bounds of the sentence that holds text[start:end], up to 400 characters to each side.

    >>> text = "No. Score: 8.5 here! Yes."
    >>> text[slice(*sentence_bounds(text, 4, 14))].strip()
    'Score: 8.5 here!'
    """
    before = [match.end() for match in _SENTENCE_END.finditer(text, max(0, start - _NEAR), start)]
    after = _SENTENCE_END.search(text, max(start, end - 1), end + _NEAR)
    return (before[-1] if before else max(0, start - _NEAR)), (after.end() if after else min(len(text), end + _NEAR))


def line_bounds(text: str, at: int) -> tuple[int, int]:
    """Bounds of the line that holds a place, without its end."""
    end = text.find("\n", at)
    return text.rfind("\n", 0, at) + 1, len(text) if end < 0 else end


def sentence_before(text: str, at: int) -> str:
    """The sentence, or the line, that ends before a place; empty at the beginning."""
    above = text[max(0, at - _NEAR) : at].rstrip().rstrip("\"'“‘`*_#[(|").rstrip()
    ends = [match.end() for match in _SENTENCE_END.finditer(above, 0, max(0, len(above) - 3))]
    return above[ends[-1] if ends else 0 :].strip()


def lead_in(text: str, start: int) -> int:
    """Where the words begin that lead in to a verdict at `start` and say nothing themselves ("So my final verdict is").

    >>> text = "It is fine. So the overall score is 1. [RESULT] 1"
    >>> text[lead_in(text, text.index("[RESULT]")):]
    'So the overall score is 1. [RESULT] 1'
    """
    near = max(0, start - _LEAD_REACH)
    sentence_start = begins = start
    for token in reversed(list(_TOKEN.finditer(text, near, start))):
        if token["word"]:
            if token["word"].casefold() not in _LEADING and not token["word"].isdigit():
                return sentence_start  # a sentence that says something leads in to nothing
            begins = token.start()
        elif token["boundary"]:
            sentence_start = begins
    return begins if near == 0 else sentence_start


def ends_in_own_cue(text: str) -> bool:
    """Whether a text ends in a colon behind what announces the critic's own verdict.

    >>> ends_in_own_cue("Given all that, the final verdict is:"), ends_in_own_cue("Response A's verdict is:")
    (True, False)
    """
    return _OWN_CUE.search(text) is not None


_NEAR = 400
_LEAD_REACH = 160
_WORD = re.compile(r"\w")
_MARKUP = " \t\n*_#\"'`“‘([{-–—"
_FINISHED = re.compile(r"[.!?…。！？][\"'”’»)\]}*_`]{0,4}\Z")
# A line that ends in one of these goes on in what follows.
_DANGLING = re.compile(
    r"(?:\b(?:is|are|was|were|be|been|says|said|say|reads|writes|wrote|states|with|of|to|that|the|an?|and|as|by|from|in"
    r"|for|this|these|namely|like|quote|follows)|[:：,;=>|(\[{])\Z",
    re.IGNORECASE,
)
_OWN_CUE = re.compile(
    r"(?:\A|[\n.,;:][ \t*_#]{0,4}|\n)(?:(?:so|thus|therefore|hence)[, ]{1,2})?(?:my|the)[ ](?:(?:final|overall)[ ])?"
    r"(?:verdict|judge?ment|decision|choice|evaluation|conclusion|ranking|score|rating)(?:[ ](?:is|would be))?"
    r"(?:[ ]as follows)?[*_]{0,2}[:：][*_]{0,2}\Z",
    re.IGNORECASE,
)
# A full stop inside a number or an abbreviation has no space after it; a closing quote or markup may come between.
_SENTENCE_END = re.compile(r"[.!?][\"'”’)\]*_]{0,3}(?=\s|\Z)|[。！？][\"'”’)\]*_]{0,3}|\n")
_TOKEN = re.compile(r"(?P<word>[0-9]+(?:\.[0-9]+)?|[^\W\d_]+)|(?P<boundary>[.!?。！？](?=\s|\Z)|[。！？\n])")
_LEADING = frozenset(
    "so therefore thus hence finally overall ultimately accordingly in conclusion summary to conclude the end based on"
    " this above all my analysis evaluation final verdict judgment judgement decision choice ranking score scores"
    " rating rank assessment result total is would be i choose pick select prefer give it rate assign a an as that best"
    " better one here sure okay ok feedback 最终 总体 综合 判断 结论 评分 最终判断".split()
)


def _is_finished(text: str) -> bool:
    return _FINISHED.search(text, max(0, len(text) - 6)) is not None

"""Whose words a statement in a critic's answer is, and whether it is meant: quoted, reported, denied, supposed, echoed.

A sentence, a list item or a paragraph is as far as any of this reaches: neither a response nor a careless mark can void
a verdict that stands elsewhere. What the critic was shown is compared without case, spacing, markup and punctuation. A
statement in shown words, or one whose verdict a shown text states in other words, is an *echo*: it may be a quotation
that nothing marks as one, and is believed only where it stands at the place of the critic's own verdict and nothing
around it announces somebody's words.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Collection, Sequence
from functools import cached_property

from critic_eval.judging.parsing.attribution import (
    ASKS,
    BACK_REFERENCE,
    BY_WORD,
    MENTION,
    NAMES_RESPONSE,
    OWN,
    REPORT,
    REPORT_LINE,
    SAID_AFTER,
    SIGNED,
    SPEAKER,
    TELLS,
    TITLE,
    TO_REPORTED,
    announces,
)
from critic_eval.judging.parsing.meaning import is_unmeant
from critic_eval.judging.parsing.places import (
    VerdictPosition,
    lead_in,
    line_bounds,
    sentence_before,
    sentence_bounds,
    stands_at,
)
from critic_eval.judging.parsing.quotations import block_spans, fold, marked_spans, merged, words_of
from critic_eval.judging.parsing.statements import Statement
from critic_eval.judging.verdicts import Verdict


class Evidence:
    """What stands around the statements of one answer.

    Args:
        text: the answer, as `find_answer` gives it.
        position: where the protocol asks for the verdict.
        shown: texts that the critic was shown.
        stated_in: the verdicts that a shown text itself states, in whatever words.
    """

    def __init__(
        self,
        text: str,
        position: VerdictPosition,
        shown: Sequence[str],
        stated_in: Callable[[str], Collection[Verdict]],
    ) -> None:
        self.text = text
        self.position = position
        self.shown = shown
        self.stated_in = stated_in
        self._blocks = merged(block_spans(text))
        self._marked = marked_spans(text)
        self._literal: dict[str, bool] = {}
        self._at_place: dict[Statement, bool] = {}

    def is_at_place(self, statement: Statement) -> bool:
        """Whether it is where the protocol asks for the verdict, by itself or behind words that lead in to it.

        A label that sums up, and a container, are in their place at the beginning of an answer, too.
        """
        if statement not in self._at_place:
            start, end = self._with_marks(statement)
            sums_up = statement.is_container or statement.form == "closing label"
            self._at_place[statement] = (
                stands_at(self.text, start, end, self.position)
                or self._concludes(start, end)
                or (sums_up and stands_at(self.text, start, end, "first"))
            )
        return self._at_place[statement]

    def _concludes(self, start: int, end: int) -> bool:
        """Whether it ends the answer's last sentence behind a reason: "Since both are right, my verdict is [[C]]"."""
        if self.position == "first" or _WORD.search(self.text, end):
            return False
        before = self.text[sentence_bounds(self.text, start, end)[0] : start]
        is_reasoned = before.rstrip().endswith((",", "，")) and _REASON.match(before)
        return bool(is_reasoned) and not ASKS.search(before)

    def is_quoted(self, statement: Statement) -> bool:
        """Whether marks make it somebody else's words.

        Quotation marks, backticks and fences do so except at the place of the verdict, where prompts show it in them.
        """
        is_set_apart = _within(self._blocks, statement.core, statement.core + 1)
        if not is_set_apart and not any(
            start <= statement.core and statement.end <= end for start, end in self._around(statement)
        ):
            return False
        if statement.is_container:  # a fence is how an object is shown
            holds_more = any(
                _WORD.search(self.text, start, statement.start)
                for start, _ in self._around(statement)
                if start < statement.start
            )
            return self.is_echo(statement) and (holds_more or not self.is_at_place(statement))
        is_alone = not _WORD.search(self.text, 0, statement.start) and not _WORD.search(self.text, statement.end)
        if self.position == "first" and is_alone:
            return True  # nothing but a quotation
        is_code = is_set_apart or any(
            self.text.startswith(("```", "~~~"), start) for start, _ in self._around(statement)
        )
        return (is_code and self.is_echo(statement)) or not self.is_at_place(statement)

    def opens(self, statement: Statement) -> bool:
        """Whether the answer begins with it, whatever the protocol asks for."""
        return stands_at(self.text, *self._with_marks(statement), "first")

    def is_attributed(self, statement: Statement) -> bool:
        """Whether its own sentence says that somebody else says it."""
        start, end = sentence_bounds(self.text, statement.start, statement.end)
        before, after = self.text[start : statement.start], self.text[statement.end : end]
        if SAID_AFTER.match(after) or BY_WORD.search(before):
            return True
        if self._is_introduced(statement):
            return True
        reported = [match.end() for match in REPORT.finditer(before)]
        return bool(reported) and TO_REPORTED.fullmatch(before[reported[-1] :]) is not None

    def is_unmeant(self, statement: Statement) -> bool:
        """Whether its sentence denies, asks, supposes or gives as an example what it says."""
        return is_unmeant(self.text, statement.start, statement.end, statement.is_sentence)

    def is_literal(self, statement: Statement) -> bool:
        """Whether a shown text holds its words."""
        words = self.text[slice(*statement.said)]
        if words not in self._literal:
            self._literal[words] = self._stands_in_shown(words)
        return self._literal[words]

    def is_echo(self, statement: Statement) -> bool:
        """Whether a shown text holds its words, or states the same verdict in others."""
        return bool(self.shown) and (self.is_literal(statement) or statement.verdict in self._stated)

    def is_announced(self, statement: Statement) -> bool:
        """Whether the sentence before or after an echo announces somebody's words, or the quotation goes on there."""
        start, end = sentence_bounds(self.text, statement.start, statement.end)
        if TELLS.search(self.text, statement.end, end) or self._continues(statement):
            return True
        begins = min(start, lead_in(self.text, self._with_marks(statement)[0]))
        line, line_end = line_bounds(self.text, begins)[0], line_bounds(self.text, statement.end)[1]
        above = self.text[line_bounds(self.text, line - 1)[0] : line] if line else ""
        if above.lstrip().startswith(">") or self.text.startswith(">", line):
            return True  # a line that goes on with a block quote
        if any(SIGNED.match(self.text, at, line_end) for at in (statement.end, end)) or SPEAKER.match(
            self.text, line, statement.start
        ):
            return True
        if BACK_REFERENCE.match(self.text[end : end + 200].lstrip()):
            return True
        before = sentence_before(self.text, begins)
        return announces(before) or self._holds_line(before)

    def is_told(self, statement: Statement) -> bool:
        """Whether an echo away from its place is told of, and not meant: by its sentence, its line, or what is around.

        Labels away from their place are, unless the critic speaks of itself; sentences are where anybody is said to
        speak.
        """
        start, end = sentence_bounds(self.text, statement.start, statement.end)
        around = f"{self.text[start : statement.start]} … {self.text[statement.end : end]}"
        line = self.text[slice(*line_bounds(self.text, statement.start))]
        if TELLS.search(around) or SPEAKER.match(line) or line.lstrip().startswith("|"):
            return True
        titles = TITLE.findall(self.text, max(0, start - _SECTION), start)
        if titles and NAMES_RESPONSE.search(titles[-1]):
            return True
        return self.is_announced(statement) or not (statement.is_sentence or OWN.search(around))

    @cached_property
    def _stated(self) -> set[Verdict]:
        return {verdict for text in self.shown for verdict in self.stated_in(text)}

    @cached_property
    def _folded(self) -> list[str]:
        return [fold(text) for text in self.shown]

    @cached_property
    def _words(self) -> list[str]:
        return [words_of(text) for text in self.shown]

    def _stands_in_shown(self, words: str) -> bool:
        folded = fold(words).rstrip("].,;:!?*_ ")
        if any(folded in text for text in self._folded):
            return True
        alone = words_of(words)
        return bool(_LONG_WORD.search(alone)) and any(alone in text for text in self._words)

    def _around(self, statement: Statement) -> list[tuple[int, int]]:
        last = bisect_right(self._marked, (statement.core, len(self.text)))
        return [span for span in self._marked[max(0, last - _NEAR_MARKS) : last] if span[1] > statement.core]

    def _with_marks(self, statement: Statement) -> tuple[int, int]:
        """The statement with the quotation marks or the fence around it and what they hold besides."""
        start, end = statement.start, statement.end
        for span in self._around(statement):
            if statement.end <= span[1]:
                start, end = min(start, span[0]), max(end, span[1])
        return start, end

    def _is_introduced(self, statement: Statement) -> bool:
        """Whether the line above ends in a report and a colon: "The second response says:"."""
        line = line_bounds(self.text, statement.start)[0]
        if _WORD.search(self.text, line, statement.start) or OWN.search(self.text, statement.start, statement.end):
            return False
        above = self.text[max(0, line - 200) : line].rstrip()
        return REPORT_LINE.search(above) is not None and OWN.search(sentence_before(above, len(above))) is None

    def _continues(self, statement: Statement) -> bool:
        """Whether a shown text has the same words before it, or eight after it: then the quotation is a longer one.

        The last three words of the sentence before it tell that, or one where that sentence speaks of a response or has
        only its line broken.
        """
        if self.position == "last":
            at = lead_in(self.text, statement.start)
            before = sentence_before(self.text, at)
            is_broken = before[-1:].isalnum() and self.text[:at].rstrip(" \t").endswith(f"{before[-1:]}\n")
            words = _WORDS_AHEAD.findall(before)[-1 if is_broken or MENTION.search(before) else -3 :]
            return bool(words) and self._run_is_shown(f"{' '.join(words)} {self.text[at : statement.end]}")
        return self._run_is_shown(self.text[statement.start : _after_words(self.text, statement.end, 8)], 8)

    def _run_is_shown(self, run: str, more: int = 0) -> bool:
        words = words_of(run)
        return words.count(" ") > more + 1 and any(words in text for text in self._words)

    def _holds_line(self, line: str) -> bool:
        words = words_of(line)
        return words.count(" ") > 2 and any(words in text for text in self._words)


_NEAR_MARKS = 40
_REASON = re.compile(
    r"\W{0,8}(?:so|since|given|because|as|therefore|thus|hence|overall|considering|based on|in conclusion|in summary"
    r"|taking"
    r"|after|due to|for (?:these|this|that) reasons?|all things considered|consequently|accordingly|ultimately)\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"\w")
_LONG_WORD = re.compile(r"[a-z]{4}|[^\x00-\x7f]{2}| \S [^\x00-\x7f]")
_SECTION = 1_500


def _after_words(text: str, start: int, number: int) -> int:
    for match in _WORDS_AHEAD.finditer(text, start, start + 40 * number):
        number -= 1
        if not number:
            return match.end()
    return start


_WORDS_AHEAD = re.compile(r"[^\W_]+")


def _within(spans: Sequence[tuple[int, int]], start: int, end: int) -> bool:
    at = bisect_right(spans, (start, 1 << 60)) - 1
    return at >= 0 and spans[at][0] <= start and end <= spans[at][1]

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

from critic_eval.judging.places import (
    VerdictPosition,
    ends_in_own_cue,
    lead_in,
    line_bounds,
    sentence_before,
    sentence_bounds,
    stands_at,
)
from critic_eval.judging.quoting import block_spans, fold, marked_spans, merged, words_of
from critic_eval.judging.statements import Statement
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
        return bool(is_reasoned) and not _ASKS.search(before)

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
        if _SAID_AFTER.match(after) or _BY_WORD.search(before):
            return True
        if self._is_introduced(statement):
            return True
        reported = [match.end() for match in _REPORT.finditer(before)]
        return bool(reported) and _TO_REPORTED.fullmatch(before[reported[-1] :]) is not None

    def is_unmeant(self, statement: Statement) -> bool:
        """Whether its sentence denies, asks, supposes or gives as an example what it says."""
        start, end = sentence_bounds(self.text, statement.start, statement.end)
        before, after = self.text[start : statement.start], self.text[statement.end : end]
        # A quotation may stand between a verdict and a question mark that is not the sentence's.
        asks = after.rstrip(" \t\n)*_").endswith("?") or (statement.end == end and self.text[end - 1 : end] == "?")
        clause = _CLAUSE.split(before)[-1]
        return bool(
            asks
            or _IF.match(self.text, start, statement.end)
            or _WOULD.match(after)
            or _NEGATION.search(clause)
            or _DENIAL.search(before)
            or _CONCESSION.match(before)
            or _EXAMPLE.search(self.text, max(0, statement.start - 30), statement.start)
            or (not statement.is_sentence and (_CONDITION.match(after) or _SUPPOSED.search(clause)))
        )

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
        if _TELLS.search(self.text, statement.end, end) or self._continues(statement):
            return True
        begins = min(start, lead_in(self.text, self._with_marks(statement)[0]))
        line, line_end = line_bounds(self.text, begins)[0], line_bounds(self.text, statement.end)[1]
        above = self.text[line_bounds(self.text, line - 1)[0] : line] if line else ""
        if above.lstrip().startswith(">") or self.text.startswith(">", line):
            return True  # a line that goes on with a block quote
        if any(_SIGNED.match(self.text, at, line_end) for at in (statement.end, end)) or _SPEAKER.match(
            self.text, line, statement.start
        ):
            return True
        if _BACK_REFERENCE.match(self.text[end : end + 200].lstrip()):
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
        if _TELLS.search(around) or _SPEAKER.match(line) or line.lstrip().startswith("|"):
            return True
        titles = _TITLE.findall(self.text, max(0, start - _SECTION), start)
        if titles and _NAMES_RESPONSE.search(titles[-1]):
            return True
        return self.is_announced(statement) or not (statement.is_sentence or _OWN.search(around))

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
        if _WORD.search(self.text, line, statement.start) or _OWN.search(self.text, statement.start, statement.end):
            return False
        above = self.text[max(0, line - 200) : line].rstrip()
        report = _REPORT_LINE.search(above)
        return report is not None and _OWN.search(report[0]) is None

    def _continues(self, statement: Statement) -> bool:
        """Whether a shown text has the same words before it, or eight after it: then the quotation is a longer one.

        The last three words of the sentence before it tell that, or one where that sentence speaks of a response.
        """
        if self.position == "last":
            at = lead_in(self.text, statement.start)
            before = sentence_before(self.text, at)
            words = _WORDS_AHEAD.findall(before)[-1 if _MENTION.search(before) else -3 :]
            return bool(words) and self._run_is_shown(f"{' '.join(words)} {self.text[at : statement.end]}")
        return self._run_is_shown(self.text[statement.start : _after_words(self.text, statement.end, 8)], 8)

    def _run_is_shown(self, run: str, more: int = 0) -> bool:
        words = words_of(run)
        return words.count(" ") > more + 1 and any(words in text for text in self._words)

    def _holds_line(self, line: str) -> bool:
        words = words_of(line)
        return words.count(" ") > 2 and any(words in text for text in self._words)


def announces(sentence: str) -> bool:
    """Whether a sentence says that somebody's words come next.

    >>> announces("Response A is copied here for reference."), announces("Response A is wrong.")
    (True, False)
    """
    length = sentence.count(" ") + 1
    if not sentence.strip() or length > _LONG or ends_in_own_cue(sentence):
        return False
    if sentence.rstrip().endswith((":", "：")) and _MENTION.search(sentence):
        return True
    if _ANNOUNCES.search(sentence) and not (_OWN.search(sentence) and not _I_QUOTE.search(sentence)):
        return True
    is_weak = length <= _SHORT and _WEAKLY.search(sentence) and _MENTION.search(sentence)
    return bool(is_weak and not _JUDGES.search(sentence))


_NEAR_MARKS = 40
_SHORT, _LONG = 14, 30
"""Words of a sentence that announces: those that judge are longer."""
_REASON = re.compile(
    r"\W{0,8}(?:so|since|given|because|as|therefore|thus|hence|overall|considering|based on|in conclusion|in summary"
    r"|taking"
    r"|after|due to|for (?:these|this|that) reasons?|all things considered|consequently|accordingly|ultimately)\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"\w")
_LONG_WORD = re.compile(r"[a-z]{4}|[^\x00-\x7f]{2}| \S [^\x00-\x7f]")
# Third person only: "I'd say" and "this suggests" introduce the critic's own opinion.
_VERBS = (
    r"says|said|claims|claimed|states|stated|asserts|asserted|insists|declares|writes|wrote|reads|argues|demands"
    r"|asks|tells|instructs|contains|includes|quotes|repeats|ends|begins|starts"
)
_REPORT = re.compile(rf"\b(?:{_VERBS})\b", re.IGNORECASE)
# A few words may come between the verb and what is reported, but no comma or conjunction, after which a clause of the
# critic's own begins.
_TO_REPORTED = re.compile(r"(?:[^\w,;]{1,4}(?!(?:and|but|so|while|because)\b)\w{1,20}){0,4}[^\w;]{0,6}", re.IGNORECASE)
_REPORT_LINE = re.compile(rf"[^.!?\n]{{0,120}}\b(?:{_VERBS}|wrote this|says this)\b[^.!?\n:]{{0,40}}:\Z", re.I)
_SAID_AFTER = re.compile(
    r"[\"'”’)\]}`*\s]{0,4}[,(–—-]{0,2}[ ]{0,2}(?:"
    r"(?:(?:is|was|are|were|being)[ ]{1,2})?(?:exactly |just |only |merely )?what\b[^.\n]{0,60}\b"
    r"(?:says?|said|writes?|wrote|written|claims?|reads?|asks?|wants?|demands?|states?|ends)\b"
    r"|(?:(?:is|was|as)[ ]{1,2})?(?:quoted|copied|cited|taken|written|stated|claimed|said|pasted)[ ](?:from|by|in"
    r"|out)\b"
    r"|(?:says|said|writes|wrote|claims|reads|according to)[ ](?:the[ ])?(?:first|second|third|response|answer"
    r"|assistant|candidate|other)\b)",
    re.IGNORECASE,
)
_BY_WORD = re.compile(
    r"\b(?:according to|in the words of|as (?:claimed|stated|written|put|said) by|to quote|quoting)\b", re.IGNORECASE
)
_CLAUSE = re.compile(r"[,;:–—]|\b(?:but|so|however|therefore|thus|hence|yet|because|since|although|though|and)\b", re.I)
_NEGATION = re.compile(
    r"\b(?:not|never|no|nor|neither|cannot|whether|if|unless|hardly|doubt|wrong|false|incorrect|instead of|rather than"
    r"|without|far from)\b|n['’]t\b",
    re.IGNORECASE,
)
# "I don't think, however, that …": the negation of an opinion reaches over commas.
_DENIAL = re.compile(
    r"(?:\b(?:not|never|hard|difficult|impossible)|n['’]t)[ ](?:to[ ])?(?:think|believe|say|claim|mean|agree|tell|true"
    r"|convinced|sure|clear|the case)\b",
    re.IGNORECASE,
)
_CONCESSION = re.compile(r"\W{0,4}(?:although|though|even though|even if|while|whereas)\b[^,]{0,200}\Z", re.IGNORECASE)
_EXAMPLE = re.compile(
    r"(?:\b(?:for example|for instance|such as|an example(?: is| would be)?|in the form(?: of)?|in the format(?: of)?"
    r"|e\.g\.)|\bi\.e\. either)[\s:,(\"'“`]{0,6}\Z",
    re.IGNORECASE,
)
_CONDITION = re.compile(
    r"[\])\"'”’`\s]{0,4}(?:if|unless|only if|in case|would|could|might|should|must|cannot|can't|isn't|is not|is wrong"
    r"|is incorrect|is false|is too|may)\b",
    re.IGNORECASE,
)
_WOULD = re.compile(r"[\])\"'”’`\s]{0,4}(?:would|could|might) (?:require|need|mean|have|be)\b", re.IGNORECASE)
# "If we look at the sign, …" supposes nothing.
_IF = re.compile(
    r"\W{0,6}(?:if|unless|suppose|supposing|assuming|provided that)\b(?! (?:I|we) (?:had to|have to|must|look"
    r"|consider|compare|focus"
    r"|go by)| one (?:looks|considers)| forced| pressed)",
    re.IGNORECASE,
)
_SUPPOSED = re.compile(
    r"\b(?:would (?:need|require|deserve|have)|could have|might have|should have|to (?:get|reach|earn))\b", re.I
)
_MENTION = re.compile(
    r"\b(?:responses?|answers?|assistants?|candidates?|outputs?|reply|replies|models?|author|writer|student"
    r"|the (?:first|second|third|former|latter|other|last) one|one of them)\b|\A\W*(?:it|its|they|their)\b"
    r"|回答|回复|答案|助手",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r"\b(?:asks?|asked|wants?|says?|said|claims?|claimed|writes?|wrote|tells?|told|demands?|instructs?|quot\w+|cop(?:y|ies|ied)"
    r"|repeat\w*|verbatim|urges?|begs?|orders?|insists?)\b",
    re.IGNORECASE,
)
_TELLS = re.compile(
    r"\b(?:says?|said|saying|claims?|claimed|claiming|states?|stated|stating|asserts?|insists?|declares?|writes?|wrote"
    r"|written|writing|reads|demands?|asks?|asked|asking|requests?|requested|tells?|told|instructs?|orders?|commands?"
    r"|urges?|begs?|wants?|wishes|contains?|containing|includes?|including|quotes?|quoted|quoting|quotation|repeats?"
    r"|repeated|repeating|ends?|ended|ending|begins?|starts?|concludes|concluding|finishes|closes|closing|opens|opening"
    r"|copie[sd]|copy|copying|pastes?d?|reproduced?|verbatim|transcript|excerpt|inject\w*|plant(?:ed|s)?|embed\w*"
    r"|text|contents?|wording|words|lines?|sentences?|phrases?|message|note|instructions?|append\w*|prints?|echo\w*|below|above"
    r"|follow(?:s|ing)|according|speaks?|announces?|proclaims?|mentions?|remarks?|adds|attach\w*|manipulat\w+"
    r"|tr(?:y|ies|ied|ying) to|attempts?|pretends?|supposed(?:ly)?|alleged(?:ly)?|so-called|self-\w+|itself|appears"
    r"|believes?|thinks?|hopes?|suggests?|would (?:like|love)|taken|drawn"
    r"|belongs?|lifted|cited?|cites|citing|puts? it|would have me|ignor\w+|disregard\w*|(?:we|one|you|I) (?:finds?"
    r"|see|read)|from (?:response|answer"
    r"|assistant|the (?:first|second|third))|by (?:response|answer|assistant))\b|写道|声称|说|要求|引用|内容",
    re.IGNORECASE,
)
_WEAKLY = re.compile(
    r"\b(?:text|contents?|body|wording|words?|lines?|sentences?|paragraph|request|note|instructions?|message|passage"
    r"|remark|statement|section|part|end|ending|beginning|close|closing|opening|conclusion|tail|consider|look"
    r"(?:ing)? at"
    r"|recall|quoting|again|tries|attempts?|manipulat\w+|demands?|asks?|wants?|requests?|tells|instructs|urges|begs)\b|：\Z"
    r"|[:]\W{0,3}\Z|\A\W*(?:from|of|about|see|take|read|note)\b",
    re.IGNORECASE,
)
_ANNOUNCES = re.compile(
    r"\bas follows|\bwhat follows|\bfollows[.:]?\s*\Z|\bthe following[.:]?\s*\Z|\bbelow[.:]?\s*\Z|\bhere (?:is|are"
    r"|comes?|goes|stands)\b|\bhere(?:'s|’s)"
    r"|\b(?:copied|quoted|reproduced|pasted|repeated|cited|transcribed|reprinted|restated|verbatim)\b"
    r"|\bword for word\b|\bfor (?:reference|completeness|the record|context)\b|\bin full\b|\btranscript(?:ion)?\b"
    r"|\b(?:this|these)[.:]?\s*\Z|\bexcerpts?\b|\bquot(?:e|es|ation|ing)\b|\bcop(?:y|ies)\b|\bto the letter\b"
    r"|\b(?:last|final|first|closing|opening|next) (?:line|sentence|words?|paragraph|remark|statement|request)\b"
    r"|\b(?:writes?|wrote|says?|said|states?|reads?|ends?|concludes?|closes?|finishes|begins?|starts?|continues|adds?"
    r"|goes on)(?: (?:with|by|in))?(?: (?:this|these|thus|so|like this|the following|words"
    r"|saying))*[\"'”’)\]]?[.!:]?\s*\Z"
    r"|\b(?:is|are|was|were|be|the|an?|of|to|that|with|by|and|as|in|for|namely|say)[\"'“(]?\s*\Z"
    r"|^\W*(?:the )?(?:(?:start|beginning|end|text|content) of )?(?:the )?(?:response|answer|assistant|candidate)"
    r"(?: [A-Z0-9]\b)?(?:['’]s (?:response|answer|text))?\W*\Z",
    re.IGNORECASE,
)
_I_QUOTE = re.compile(
    r"\bI(?:'ll| will| shall)? (?:quote|copy|repeat|cite|reproduce|paste|restate|transcribe|include|read|found"
    r"|see)\b|\bI(?:'ve| have)? (?:quoted|copied|repeated|cited|shorten)\b",
    re.I,
)
_OWN = re.compile(
    r"\b(?:I|my|me|we|our|mine|I'd|I’d)\b|\b(?:therefore|thus|hence|overall|in conclusion|in summary|in sum|all in all"
    r"|ultimately|to conclude)\b|我|因此|综上",
    re.IGNORECASE,
)
_JUDGES = re.compile(
    r"\b(?:difference|quality|right(?:ly)?|wrong(?:ly)?|correct(?:ly)?|incorrect(?:ly)?|accurate(?:ly)?|inaccurate|better|worse|best|worst"
    r"|good|bad|errors?|mistakes?|hallucinat\w+|invents?|invented|miss(?:es|ed|ing)?|fails?|failed|detailed|details?|clear(?:ly)?"
    r"|vague|identical|appropriate|aligned|useful|plausible|less|more|slightly|equally|adequate\w*|relevant|irrelevant|helpful|precise|complete|incomplete|thorough|concise|matches|fits|fine|true|untrue|contradicts)\b",
    re.IGNORECASE,
)
_SIGNED = re.compile(
    r"[\W_]{0,12}(?:[–—-]{1,2}|<-|←|[(\[])[ ]{0,2}(?:(?:the )?(?:(?:first|second|third|last) )?(?:response|answer"
    r"|assistant|candidate"
    r"|author|it|its)\b|[^\n]{0,60}\b(?:from|quoted|copied|taken|verbatim|word for word|says?|said|by|wrote|written"
    r"|cited)\b)",
    re.IGNORECASE,
)
_SECTION = 1_500
_TITLE = re.compile(
    r"^[ \t]{0,3}(?:#{1,6}[ ]|\[|={2,}|-{2,}|[*_]{2})[^\n]{1,80}$|^[^\n.!?]{1,60}[:：][ \t]*$", re.MULTILINE
)
_NAMES_RESPONSE = re.compile(r"\b(?:response|answer|assistant|candidate|text|transcript)\b", re.IGNORECASE)
_BACK_REFERENCE = re.compile(
    r"\W{0,3}(?:(?:that|this|these|those)(?: (?:is|was|are|were|comes?|came|stands|appears|line|sentence|quote"
    r"|quotation"
    r"|verdict|score|statement|request|text|claim)\b)[^.\n]{0,60}\b(?:\w+)|(?:so|thus)[ ](?:says?|writes?|wrote|ends?"
    r"|reads?|claims?|it )|(?:is|was)[ ](?:what|the (?:last|final|first)|how|quoted|copied|written|said)\b|(?:the )?"
    r"(?:above|preceding|previous|quoted|line above|quote|quotation)\b)",
    re.IGNORECASE,
)
_SPEAKER = re.compile(
    r"[ \t]{0,8}\[\^|[\W_]{0,8}(?:the )?(?:(?:first|second|third|last) )?(?:response|answer|assistant|candidate"
    r"|model|student|user|human"
    r"|output|reply)(?: ?[A-Z0-9]{1,2})?(?:['’]s (?:answer|response|text|verdict))?\W{0,3}[:：|>\]]",
    re.IGNORECASE,
)


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

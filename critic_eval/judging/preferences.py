"""Reading which of two responses a critic prefers."""

import re
from collections.abc import Iterator, Sequence

from critic_eval.errors import ArgumentError
from critic_eval.judging.reading import (
    CONTRADICTORY,
    Parsed,
    Statement,
    VerdictPosition,
    at_decisive_place,
    decide,
    sentence_bounds,
)
from critic_eval.judging.verdicts import Verdict


def parse_preference(
    text: str, n_responses: int = 2, responses: Sequence[str] = (), position: VerdictPosition = "first"
) -> Parsed:
    """Read the better of two responses, or a tie, from a critic's answer.

    Read are the labeled form that LLaVA-Critic was trained to give ("The better response: [first]", also second, 1, 2,
    A, B, equal), its free sentences ("Response B is better than response A because …", "The first response is slightly
    better", "Both responses are equally good"), and the bracketed letters of MLLM-as-a-Judge ("[[A]]", "[[B]]", and
    "[[C]]" for a tie). Negated, reported, conceded and hypothetical sentences are not read. How one verdict is chosen
    among several is in `critic_eval.judging.reading`.

    Args:
        text: The critic's answer; any str.
        n_responses: Must be 2; ArgumentError otherwise.
        responses: Texts that the critic was shown; statements in their words are not the critic's own.
        position: Where the protocol asks for the verdict.

    >>> parse_preference("Response B is better than response A because it counts right.").verdict.value
    1
    >>> parse_preference("Response A is not better than Response B.").verdict.reason
    'no verdict found'
    """
    if n_responses != 2:
        raise ArgumentError(f"A preference is between two responses, not {n_responses}.")
    return decide(text, _statements(text, position), position, responses)


_INDEX = {"1": 0, "a": 0, "one": 0, "first": 0, "1st": 0, "2": 1, "b": 1, "two": 1, "second": 1, "2nd": 1}
_TIES = frozenset(
    ["equal", "equally good", "equally bad", "equally poor", "tie", "tied", "draw", "both", "same", "neither"]
)
_NOUN = r"(?:responses?|answers?|assistants?|one)"
_ORDINAL = r"(?:first|second|1st|2nd)"
_NUMBER = r"(?:1|2|A|B|one|two)"

# What may stand in the brackets of "The better response: [...]", whole.
_CHOICE = re.compile(rf"(?:the )?(?:{_NOUN} )?({_ORDINAL}|{_NUMBER})(?: {_NOUN})?")
_CHOICE_WORD = re.compile(rf"\b({_ORDINAL}|{_NUMBER})\b", re.IGNORECASE)

_LABEL = (
    rf"(?:\bthe[ ])?\b(?P<core>(?:better|best|preferred)[ \t]{{1,3}}{_NOUN}[*_\"']{{0,4}}[ \t]{{0,3}}"
    r"(?:[:：=]|is\b[ \t]{0,3}[:：]?)[*_\s]{0,6})"
)
# A second bracket ("[first] or [second]") belongs to the same statement, and makes it contradict itself.
_BRACKETED = re.compile(
    _LABEL + r"(?P<double>\[)?\[(?P<choice>[^\[\]\n]{0,60})\]{1,2}"
    r"(?:[ \t]{0,2}(?:or|and|/|\||,)?[ \t]{0,2}\[{1,2}(?P<second>[^\[\]\n]{0,60})\]{1,2})?",
    re.IGNORECASE,
)
# Without brackets the word must end the line or the clause: "The better response: a detailed account" names none.
_BARE = re.compile(
    _LABEL + rf"[(\"'“]{{0,3}}(?P<choice>(?:the[ ])?(?:{_NOUN}[ ])?(?:{_ORDINAL}|{_NUMBER}|tie|equal|neither|both)"
    rf"(?:[ ]{_NOUN})?)\b(?=[)\"'”*_]{{0,4}}(?:[ \t]{{0,3}}(?:\n|\Z)|[.;!](?:\s|\Z)|,?[ ]?(?:because|since|as|due)\b))",
    re.IGNORECASE,
)
# Upper case only, as prompts ask for it: "[[a]]" is no label but a list in some markup.
_LETTER = re.compile(r"\[\[([ABC])\]\]")

_SUBJECT = (
    rf"\b(?P<core>(?:(?:the[ ])?[\[(\"'*_]{{0,3}}(?P<ordinal>{_ORDINAL})[\])\"'*_]{{0,3}}(?:[ ]{_NOUN})?"
    rf"|(?:response|answer|assistant)[ ]?[\[(\"'*_#]{{0,3}}(?P<number>{_NUMBER})\b[\])\"'*_]{{0,3}})[ ]{{1,2}}"
)
_OTHER = (
    rf"(?:the[ ]other|(?:the[ ])?(?:(?P<other_ordinal>{_ORDINAL})"
    rf"|{_NOUN}[ ][\[(\"'*_]{{0,3}}(?P<other_number>{_NUMBER})\b))"
)
# "better written" or "better at counting" is praise of one side of a response, so what follows "better" is limited.
_PROSE = re.compile(
    _SUBJECT
    + r"(?:is|was|seems|appears)[ ](?:to be[ ])?(?:(?:the|a|an|bit|little|lot|slightly|clearly|much|significantly|"
    r"marginally|considerably|somewhat|substantially|far|overall|generally|definitely|also|still|indeed|therefore|thus"
    r"|by)[ ]){0,4}(?:better|best|superior|preferable|preferred)\b[*_]{0,3})"
    rf"(?:[ ](?:{_NOUN}|choice|option|overall|here)\b){{0,2}}"
    rf"(?:[ ]than[ ]{_OTHER}|(?=[ ]?(?:[.,;:!)\n\]\"'”’–—-]|\Z|because\b|as\b|since\b|due\b|for\b|by\b|and\b|but\b"
    r"|with\b|given\b|to me\b|of the two\b|in (?!some\b|certain\b|one\b|a few\b|its\b))))",
    re.IGNORECASE,
)
_TIE = re.compile(
    rf"\b(?:(?:(?:both|the[ ]two|the|both[ ]of[ ]the)[ ]{_NOUN}|both|they)[ ]are[ ])?"
    r"(?P<core>equally[ ](?:good|bad|poor|strong|weak|matched)"
    rf"|neither(?:[ ]of[ ]the)?(?:[ ]two)?(?:[ ]{_NOUN})?[ ]is[ ](?:(?:clearly|significantly|any|much)[ ])?"
    r"(?:better|superior|preferable)"
    rf"|(?:{_NOUN}|both|they)[ ](?:are[ ])?tied|(?:are|is)[ ]of[ ]equal[ ]quality|are[ ]equal[ ]in[ ]quality"
    r"|(?:result|verdict|outcome|comparison|judgment)(?:[ ]is|:)[ ]an?[ ](?:tie|draw)"
    r"|it(?:'s|’s|[ ]is)[ ]a[ ](?:tie|draw)[ ]between)\b",
    re.IGNORECASE,
)
# An image can hold a necktie: alone the word is a verdict only at the decisive place.
_TIE_ALONE = re.compile(
    r"^[ \t*_#]{0,6}(?P<core>(?:it(?:'s|’s| is) a )?tie)\b(?=\W{0,4}(?:\n|\Z))", re.IGNORECASE | re.MULTILINE
)

_NEGATION = re.compile(
    r"\b(?:not|never|no|nor|neither|cannot|whether|if|unless|hardly|doubt|wrong|false|incorrect)\b|n['’]t\b",
    re.IGNORECASE,
)
# "I don't think, however, that …": the negation of an opinion reaches over commas.
_DENIAL = re.compile(
    r"(?:\b(?:not|never|hard|difficult|impossible)|n['’]t)[ ](?:to[ ])?(?:think|believe|say|claim|mean|agree|tell|true"
    r"|convinced|sure|clear|the case)\b",
    re.IGNORECASE,
)
_CONCESSION = re.compile(r"\W{0,4}(?:although|though|even though|even if|while|whereas)\b[^,]{0,200}\Z", re.IGNORECASE)


def _statements(text: str, position: VerdictPosition) -> Iterator[Statement]:
    for match in _BRACKETED.finditer(text):
        choices = [match["choice"], match["second"]]
        yield _statement(match, _combined([_choice(c, bool(match["double"])) for c in choices if c is not None]), 0)
    for match in _BARE.finditer(text):
        yield _statement(match, _choice(match["choice"]), 0)
    for match in _LETTER.finditer(text):
        better = "ABC".index(match[1])
        verdict = Verdict.preference(None if better == 2 else better)
        yield Statement(match.start(), match.end(), verdict, 0, match.start())
    for match in _PROSE.finditer(text):
        if not _is_unsaid(text, match.start(), match.end()):
            yield _statement(match, _prose_verdict(match), 1)
    for match in _TIE.finditer(text):
        if not _is_unsaid(text, match.start(), match.end()):
            yield _statement(match, Verdict.preference(None), 1)
    for match in _TIE_ALONE.finditer(text):
        if at_decisive_place(text, match.start("core"), match.end(), position):
            yield _statement(match, Verdict.preference(None), 1)


def _statement(match: re.Match[str], verdict: Verdict, rank: int) -> Statement:
    return Statement(match.start(), match.end(), verdict, rank, match.start("core"))


def _choice(content: str, double: bool = False) -> Verdict:
    words = " ".join(content.casefold().replace("*", "").strip(" \t\"'“”.").split())
    if words in _TIES or (double and words == "c"):
        return Verdict.preference(None)
    if match := _CHOICE.fullmatch(words) or re.fullmatch(r"(a|b)", words):
        return Verdict.preference(_INDEX[match[1]])
    named = {_INDEX[word.casefold()] for word in _CHOICE_WORD.findall(content)}
    return Verdict.invalid(CONTRADICTORY if len(named) == 2 else f"unreadable choice {content[:40]!r}")


def _combined(verdicts: list[Verdict]) -> Verdict:
    return verdicts[0] if all(verdict == verdicts[0] for verdict in verdicts) else Verdict.invalid(CONTRADICTORY)


def _prose_verdict(match: re.Match[str]) -> Verdict:
    better = _INDEX[(match["ordinal"] or match["number"]).casefold()]
    other = match["other_ordinal"] or match["other_number"]
    if other and _INDEX[other.casefold()] == better:
        return Verdict.invalid(CONTRADICTORY)
    return Verdict.preference(better)


def _is_unsaid(text: str, start: int, end: int) -> bool:
    """Whether the sentence denies, asks, supposes or only concedes what text[start:end] says."""
    first, last = sentence_bounds(text, start, end)
    before = text[first:start]
    clause = re.split(r"[,;:–—]", before)[-1]
    return bool(
        _NEGATION.search(clause)
        or _DENIAL.search(before)
        or _CONCESSION.match(before)
        or text[first:last].rstrip(" \t\n\"'”’)*_").endswith("?")
    )

"""Reading the score, or the two scores, that a critic gives."""

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


def parse_score(
    text: str,
    n_responses: int = 1,
    responses: Sequence[str] = (),
    position: VerdictPosition = "first",
    scale: tuple[float, float] = (0.0, 100.0),
) -> Parsed:
    r"""Read one score from a critic's answer.

    Read are "Final Score: 85", "Score: [85]", "Score: 85/100", "score of 85 out of 100", "85/100" and a number alone on
    the first line (the last, for a verdict-last protocol). A score on another scale ("8/10" where 0 to 100 is asked), a
    range, "N/A" and a number outside the scale are invalid; nothing is rescaled or clipped. The score of one aspect
    ("Clarity score: 90") is not read. How one verdict is chosen among several is in `critic_eval.judging.reading`.

    Args:
        text: The critic's answer; any str.
        n_responses: Must be 1; ArgumentError otherwise.
        responses: Texts that the critic was shown; statements in their words are not the critic's own.
        position: Where the protocol asks for the verdict.
        scale: Least and greatest possible score.

    >>> parse_score("Score: [85]\nThe response names every animal.").verdict.value
    85.0
    >>> parse_score("Score: 140").verdict.reason
    'score 140 outside 0 to 100'
    """
    if n_responses != 1:
        raise ArgumentError(f"A score is for one response, not {n_responses}.")
    return decide(text, _statements(text, position, scale), position, responses)


def parse_two_scores(
    text: str, n_responses: int = 2, responses: Sequence[str] = (), scale: tuple[float, float] = (1.0, 10.0)
) -> Parsed:
    r"""Read the scores of two responses from a review in the manner of LLaVA-Bench: a first line such as "7 9".

    LLaVA's own parser (eval_gpt_review_visual.py, parse_score) takes only a first line of exactly two numbers. Reviews
    that reason first are read too, from "Assistant 1: 10" and "Assistant 2: 6" on lines of their own, or from "the
    scores are (1, 5)"; there the last such place counts. The arguments are those of `parse_score`, with n_responses 2.

    >>> parse_two_scores("7 9\nThe second answer …").verdict.value
    (7.0, 9.0)
    """
    if n_responses != 2:
        raise ArgumentError(f"A two-score review is of two responses, not {n_responses}.")
    if line := _PAIR_LINE.match(text):
        return decide(text, [_pair(line, scale)], "first", responses)
    found = (*_PAIR_LISTED.finditer(text), *_PAIR_NAMED.finditer(text))
    return decide(text, [_pair(match, scale) for match in found], "last", responses)


# Bounded, so that a long run of digits costs nothing and never reaches float().
_NUMBER = r"[-+−]?(?:[0-9]{1,9}(?:\.[0-9]{1,9})?|\.[0-9]{1,9})"
# Not the beginning of "1,000", "1.5.2", "3rd" or "12h".
_END = r"(?![0-9A-Za-z_]|[.,][0-9])"
_OUT_OF = rf"(?:[ ]{{0,2}}(?:/|out of)[ ]{{0,2}}(?:the[ ])?(?P<out_of>{_NUMBER}){_END})?"
# "85-90" and "85 to 90" are ranges; a comma or a spaced hyphen may begin another clause.
_RANGE = rf"(?:(?P<range>[ ]{{0,2}}(?:to|or|~|–)[ ]{{0,2}}|-){_NUMBER}{_END})?"

_CUE = (
    r"(?:\b(?:the|my)[ ])?(?P<final>\b(?:final|overall|total)[ \t]{1,3})?"
    r"\b(?P<core>(?:score|rating)[\"'*_]{0,4}[ \t]{0,3}"
    r"(?:(?P<label>[:：=])|(?:is|of)\b|(?=\[))[\"'*_\s]{0,6})"
)
_CUED = re.compile(
    _CUE + rf"(?:\[{{1,2}}(?P<content>[^\[\]\n]{{0,60}})\]{{1,2}}|(?P<number>{_NUMBER}){_END}{_RANGE}|(?P<none>N/?A\b))"
    rf"[*_]{{0,3}}{_OUT_OF}(?P<percent>[ ]?%)?",
    re.IGNORECASE,
)
_FRACTION = re.compile(
    rf"(?<![\w./,-])(?P<core>(?P<number>{_NUMBER})[ ]{{0,2}}(?:/|out of)[ ]{{0,2}}(?P<out_of>{_NUMBER})){_END}(?!/)",
    re.IGNORECASE,
)
_ALONE = re.compile(rf"^[ \t*_#]{{0,8}}(?P<core>(?P<number>{_NUMBER}))\.?[ \t*_]{{0,8}}$", re.MULTILINE)
_BRACKET_ALONE = re.compile(rf"^[ \t*_#]{{0,8}}(?P<core>\[{{1,2}}(?P<number>{_NUMBER})\]{{1,2}})", re.MULTILINE)

# Words that may stand before "score" without making it the score of one aspect.
_PLAIN = frozenset(["the", "my", "a", "this", "its", "your", "response", "answer", "quality", "of", "is", "with"])
_WORD_BEFORE = re.compile(r"([A-Za-z]{1,30})[*_\"']{0,3}[ \t]{1,3}\Z")
_NEGATION = re.compile(r"\b(?:not|never|cannot|if|unless|instead of|rather than|hardly)\b|n['’]t\b", re.IGNORECASE)

_ONE, _TWO = (rf"(?P<{name}>{_NUMBER})(?:/10)?" for name in ("one", "two"))
_PAIR_LINE = re.compile(
    rf"\s{{0,20}}(?P<core>{_ONE}(?:[ \t]{{1,8}}|[ \t]{{0,8}},[ \t]{{0,8}}){_TWO})[ \t]{{0,20}}(?=\n|\Z)"
)
_PAIR_LISTED = re.compile(
    rf"^[ \t*]{{0,8}}(?P<core>Assistant 1[*]{{0,2}}:[* ]{{0,4}}{_ONE}{_END}[^\n]{{0,400}}\n\s{{0,8}}"
    rf"[ \t*]{{0,8}}Assistant 2[*]{{0,2}}:[* ]{{0,4}}{_TWO}){_END}",
    re.MULTILINE,
)
_PAIR_NAMED = re.compile(
    rf"\b(?P<core>scores (?:are|is)[ ]{{1,2}}\({_ONE}[ ]{{0,2}},[ ]{{0,2}}{_TWO}\))", re.IGNORECASE
)


def _statements(text: str, position: VerdictPosition, scale: tuple[float, float]) -> Iterator[Statement]:
    for match in _CUED.finditer(text):
        rank = 0 if match["final"] else 1 if match["label"] or match["content"] is not None else 2
        if not match["final"] and _is_aspect(text, match.start("core")):
            continue
        if rank == 2 and _is_denied(text, match.start()):
            continue
        yield Statement(match.start(), match.end(), _cued_verdict(match, scale), rank, match.start("core"))
    for match in _FRACTION.finditer(text):
        # "3/4" may be a quantity that the critic talks about.
        if _number(match["out_of"]) == scale[1] and not _is_denied(text, match.start()):
            rank = 1 if at_decisive_place(text, match.start(), match.end(), position) else 2
            yield Statement(match.start(), match.end(), _verdict(match["number"], scale), rank, match.start())
    for match in (*_ALONE.finditer(text), *_BRACKET_ALONE.finditer(text)):
        if at_decisive_place(text, match.start("core"), match.end(), position):
            verdict = _verdict(match["number"], scale)
            yield Statement(match.start("core"), match.end(), verdict, 1, match.start("core"))


def _cued_verdict(match: re.Match[str], scale: tuple[float, float]) -> Verdict:
    if match["none"] is not None:
        return Verdict.invalid("no score given: N/A")
    if match["range"] is not None:
        return Verdict.invalid(CONTRADICTORY)
    if match["content"] is None:
        return _verdict(match["number"], scale, match["out_of"], bool(match["percent"]))
    inside = re.fullmatch(
        rf"\s*[*]{{0,2}}(?P<number>{_NUMBER}){_OUT_OF}(?P<percent>[ ]?%)?[*]{{0,2}}\s*", match["content"]
    )
    if inside:
        return _verdict(inside["number"], scale, inside["out_of"] or match["out_of"], bool(inside["percent"]))
    if len(set(re.findall(_NUMBER, match["content"]))) > 1:
        return Verdict.invalid(CONTRADICTORY)
    return Verdict.invalid(f"unreadable score {match['content'][:40]!r}")


def _verdict(number: str, scale: tuple[float, float], out_of: str | None = None, percent: bool = False) -> Verdict:
    low, high = scale
    value = _number(number)
    top = 100.0 if percent else None if out_of is None else _number(out_of)
    if top is not None and top != high:
        return Verdict.invalid(f"score {value:g} of {top:g} on another scale than {low:g} to {high:g}")
    if not low <= value <= high:
        return Verdict.invalid(f"score {value:g} outside {low:g} to {high:g}")
    return Verdict.score(value)


def _pair(match: re.Match[str], scale: tuple[float, float]) -> Statement:
    verdicts = [_verdict(match[name], scale) for name in ("one", "two")]
    unfit = [verdict for verdict in verdicts if not verdict.is_valid]
    verdict = unfit[0] if unfit else Verdict.scores([_number(match["one"]), _number(match["two"])])
    start = match.start("core")
    return Statement(start, match.end(), verdict, 0, start)


def _number(text: str) -> float:
    return float(text.replace("−", "-"))


def _is_aspect(text: str, start: int) -> bool:
    word = _WORD_BEFORE.search(text, max(0, start - 40), start)
    return word is not None and word[1].casefold() not in _PLAIN


def _is_denied(text: str, start: int) -> bool:
    clause = re.split(r"[,;:–—]", text[sentence_bounds(text, start, start)[0] : start])[-1]
    return _NEGATION.search(clause) is not None

"""Reading the score, or the two scores, that a critic gives."""

import re
from collections.abc import Iterator, Sequence
from functools import partial

from critic_eval.errors import ArgumentError
from critic_eval.judging.parsing.answer import Marks, find_answer
from critic_eval.judging.parsing.choices import side
from critic_eval.judging.parsing.containers import boxes, containers, objects, tags
from critic_eval.judging.parsing.labels import closing_labels, is_criterion
from critic_eval.judging.parsing.numbers import (
    END,
    GRADE,
    NUMBER,
    OUT_OF,
    RANGE,
    Scale,
    as_float,
    graded,
    on_scale,
    score,
    stated_top,
)
from critic_eval.judging.parsing.places import VerdictPosition, line_bounds, stands_at
from critic_eval.judging.parsing.reading import Parsed, read, read_answer
from critic_eval.judging.parsing.statements import Form, Statement, Weight
from critic_eval.judging.verdicts import CONTRADICTORY, NOTHING, Invalid, Scores, Verdict


def parse_score(
    text: str,
    n_responses: int = 1,
    responses: Sequence[str] = (),
    position: VerdictPosition = "first",
    scale: Scale = (0.0, 100.0),
    marks: Sequence[Marks] = (),
) -> Parsed:
    r"""Read one score from a critic's answer.

    It reads "Final Score: 85", "Score: [85]", "Score (out of 100): 85", "Judgement: Good (4)", "Rating: [[9]]", "score
    of 85 out of 100", "85/100", a number alone on the first line (the last, for a verdict-last protocol), and
    containers (`<answer>4</answer>`, `\boxed{4}`, {"score": 4}). A score on another scale ("8/10" where 0 to 100 is
    asked), a range, "N/A" and a number outside the scale are invalid; nothing is rescaled or clipped. The score of
    one aspect ("Clarity score: 90", "Accuracy: 90/100") is not read. How one verdict is chosen among several is in
    `critic_eval.judging.parsing.reading`.

    Args:
        text: The critic's whole text; any str.
        n_responses: Must be 1; ArgumentError otherwise.
        responses: Texts that the critic was shown; statements in their words are not the critic's own.
        position: Where the protocol asks for the verdict.
        scale: Least and greatest possible score.
        marks: Pairs that open and close a thought, besides those that `find_answer` knows.

    >>> parse_score("Score: [85]\nThe response names every animal.").verdict.value
    85.0
    >>> parse_score("Score: 140").verdict.reason
    'score 140 outside 0 to 100'
    """
    if n_responses != 1:
        raise ArgumentError(f"A score is for one response, not {n_responses}.")
    return read(text, partial(find_scores, scale=scale), position, responses, marks)


def parse_two_scores(
    text: str,
    n_responses: int = 2,
    responses: Sequence[str] = (),
    scale: Scale = (1.0, 10.0),
    marks: Sequence[Marks] = (),
) -> Parsed:
    r"""Read the scores of two responses from a review in the manner of LLaVA-Bench: a first line such as "7 9".

    LLaVA's own parser (eval_gpt_review_visual.py, parse_score) takes only a first line of exactly two numbers. Reviews
    that reason first are read too, from "Assistant 1: 10" and "Assistant 2: 6" on lines of their own, from "the scores
    are (1, 5)", from two `<answer>` tags in order (as Flex-Judge writes) or one that holds both, and from an object
    with a score for each; there the last such place counts. The arguments are those of `parse_score`, with
    n_responses 2.

    >>> parse_two_scores("7 9\nThe second answer …").verdict.value
    (7.0, 9.0)
    """
    if n_responses != 2:
        raise ArgumentError(f"A two-score review is of two responses, not {n_responses}.")
    answer = find_answer(text, responses, marks)
    opening = read_answer(answer, partial(_opening_pairs, scale=scale), "first", responses, opening_binds=True)
    if opening.verdict.reason != NOTHING:
        return opening
    return read_answer(answer, partial(_find_pairs, scale=scale), "last", responses)


def find_scores(text: str, position: VerdictPosition, scale: Scale) -> Iterator[Statement]:
    """The places of an answer that read as a score; see `parse_score`."""
    yield from containers(text, "score", partial(_value, scale=scale))
    for label, start, label_form in closing_labels(text):
        yield from _labeled(text, label, start, label_form, scale)
    for match in _CUED.finditer(text):
        if not _begins_list(text, match):
            yield _cued(text, match, scale)
    for match in _SENTENCE.finditer(text):
        yield _statement(text, match, graded(match, scale), "sentence")
    for match in _DOUBLE.finditer(text):
        yield _statement(text, match, score(match["content"], scale), "brackets")
    for match in _FRACTION.finditer(text):
        # "3/4" may be a quantity that the critic talks about.
        if as_float(match["out_of"]) == scale[1]:
            form: Form = "alone" if stands_at(text, match.start(), match.end(), position) else "fraction"
            yield _statement(text, match, on_scale(match["number"], scale), form)
    for match in (*_ALONE.finditer(text), *_BRACKET_ALONE.finditer(text)):
        if stands_at(text, match.start("core"), match.end("core"), position):
            verdict = on_scale(match["number"], scale)
            yield Statement(match.start("core"), match.end("core"), verdict, "alone", match.start("core"))


_CUE = (
    r"(?:\b(?:the|my)[ ])?(?P<final>\b(?:final|overall|total)[ \t]{1,3})?"
    r"\b(?P<core>(?:score|rating)(?P<note>[ ]?\([^()\n]{0,40}\)|[ ]\[[^\[\]\n]{1,40}\](?=[ ]{0,2}[:：]))?"
    r"(?P<whose>[ ](?:for|of)[ ](?:this|the|that)[ ](?:response|answer|reply|assistant"
    r"(?:'s response)?))?[\"'*_]{0,4}[ \t]{0,3}"
    r"(?:(?P<label>[:：=]|->|→|-(?=[ ]))|(?:is|of|would be)\b|(?=\[)|(?P<heading>\n))[\"'*_\s:]{0,6})"
)
_CUED = re.compile(
    _CUE + rf"(?:\[{{1,2}}(?P<content>[^\[\]\n]{{0,60}})\]{{1,2}}(?:{RANGE.replace('range', 'second')})"
    rf"|(?:a[ ]|an[ ])?(?P<number>{NUMBER}){END}{RANGE}|(?P<grade>[A-Za-z][a-z ]{{1,20}}[ ]?\([ ]?"
    rf"(?P<graded>{NUMBER})[ ]?\))|(?P<none>N/?A\b))[*_]{{0,3}}{OUT_OF}(?P<percent>[ ]?%)?",
    re.IGNORECASE,
)
# "I would rate it a 7", "it deserves 4 points", "I give this response [[10]]".
_SENTENCE = re.compile(
    r"\b(?P<core>(?:(?:rate|grade|score|give|assign|award)(?:[ ](?:it|this|that|the|response|answer|assistant"
    r"(?:['’]s)?|reply|one"
    r"|as|with|at)){0,5}|deserves|earns|merits|receives|gets)[ ](?:an?[ ]|only[ ]|about[ ])?(?:(?:score|rating"
    rf"|grade)[ ]of[ ])?\[{{0,2}}{GRADE})(?![\w%])",
    re.IGNORECASE,
)
_DOUBLE = re.compile(rf"(?P<core>\[\[[ ]{{0,2}}(?P<content>{NUMBER}[^\[\]\n]{{0,20}})\]\])")
_FRACTION = re.compile(
    rf"(?<![\w./,-])(?P<core>(?P<number>{NUMBER})[ ]{{0,2}}(?:/|out of)[ ]{{0,2}}(?P<out_of>{NUMBER})){END}(?!/)",
    re.IGNORECASE,
)
_ALONE = re.compile(
    rf"^[ \t*_#\"'`“({{]{{0,8}}(?P<core>(?P<number>{NUMBER}))[.)\"'”`}}]{{0,3}}[ \t*_]{{0,8}}$", re.MULTILINE
)
_BRACKET_ALONE = re.compile(rf"^[ \t*_#\"'`]{{0,8}}(?P<core>\[{{1,2}}(?P<number>{NUMBER})\]{{1,2}})", re.MULTILINE)

# Words that may stand before "score" without making it the score of one aspect.
_PLAIN = frozenset(
    "the my a this its your response answer quality of is with assign give as into and so final overall".split()
)
_WORD_BEFORE = re.compile(r"([A-Za-z]{1,30})[*_\"']{0,3}[ \t]{1,3}\Z")
_AHEAD = re.compile(rf"[\"'“`(\[]{{0,4}}{GRADE}", re.IGNORECASE)

_FIRST, _SECOND = (rf"(?P<{name}>{NUMBER})(?:/10)?" for name in ("one", "two"))
_PAIR_LINE = re.compile(
    rf"\s{{0,20}}(?:(?:`{{3}}\w{{0,8}}\n|[\"'`“(\[]{{1,3}})?)(?P<core>[*_]{{0,3}}{_FIRST}(?:[ \t]{{1,8}}"
    rf"|[ \t]{{0,8}},[ \t]{{0,8}}){_SECOND})[ \t*_\"'`”)\].]{{0,20}}(?=\n|\Z)"
)
_PAIR_LISTED = re.compile(
    rf"^[ \t*#-]{{0,8}}(?P<core>(?:Assistant|Response|Answer) 1(?:['’]s)?"
    rf"(?: score)?[*]{{0,2}}[:：][* ]{{0,4}}{_FIRST}{END}(?:[^\n]{{0,400}}\n\s{{0,8}}|[ ]{{0,2}}[,;.][ ]{{0,2}}"
    rf"(?:and[ ])?)"
    rf"[ \t*#-]{{0,8}}(?:Assistant|Response|Answer) 2(?:['’]s)?(?: score)?[*]{{0,2}}[:：][* ]{{0,4}}{_SECOND}){END}",
    re.MULTILINE | re.IGNORECASE,
)
_PAIR_NAMED = re.compile(
    rf"\b(?P<core>scores?(?:[ ](?:are|is)|[:：])[ ]{{0,2}}[(\[]?{_FIRST}[ ]{{0,2}},[ ]{{0,2}}{_SECOND}[)\]]?)(?![\d,])",
    re.IGNORECASE,
)
_PAIR_LABELED = re.compile(
    rf"^[ \t*#\"'`]{{0,8}}(?P<core>(?:the[ ])?(?:scores?|ratings?)(?:[ ](?:for"
    rf"|of)[ ][A-Za-z0-9 ,]{{1,60}}?)?[ ]?[:：][ *]{{0,4}}{_FIRST}"
    rf"[ \t]{{0,4}}(?:[,/&;]|and|vs\.?|[ ])[ \t]{{0,4}}{_SECOND})[ \t*.\"'`]{{0,8}}$",
    re.IGNORECASE | re.MULTILINE,
)
_PAIR_TABLE = re.compile(
    rf"^(?P<core>[|][^\n|]{{0,40}}\b(?:1|A)\b[^\n|]{{0,20}}[|][^\n|]{{0,40}}\b(?:2|B)\b[^\n|]{{0,20}}[|]?\n["
    rf"|: -]{{3,80}}\n[|][ ]{{0,8}}{_FIRST}[ ]{{0,8}}"
    rf"[|][ ]{{0,8}}{_SECOND}[ ]{{0,8}}[|]?)[ ]{{0,4}}$",
    re.MULTILINE,
)
_PAIR = re.compile(rf"[\s\[(]{{0,4}}{_FIRST}[\s,;/|]{{1,6}}{_SECOND}[\s\])]{{0,4}}")


def _begins_list(text: str, match: re.Match[str]) -> bool:
    """Whether the number below a label is that of a list's first item."""
    return "\n" in match["core"] and re.match(r"[.)][ ]+\S", text[match.end() : match.end() + 8]) is not None


def _cued(text: str, match: re.Match[str], scale: Scale) -> Statement:
    form: Form = "closing label" if match["final"] and (match["label"] or match["content"] is not None) else "label"
    if not (match["label"] or match["content"] is not None or match["heading"]):
        form = "sentence"
    weight = Weight.PLAIN
    if not match["final"] and _is_aspect(text, match.start("core")):
        weight = Weight.CRITERION
    return _statement(text, match, _cued_verdict(match, scale), form, weight)


def _cued_verdict(match: re.Match[str], scale: Scale) -> Verdict:
    if match["none"] is not None:
        return Invalid("no score given: N/A")
    if match["range"] is not None or match["second"] is not None:
        return Invalid(CONTRADICTORY)
    if match["content"] is not None:
        verdict = score(match["content"], scale)
        if match["out_of"] and verdict.is_valid:
            return on_scale(f"{verdict.value}", scale, match["out_of"])
        return verdict
    top = match["out_of"] or stated_top(match["note"] or "")
    return on_scale(match["number"] or match["graded"], scale, top, bool(match["percent"]))


def _statement(
    text: str, match: re.Match[str], verdict: Verdict, form: Form, weight: Weight = Weight.PLAIN
) -> Statement:
    if (
        weight == Weight.PLAIN
        and form != "closing label"
        and is_criterion(text, match.start(), form in ("sentence", "fraction"))
    ):
        weight = Weight.CRITERION
    return Statement(match.start(), match.end(), verdict, form, match.start("core"), weight)


def _labeled(text: str, label: int, start: int, form: Form, scale: Scale) -> Iterator[Statement]:
    """What a label that sums up says: a number right behind it."""
    match = _AHEAD.match(text, start, line_bounds(text, start)[1])
    if match is None or ("\n" in text[label:start] and re.match(r"[.)][ ]+\S", text[match.end() : match.end() + 8])):
        return
    verdict, top = graded(match, scale), stated_top(text[label:start])
    if verdict.is_valid and top is not None and match["out_of"] is None:
        verdict = on_scale(match["number"], scale, top)
    yield Statement(label, match.end(), verdict, form, label)


def _value(content: str, scale: Scale) -> Verdict:
    """What a container says."""
    verdict = score(content, scale)
    if verdict.is_valid or len(content) > _AT_MOST:
        return verdict
    stated = {
        _cued_verdict(match, scale) for match in _CUED.finditer(content) if not _is_aspect(content, match.start("core"))
    }
    valid = {candidate for candidate in stated if candidate.is_valid}
    return next(iter(valid)) if len(valid) == 1 else verdict


_AT_MOST = 2_000


def _is_aspect(text: str, start: int) -> bool:
    word = _WORD_BEFORE.search(text, max(0, start - 40), start)
    return word is not None and word[1].casefold() not in _PLAIN


def _opening_pairs(text: str, position: VerdictPosition, scale: Scale) -> Iterator[Statement]:
    match = _PAIR_LINE.match(text)
    if match is not None:
        yield _pair(match, scale)
        return
    for pattern in (_PAIR_LABELED, _PAIR_TABLE):
        for match in pattern.finditer(text):
            if stands_at(text, match.start(), match.end(), "first") and not _SWAPPED.search(match[0]):
                yield _pair(match, scale)


def _find_pairs(text: str, position: VerdictPosition, scale: Scale) -> Iterator[Statement]:
    for candidates in (list(tags(text)), list(boxes(text))):
        values = [(content, _pair_of(content.text, scale)) for content in candidates]
        whole = [(content, verdict) for content, verdict in values if verdict is not None]
        for content, verdict in whole:
            yield Statement(content.start, content.end, verdict, "answer tag", content.start)
        if not whole and len(candidates) == 2:
            single = [score(content.text, scale) for content in candidates]
            yield Statement(candidates[0].start, candidates[1].end, _both(single), "answer tag", candidates[0].start)
    for pairs in objects(text):
        sides_named = [(match, value) for key, value in pairs.pairs if (match := _SIDE_KEY.fullmatch(key.casefold()))]
        named = [value for _, value in sorted(sides_named, key=lambda entry: side(entry[0]["side"]))]
        listed = [value for key, value in pairs.pairs if key.casefold() == "scores" and isinstance(value, list)]
        sides = listed[-1] if listed else named
        if len(sides) == 2:
            verdict = _both([score(str(value)[:40], scale) for value in sides])
            yield Statement(pairs.start, pairs.end, verdict, "json", pairs.start)
    for pattern in (_PAIR_LISTED, _PAIR_NAMED, _PAIR_LABELED, _PAIR_TABLE):
        for match in pattern.finditer(text):
            if not _SWAPPED.search(match[0]):
                yield _pair(match, scale)


_SIDE_KEY = re.compile(
    r"(?:(?:score|rating)[ _-]?(?:of[ _-]|for[ _-])?)?(?:(?:response|answer|assistant|model)[ _-]?)?(?P<side>1|2|a|b"
    r"|one|two)(?:[ _-]?(?:score|rating))?"
)
_SWAPPED = re.compile(r"\b(?:2|B|second)\b[^\n]{0,30}\b(?:1|A|first)\b[^\n]{0,12}:", re.IGNORECASE)


def _pair_of(content: str, scale: Scale) -> Verdict | None:
    match = _PAIR.fullmatch(content.strip().split("\n")[0])
    return None if match is None else _both([on_scale(match[name], scale) for name in ("one", "two")])


def _both(verdicts: Sequence[Verdict]) -> Verdict:
    unfit = [verdict for verdict in verdicts if not verdict.is_valid]
    if unfit:
        return unfit[0]
    return Scores([verdict.value for verdict in verdicts])  # type: ignore[misc]  # a score's value


def _pair(match: re.Match[str], scale: Scale) -> Statement:
    start = match.start("core")
    verdict = _both([on_scale(match[name], scale) for name in ("one", "two")])
    return Statement(start, match.end(), verdict, "label", start)

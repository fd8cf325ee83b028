r"""Verdicts in a container that the answer brings: `<answer>2</answer>`, `\boxed{A}`, {"winner": "B"}.

A critic that sets its result apart names its verdict there, whatever stands around. What can't be read in a container
is unreadable only where nothing else states a verdict.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import json_repair

from critic_eval.judging.parsing.labels import names_criterion
from critic_eval.judging.parsing.quotations import words_of
from critic_eval.judging.parsing.statements import Statement, Weight
from critic_eval.judging.verdicts import CONTRADICTORY, Invalid, LabelKind, Verdict

ReadValue = Callable[[str], Verdict]
"""What the text of a container states: a verdict, or an invalid one that says why none."""


class Content(NamedTuple):
    """The content of a tag or a box, and where it and its container stand."""

    text: str
    start: int
    end: int


def containers(text: str, kind: LabelKind, value: ReadValue) -> Iterator[Statement]:
    """The containers of an answer as statements of a kind, unreadable ones included."""
    for content in tags(text):
        yield Statement(content.start, content.end, _inside(content.text, kind, value), "answer tag", content.start)
    for content in boxes(text):
        yield Statement(content.start, content.end, value(content.text), "boxed", content.start)
    for span in objects(text):
        statement = _object_statement(text, span, KEYS[kind], value)
        if statement is not None:
            yield statement


def _inside(content: str, kind: LabelKind, value: ReadValue) -> Verdict:
    for span in objects(content):
        statement = _object_statement(content, span, KEYS[kind], value)
        if statement is not None:
            return statement.verdict
    return value(content)


def tags(text: str) -> Iterator[Content]:
    """Contents of `<answer>`, `<verdict>`, `<score>` and their kin; one that is never closed ends with the text."""
    for match in _TAG.finditer(text):
        yield Content(match["content"], match.start(), match.end())


def boxes(text: str) -> Iterator[Content]:
    r"""Contents of `\boxed{…}`, with braces inside."""
    for match in _BOX.finditer(text):
        yield Content(match["content"], match.start(), match.end())


class Found(NamedTuple):
    """An object of an answer: its pairs of key and value, nested ones included, and where it stands."""

    pairs: list[tuple[str, Any]]
    start: int
    end: int
    is_mended: bool = False


def objects(text: str) -> list[Found]:
    """The objects in an answer, in JSON or as Python writes them, bare or in a fence, with prose around them or not.

    One that is not well formed (quotation marks inside of strings, cut short, keys without marks) is mended by
    json_repair.
    """
    matches: list[Found] = []
    starts = [match.start() for match in _OBJECT_START.finditer(text)]
    starts = starts if len(starts) <= 2 * _TRIES else starts[:_TRIES] + starts[-_TRIES:]
    broken: list[int] = []
    for start in starts:
        if matches and start < matches[-1].end:
            continue
        decoded = _decoded(text, start)
        if decoded is not None:
            matches.append(Found(_pairs(decoded[0]), start, decoded[1]))
        else:
            broken.append(start)
    for start in dict.fromkeys((*broken[:1], *broken[-1:])):
        mended = None if any(span.start <= start < span.end for span in matches) else _mended(text, start, matches)
        if mended is not None:
            matches.append(mended)
    return sorted(matches, key=lambda span: span.start)


KEYS: dict[LabelKind, tuple[frozenset[str], frozenset[str]]] = {
    "preference": (
        frozenset(
            "verdict finalverdict overallverdict judgement judgment finaljudgement finaljudgment overalljudgement"
            " overalljudgment winner overallwinner betterresponse betteranswer betterassistant better bestresponse"
            " bestanswer best preferred preferredresponse preferredanswer preference finalpreference overallpreference"
            " choice finalchoice chosen chosenresponse decision finaldecision selected selection pick finalanswer"
            " 判断 最终判断 结论 更好的回答 评判 选择".split()
        ),
        frozenset("answer result finalresult overall conclusion rating score output 答案 结果".split()),
    ),
    "score": (
        frozenset(
            "score finalscore overallscore totalscore rating finalrating overallrating judgement judgment"
            " finaljudgement finaljudgment overalljudgement overalljudgment verdict finalverdict grade"
            " qualityscore overall total"
            " 评分 总分 得分 分数 最终评分".split()
        ),
        frozenset("result answer finalanswer final points value output 结果".split()),
    ),
    "ranking": (
        frozenset(
            "ranking finalranking rank ranked rankings order judgement judgment finaljudgement finaljudgment verdict"
            " finalverdict 排名 排序".split()
        ),
        frozenset("result answer finalanswer output overall".split()),
    ),
}
"""Keys that name a verdict, and keys that may: the second are read only where none of the first is there."""


_TAG_NAMES = (
    r"(?:final[_ -]?)?(?:answer|verdict|judge?ment|result|score|rating|decision|choice|preference|winner|ranking"
    r"|conclusion)|better(?:[_-]response)?|best"
)
_TAG = re.compile(
    rf"<[ ]?(?P<name>{_TAG_NAMES})[ ]?>(?P<content>(?:(?!<[ ]?(?:{_TAG_NAMES})[ ]?>).){{0,2000}}?)"
    r"(?:<[ ]?/[ ]?(?P=name)[ ]?>|\s{0,20}\Z)",
    re.IGNORECASE | re.DOTALL,
)
_BOX = re.compile(r"\\{1,2}f?boxed[ ]?\{(?P<content>(?:[^{}]|\{(?:[^{}]|\{[^{}]{0,80}\}){0,80}\}){0,300})\}")
_OBJECT_START = re.compile(r"\{(?=\s{0,40}[\"'“‘\w])")
_TRIES = 20
_LONGEST_MENDED = 12_000
_DEEPEST = 4


def _object_statement(
    text: str, span: Found, keys: tuple[frozenset[str], frozenset[str]], value: ReadValue
) -> Statement | None:
    for wanted, is_sure in zip(keys, (True, False), strict=True):
        named = [(key, said) for key, said in span.pairs if _plain(key) in wanted]
        texts = [(key, said, _said(said)) for key, said in named]
        read = [
            (key, said, value(words))
            for key, said, words in texts
            if words is not None and (is_sure or len(words) <= _SHORT)
        ]
        whole = [entry for entry in read if _plain(entry[0]).startswith(("overall", "final", "total"))]
        read = whole or read
        if not read:
            continue
        valid = [entry for entry in read if entry[2].is_valid]
        key, said, verdict = (valid or read)[-1]
        if len({entry[2] for entry in valid}) > 1:
            verdict = Invalid(CONTRADICTORY)
        elif not valid and verdict.reason != CONTRADICTORY and not (verdict.reason or "").startswith("score "):
            verdict = Invalid(f"unreadable {key.casefold()[:20]} {str(_said(said))[:40]!r}")
        matches = _key_matches(text, span, key)
        if span.is_mended:
            matches = [match for match in matches if _stands_behind(text, match, span, said)]
            if not matches or _differ(text, matches, value):
                verdict = Invalid(CONTRADICTORY)
        core = matches[-1].start() if matches else span.start
        weight = Weight.PLAIN if is_sure else Weight.CONCEDED
        return Statement(span.start, span.end, verdict, "json", core, weight, _said_end(text, matches, span))
    return None


_SHORT = 40
"""Characters of what stands under a key that may also hold an answer to the question."""


def _plain(key: str) -> str:
    return re.sub(r"[\s_\-*\"'.]", "", key.casefold())


def _said(value: Any) -> str | None:
    """A value as text; None where it says nothing."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, list):
        parts = [_said(part) for part in value[:64]]
        return ", ".join(part for part in parts if part is not None)
    if isinstance(value, int) and abs(value) > _LARGEST:
        return "a number out of all scales"  # one of thousands of digits can't even be written
    return str(value)[:2000] if isinstance(value, (str, int, float)) else None


_LARGEST = 10**15


def _key_matches(text: str, span: Found, key: str) -> list[re.Match[str]]:
    pattern = re.compile(rf"(?<!\\)[\"'“‘]?{re.escape(key[:60])}[\"'”’]?\s{{0,8}}[:=]\s{{0,8}}")
    return list(pattern.finditer(text, span.start, span.end))


def _stands_behind(text: str, match: re.Match[str], span: Found, said: Any) -> bool:
    words = words_of(str(_said(said))[:60])
    return (
        words_of(text[match.end() : min(span.end, match.end() + 400)]).startswith(words.rstrip()) or not words.strip()
    )


def _differ(text: str, matches: list[re.Match[str]], value: ReadValue) -> bool:
    """Whether several places of a broken object give its key different readable values."""
    read = {value(text[match.end() : match.end() + 200].split("\n")[0].strip(" \"'“”,}")) for match in matches}
    return len({verdict for verdict in read if verdict.is_valid}) > 1


def _said_end(text: str, matches: list[re.Match[str]], span: Found) -> int:
    if not matches:
        return span.end
    line = text.find("\n", matches[-1].end(), span.end)
    end = span.end if line < 0 else line
    end = max(matches[-1].end() + 1, min(end, matches[-1].end() + 200))
    return matches[-1].end() + max(1, len(text[matches[-1].end() : end].rstrip(" ,}")))


class _Pairs(list[tuple[str, Any]]):
    """An object's pairs, so that a key that comes twice is seen twice."""


def _decoded(text: str, start: int) -> tuple[Any, int] | None:
    try:
        value, end = _DECODER.raw_decode(text, start)
    except (ValueError, RecursionError):
        return None
    return (value, end) if isinstance(value, _Pairs) else None


_DECODER = json.JSONDecoder(
    strict=False,
    object_pairs_hook=_Pairs,
    parse_int=lambda digits: int(digits) if len(digits) < 16 else digits,
)


def _mended(text: str, start: int, spans: list[Found]) -> Found | None:
    end = text.rfind("}", start) + 1 or len(text)
    end = min([end, *(span.start for span in spans if span.start > start)])
    segment = text[start:end]
    if len(segment) > _LONGEST_MENDED or not _ANY_KEY.search(segment):
        return None
    try:
        value: Any = json_repair.loads(segment)
    except (ValueError, RecursionError, TypeError, IndexError, KeyError, AttributeError):
        return None
    if isinstance(value, list):
        value = next((part for part in reversed(value) if isinstance(part, Mapping)), None)
    return Found(_pairs(value), start, end, True) if isinstance(value, Mapping) else None


_ANY_KEY = re.compile(
    r"(?:verdict|judge?ment|winner|better|best|prefer\w*|choice|chosen|decision|answer|result|score|rating|rank\w*|overall"
    r"|total|grade|[\u4e00-\u9fff])\w{0,12}[ _-]?\w{0,12}[\"'”’]?\s{0,8}[:=]",
    re.IGNORECASE,
)


def _pairs(value: Any, depth: int = 0) -> list[tuple[str, Any]]:
    """All pairs of an object, those of objects inside it behind its own."""
    pairs = value if isinstance(value, _Pairs) else list(value.items()) if isinstance(value, Mapping) else []
    collected = [(key[:100], said) for key, said in pairs[:500] if isinstance(key, str)]
    if depth < _DEEPEST:
        for key, said in pairs[:500]:
            if isinstance(key, str) and names_criterion(key):
                continue  # what is said of one criterion is not said of the whole
            inner = said if isinstance(said, list) and not isinstance(said, _Pairs) else [said]
            for part in inner[:50]:
                if isinstance(part, (_Pairs, Mapping)):
                    collected += _pairs(part, depth + 1)
    return [(key, said) for key, said in collected if not isinstance(said, (_Pairs, Mapping))]

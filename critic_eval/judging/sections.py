"""Verdicts in a labeled section of their own: the JSON key `Judgement` of MLLM-as-a-Judge, Prometheus' `[RESULT]`.

A critic that keeps to the format names its verdict there and nowhere else, so the section alone is read. Where there is
none, the answer is read as any other.
"""

import ast
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from critic_eval.judging.preferences import parse_preference
from critic_eval.judging.quoting import fold
from critic_eval.judging.rankings import parse_ranking
from critic_eval.judging.reading import CONTRADICTORY, COPIED, Parsed, Statement, decide
from critic_eval.judging.scores import parse_score
from critic_eval.judging.verdicts import LabelKind, Verdict


def parse_judgement(text: str, n_responses: int, responses: Sequence[str] = (), kind: LabelKind = "score") -> Parsed:
    r"""Read MLLM-as-a-Judge's 'Judgement' (arXiv 2402.04788): `[[4]]`, `[[B]]`, `[[C]]` for a tie, `[[B]], [[A]]`.

    An answer that is one object, in JSON or as Python writes it, states its verdict under the key, whatever else it
    quotes. Any other answer is read from its last line, if that begins with the key, and else for labels.

    Args:
        text: The critic's answer; any str.
        n_responses: How many responses were shown.
        responses: Texts that the critic was shown.
        kind: What is asked for; scores are from 1 to 5.

    >>> parse_judgement('{"Analysis": "\\"Judgement\\": \\"[[A]]\\" is what it says.", "Judgement": "[[B]]"}', 2,
    ...                 kind="preference").verdict.value
    1
    """
    found = _object(text)
    if found is not None:
        value, span, says_more = found
        words = fold(text[slice(*span)])
        if says_more and any(words in fold(shown) for shown in responses):
            return Parsed(Verdict.invalid(COPIED))
        return Parsed(_READERS[kind](str(value), n_responses), span)
    lines = [
        Statement(match.start(), match.end(), _READERS[kind](match["value"], n_responses), 0, match.start())
        for match in _LINE(text)
    ]
    if lines and not _WORD.search(text, lines[-1].end):
        return decide(text, lines, "last", responses)
    return _otherwise(text, n_responses, responses, kind)


def parse_result(text: str, n_responses: int = 1, responses: Sequence[str] = ()) -> Parsed:
    """Read Prometheus' `[RESULT] 4`, the last of them; scores are from 1 to 5 (arXiv 2401.06591).

    The feedback before it may speak of scores as it likes. An answer without the mark is read as any other.

    >>> parse_result("A score of 5 would need more detail. So the overall score is 3. [RESULT] 3").verdict.value
    3.0
    """
    found = [Statement(*match.span(), _in_scale(match["score"]), 0, match.start()) for match in _RESULT(text)]
    if found:
        return decide(text, found, "last", responses)
    return parse_score(text, n_responses, responses, "last", _SCALE)


_SCALE = (1.0, 5.0)
_RESULT = re.compile(r"\[RESULT\][\s:(\[*]{0,6}(?P<score>[0-9]{1,3}(?:\.[0-9]{1,3})?)", re.IGNORECASE).finditer
_KEY = re.compile(r"judge?ment", re.IGNORECASE)
_LINE = re.compile(
    r"^[ \t*_#]{0,12}Judge?ment[*_]{0,4}[ \t]{0,4}:[*_]{0,2}[ \t]{0,4}\n?(?P<value>[^\n]{1,200})$",
    re.IGNORECASE | re.MULTILINE,
).finditer
_PREFACE = re.compile(r"\W*(?:here(?: is|'s)(?: my| the)?[ \w]{0,40}:|json|python)?[\W]*", re.IGNORECASE)
_DOUBLE = re.compile(r"\[\[(?P<score>[0-9])\]\]")
_BRACKETED = re.compile(r"\[\[([A-Z0-9]{1,3})\]\]")
_BARE = re.compile(r"[\W_]{0,12}([A-Z]{1,26}|[0-9])(?:\.0)?[\W_]{0,12}")
_WORD = re.compile(r"\w")
_ENDINGS = ("", "}", '"}', "'}")
"""What an answer that was cut short may lack."""


def _object(text: str) -> tuple[Any, tuple[int, int], bool] | None:
    """Of an answer that is one object: the value under the key, its span, and whether it holds more than the key."""
    start, end = text.find("{"), text.rfind("}") + 1
    if start < 0 or not _PREFACE.fullmatch(text[:start]):
        return None
    if end <= start or _WORD.search(text, end):
        end = len(text)
    for ending in _ENDINGS:
        record = _decoded(text[start:end] + ending)
        keys = [key for key in record if isinstance(key, str) and _KEY.fullmatch(key)] if record is not None else []
        if record is not None and keys:
            return record[keys[-1]], (start, end), len(record) > 1
    return None


def _decoded(text: str) -> Mapping[Any, Any] | None:
    for decode in (lambda source: json.loads(source, strict=False), ast.literal_eval):
        try:
            record = decode(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            continue
        if isinstance(record, Mapping):
            return record
    return None


def _score(section: str, n_responses: int) -> Verdict:
    named = set(_named(section))
    if len(named) > 1:
        return Verdict.invalid(CONTRADICTORY)
    number = next(iter(named), "")
    return _in_scale(number) if number.isdigit() else _unreadable(section)


def _preference(section: str, n_responses: int) -> Verdict:
    named = set(_named(section))
    if len(named) > 1:
        return Verdict.invalid(CONTRADICTORY)
    letter = next(iter(named), "")
    if letter not in ("A", "B", "C"):
        return _unreadable(section)
    return Verdict.preference({"A": 0, "B": 1, "C": None}[letter])


def _ranking(section: str, n_responses: int) -> Verdict:
    letters = "".join(_named(section))
    return parse_ranking(letters, n_responses, (), "last").verdict if letters else _unreadable(section)


_READERS: dict[LabelKind, Callable[[str, int], Verdict]] = {
    "score": _score,
    "preference": _preference,
    "ranking": _ranking,
}


def _named(section: str) -> list[str]:
    bracketed = _BRACKETED.findall(section)
    if bracketed:
        return bracketed
    bare = _BARE.fullmatch(section)
    return [bare[1]] if bare else []


def _in_scale(number: str) -> Verdict:
    value = float(number)
    low, high = _SCALE
    return (
        Verdict.score(value) if low <= value <= high else Verdict.invalid(f"score {number} outside {low:g} to {high:g}")
    )


def _unreadable(section: str) -> Verdict:
    return Verdict.invalid(f"unreadable judgement {section.strip()[:40]!r}")


def _otherwise(text: str, n_responses: int, responses: Sequence[str], kind: LabelKind) -> Parsed:
    if kind != "score":
        parse = parse_preference if kind == "preference" else parse_ranking
        return parse(text, n_responses, responses, "last")
    labels = [Statement(*match.span(), _in_scale(match["score"]), 0, match.start()) for match in _DOUBLE.finditer(text)]
    if labels:
        return decide(text, labels, "last", responses)
    return parse_score(text, n_responses, responses, "last", _SCALE)

"""Verdicts in a labeled section of their own: the JSON key `Judgement` of MLLM-as-a-Judge, Prometheus' `[RESULT]`.

A critic that keeps to the format names its verdict there and nowhere else, so the section alone is read. Where there is
none, the answer is read as any other.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence

from critic_eval.judging.preferences import parse_preference
from critic_eval.judging.quoting import fold
from critic_eval.judging.rankings import parse_ranking
from critic_eval.judging.reading import CONTRADICTORY, ONLY_QUOTED, Parsed, Statement, decide
from critic_eval.judging.scores import parse_score
from critic_eval.judging.verdicts import LabelKind, Verdict


def parse_judgement(text: str, n_responses: int, responses: Sequence[str] = (), kind: LabelKind = "score") -> Parsed:
    r"""Read MLLM-as-a-Judge's 'Judgement' (arXiv 2402.04788): `[[4]]`, `[[B]]`, `[[C]]` for a tie, `[[B]], [[A]]`.

    The key of a JSON object is the critic's own whatever else the object quotes. An answer that is no JSON is read from
    the last place that has the key, unless a shown text holds the same words.

    Args:
        text: The critic's answer; any str.
        n_responses: How many responses were shown.
        responses: Texts that the critic was shown.
        kind: What is asked for; scores are from 1 to 5.

    >>> parse_judgement('{"Analysis": "\\"Judgement\\": \\"[[A]]\\" is what it says.", "Judgement": "[[B]]"}', 2,
    ...                 kind="preference").verdict.value
    1
    """
    section = _json_section(text)
    if section is None:
        section = _line_section(text)
        if section is not None and any(_is_held(text[slice(*section)], shown) for shown in responses):
            return Parsed(Verdict.invalid(ONLY_QUOTED))
    if section is None:
        return _otherwise(text, n_responses, responses, kind)
    start, end = section
    return Parsed(_READERS[kind](text[start:end], n_responses), section)


def parse_result(text: str, n_responses: int = 1, responses: Sequence[str] = ()) -> Parsed:
    """Read Prometheus' `[RESULT] 4`, the last of them; scores are from 1 to 5 (arXiv 2401.06591).

    The feedback before it may speak of scores as it likes. An answer without the mark is read as any other.

    >>> parse_result("A score of 5 would need more detail. So the overall score is 3. [RESULT] 3").verdict.value
    3.0
    """
    found = [
        Statement(match.start(), match.end(), _in_scale(match["score"]), 0, match.start()) for match in _RESULT(text)
    ]
    if found:
        return decide(text, found, "last", responses)
    return parse_score(text, n_responses, responses, "last", _SCALE)


_SCALE = (1.0, 5.0)
_RESULT = re.compile(r"\[RESULT\][\s:(\[*]{0,6}(?P<score>[0-9]{1,3}(?:\.[0-9]{1,3})?)", re.IGNORECASE).finditer
_KEY = r"Judge?ment"
_JSON_KEY = re.compile(rf'"{_KEY}"\s{{0,8}}:\s{{0,8}}', re.IGNORECASE)
_LINE_KEY = re.compile(
    rf"^[ \t{{'\"*_#,]{{0,12}}{_KEY}['\"*_]{{0,4}}[ \t]{{0,4}}:[*_]{{0,2}}", re.IGNORECASE | re.MULTILINE
)
_QUOTED_KEY = re.compile(rf"[,{{]\s{{0,8}}(?P<quote>['\"]){_KEY}(?P=quote)\s{{0,8}}:", re.IGNORECASE)
_DOUBLE = re.compile(r"\[\[(?P<score>[0-9])\]\]")
_BRACKETED = re.compile(r"\[\[([A-Z0-9]{1,3})\]\]")
_BARE = re.compile(r"[\W_]{0,12}([A-Z]{1,26}|[0-9])[\W_]{0,12}")


def _json_section(text: str) -> tuple[int, int] | None:
    """Where the value of the key stands, if the answer is a JSON object, in a code fence or not."""
    opening, closing = text.find("{"), text.rfind("}")
    if opening < 0 or closing < opening or _WORDS.search(text[:opening].replace("json", "")):
        return None
    try:
        record = json.loads(text[opening : closing + 1], strict=False)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, Mapping) or not any(re.fullmatch(_KEY, str(key), re.IGNORECASE) for key in record):
        return None
    # The value is the text after the last key that stands outside strings; earlier ones may be quoted.
    keys = [match for match in _JSON_KEY.finditer(text) if text[match.start() - 1] != "\\"]
    return (keys[-1].end(), closing) if keys else None


def _line_section(text: str) -> tuple[int, int] | None:
    keys = list(_LINE_KEY.finditer(text)) or list(_QUOTED_KEY.finditer(text))
    return (keys[-1].end(), len(text.rstrip())) if keys else None


def _is_held(section: str, shown: str) -> bool:
    words = fold(section)
    return len(words) > 1 and bool(re.search(_KEY, shown, re.IGNORECASE)) and words.strip("'\"}") in fold(shown)


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
_WORDS = re.compile(r"\w")


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
    if kind == "score":
        labels = [
            Statement(*match.span(), _in_scale(match["score"]), 0, match.start()) for match in _DOUBLE.finditer(text)
        ]
        if labels:
            return decide(text, labels, "last", responses)
        return parse_score(text, n_responses, responses, "last", _SCALE)
    parse = parse_preference if kind == "preference" else parse_ranking
    return parse(text, n_responses, responses, "last")

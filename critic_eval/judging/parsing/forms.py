"""Verdicts in a form that a protocol declares: behind a label, in a tag, under a key, by a pattern, on a line.

A form only finds statements and says what each means; which of them counts is decided as in any other answer (see
`reading`). Thoughts are cut first, the last statement binds, two that differ are contradictory unless the critic takes
the first one back, and what stands in quoted text is not the critic's. An answer without the form has no verdict.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Literal

import json_repair
import regex

from critic_eval.errors import ArgumentError
from critic_eval.judging.parsing.answer import Marks, find_answer
from critic_eval.judging.parsing.attribution import REPORT
from critic_eval.judging.parsing.containers import Found, objects
from critic_eval.judging.parsing.contents import ReadContent, head_of
from critic_eval.judging.parsing.numbers import stated_top
from critic_eval.judging.parsing.places import VerdictPosition, line_bounds
from critic_eval.judging.parsing.quotations import words_of
from critic_eval.judging.parsing.reading import Parsed, read
from critic_eval.judging.parsing.statements import Statement
from critic_eval.judging.verdicts import CONTRADICTORY, Invalid, Verdict

Where = Literal["words", "label", "tag", "json", "pattern", "line"]

PATTERN_SECONDS = 1.5
"""Of computing that a pattern may take on one answer, of which at most 40,000 characters are read."""


@dataclass(frozen=True)
class AnswerForm:
    """Where in an answer the verdict stands, and which words are which verdict.

    `what` is the label, the tag's name, the key (dots lead into objects), the pattern (its group `verdict` is read),
    `first` or `last` for a line, or, for `words`, a name of `words.WORDS`. `verdicts` are pairs of words and what they
    mean: 0, 1 or None (a tie) for a preference, a number for a score; without any, the usual words are read.
    """

    where: Where = "words"
    what: str = "default"
    verdicts: tuple[tuple[str, float | None], ...] = ()

    def to_record(self) -> dict[str, Any]:
        """A dict that JSON can hold."""
        return {"where": self.where, "what": self.what, "verdicts": [list(pair) for pair in self.verdicts]}


@dataclass(frozen=True)
class FormParser:
    """Reads a verdict in a form of a protocol's; a parser as `critic_eval.judging.Parser` describes it."""

    form: AnswerForm
    read_content: ReadContent

    def __call__(
        self, text: str, n_responses: int, responses: Sequence[str] = (), *, marks: Sequence[Marks] = ()
    ) -> Parsed:
        """Read one answer; never raises on any text."""
        is_first = self.form.where == "line" and self.form.what == "first"
        find = partial(self._find, value=partial(self.read_content, n_responses=n_responses))
        return read(text, find, "first" if is_first else "last", responses, marks)

    def _find(self, text: str, position: VerdictPosition, value: Callable[[str], Verdict]) -> Iterator[Statement]:
        statements = list(_FINDERS[self.form.where](text, self.form.what, value))
        # "Final score: a number from 1 to 5" repeats the prompt and states nothing, unless there is nothing else.
        readable = [entry for entry in statements if not (entry.verdict.reason or "").startswith("unreadable")]
        return iter(readable or statements)


class PatternTimeoutError(ValueError):
    """A pattern took too long on an answer, which then is unreadable."""


def check_form(form: AnswerForm) -> None:
    """Raise ArgumentError, with what to write instead, for a form that no answer could hold or that takes too long."""
    if form.where == "label" and not re.search(r"\w", _label_words(form.what)):
        raise ArgumentError(f"a label is words, such as Final score, not {form.what!r}.")
    if form.where == "tag":
        if not re.fullmatch(r"[A-Za-z][\w-]{0,40}", form.what):
            raise ArgumentError(f"a tag is a name without brackets, such as answer, not {form.what!r}.")
        if not list(_in_tag(find_answer(f"<{form.what}>1</{form.what}>").text, form.what, Invalid)):
            raise ArgumentError(f"<{form.what}> is markup or opens a thought, and is not read; take another tag.")
    if form.where == "json" and not all(part.strip() for part in form.what.split(".")):
        raise ArgumentError(f"a key is a name, or names with dots between, such as result.score, not {form.what!r}.")
    if form.where == "line" and form.what not in ("first", "last"):
        raise ArgumentError(f"a line is first or last, not {form.what!r}.")
    if form.where == "pattern":
        _check_pattern(form.what)


def _check_pattern(pattern: str) -> None:
    try:
        groups = re.compile(pattern).groupindex
        _compiled(pattern)
    except (re.error, regex.error, OverflowError, RecursionError) as error:
        raise ArgumentError(f"the pattern is not a regular expression ({error}).") from error
    if "verdict" not in groups:
        raise ArgumentError("the pattern needs a group (?P<verdict>...) around what says the verdict.")
    literal = re.findall(r"[\w ]{1,20}|[^\w\s]", re.sub(r"\\[A-Za-z]|\(\?P?<\w+>", "", pattern))
    for unit in dict.fromkeys([*literal[:40], *"".join(literal)[:40], *_UNITS]):
        if _takes_long(pattern, (unit * _PROBED)[:_PROBED] + "!"):
            text = repr(unit * 3)
            raise ArgumentError(f"the pattern takes too long on {text}... ; bound what it repeats, as in .{{0,80}}.")


def _takes_long(pattern: str, text: str) -> bool:
    try:
        for _ in _matches(pattern, text, PATTERN_SECONDS):
            pass
    except PatternTimeoutError:
        return True
    return False


_UNITS = ("a", " ", "\n", "1", '"', "a ", "1 ", "a\n")
_PROBED = 16_000


def _labeled(text: str, label: str, value: Callable[[str], Verdict]) -> Iterator[Statement]:
    for match in _label_pattern(label).finditer(text):
        end = min(line_bounds(text, match.end())[1], match.end() + _LONGEST_LINE)
        content = head_of(text[match.end() : end])
        if content.strip():
            verdict, top = value(content), stated_top(match[0])
            if verdict.kind == "score" and top is not None and "/" not in content:
                verdict = value(f"{content}/{top}")  # "Score (out of 10): 4"
            yield Statement(match.start(), match.end() + len(content), verdict, "label", match.start())


def _in_tag(text: str, tag: str, value: Callable[[str], Verdict]) -> Iterator[Statement]:
    for match in _tag_pattern(tag).finditer(text):
        verdict = value(match["content"].strip() or " ")
        yield Statement(match.start(), match.end(), verdict, "answer tag", match.start())


def _under_key(text: str, key: str, value: Callable[[str], Verdict]) -> Iterator[Statement]:
    path = [part.strip().casefold() for part in key.split(".")]
    for answered in objects(text):
        contents = [_words(part) for part in _at(_decoded(text[answered.start : answered.end]), path)]
        if not contents:
            continue
        verdicts = {value(words) for words in contents}
        verdict = next(iter(verdicts)) if len(verdicts) == 1 else Invalid(CONTRADICTORY)
        keys = [span for span in _keys(text, answered, path[-1]) if _stands_behind(text, span[1], contents[-1])]
        if answered.is_mended and len(keys) != 1:
            verdict = Invalid(CONTRADICTORY)  # what was mended must stand in the answer itself
        core, end = (keys[-1][0], _end_of(text, keys[-1][1], contents[-1])) if keys else (answered.start, answered.end)
        yield Statement(answered.start, answered.end, verdict, "json", core, said_end=end)


def _by_pattern(text: str, pattern: str, value: Callable[[str], Verdict]) -> Iterator[Statement]:
    for match in _matches(pattern, text, PATTERN_SECONDS):
        start, end = match.span("verdict")
        if start == end:
            continue
        # Of all that a pattern matches, the word before the verdict and the verdict are the statement: a pattern that
        # begins with ".*" would else hide who speaks, or a quotation mark.
        before = text[match.start() : start]
        word = _LAST_WORD.search(before, max(0, len(before) - _LONGEST_LEAD))
        core = match.start() + (word.start() if word else _after_mark(before))
        lead = text[match.start() : core]
        is_plain = len(lead) <= _LONGEST_LEAD and _MARK.search(lead) is None and REPORT.search(lead) is None
        after = text[end : match.end()]
        end = match.end() if len(after) <= _LONGEST_LEAD and _MARK.search(after) is None else end
        yield Statement(
            match.start() if is_plain else core, end, value(text[slice(*match.span("verdict"))]), "label", core
        )


def _on_line(text: str, which: str, value: Callable[[str], Verdict]) -> Iterator[Statement]:
    lines = [match for match in _LINE.finditer(text) if re.search(r"\w", match["line"])]
    if lines:
        line = lines[0 if which == "first" else -1]
        yield Statement(line.start("line"), line.end("line"), value(line["line"]), "alone", line.start("line"))


_FINDERS: Mapping[str, Callable[[str, str, Callable[[str], Verdict]], Iterator[Statement]]] = {
    "label": _labeled,
    "tag": _in_tag,
    "json": _under_key,
    "pattern": _by_pattern,
    "line": _on_line,
}
_LONGEST_LINE, _LONGEST_LEAD = 400, 60
_LINE = re.compile(r"^[ \t]{0,40}(?:[>#*•-]{1,6}[ \t]{1,4})?(?P<line>[^\n]{1,400})", re.MULTILINE)
_MARK = re.compile('[\n“”„«»"`]')
_LAST_WORD = re.compile('\\w{1,40}[^\\w\n“”„«»"`]{0,20}\\Z')


def _after_mark(text: str) -> int:
    return max((match.end() for match in _MARK.finditer(text)), default=0)


def _label_words(label: str) -> str:
    # As an answer is read: without markup, which critics put where they like.
    return find_answer(label).text.strip().rstrip(":：= \t")


@lru_cache
def _label_pattern(label: str) -> re.Pattern[str]:
    words = r"\s{1,4}".join(re.escape(word) for word in _label_words(label).split())
    return re.compile(
        rf"(?<!\w){words}[\"'*_`\])]{{0,3}}(?:[ ]?\([^()\n]{{0,40}}\))?[\"'*_`\])]{{0,3}}[ \t]{{0,3}}"
        r"(?:[:：=|]|->|→|(?:is|would be)\b[ \t]?:?|(?=\n))(?:[ \t*_]{0,6}\n){0,2}[ \t*_]{0,6}",
        re.IGNORECASE,
    )


@lru_cache
def _tag_pattern(tag: str) -> re.Pattern[str]:
    name = re.escape(tag)
    return re.compile(
        rf"<[ ]?{name}[ ]?>(?P<content>(?:(?!<[ ]?{name}[ ]?>).){{0,2000}}?)(?:<[ ]?/[ ]?{name}[ ]?>|\s{{0,20}}\Z)",
        re.IGNORECASE | re.DOTALL,
    )


@lru_cache
def _compiled(pattern: str) -> Any:
    return regex.compile(pattern)


def _matches(pattern: str, text: str, seconds: float) -> Iterator[Any]:
    # Python's `re` can't be stopped; `regex` takes what `re` takes, and ends a search that goes on for too long.
    try:
        yield from _compiled(pattern).finditer(text, timeout=seconds)
    except TimeoutError as error:
        raise PatternTimeoutError(pattern) from error


class _Pairs(list[tuple[str, Any]]):
    """An object's pairs, so that a key that comes twice is seen twice."""


_DECODER = json.JSONDecoder(
    strict=False, object_pairs_hook=_Pairs, parse_int=lambda digits: int(digits) if len(digits) < 16 else digits
)


def _decoded(segment: str) -> Any:
    try:
        return _DECODER.decode(segment)
    except (ValueError, RecursionError):
        try:
            return json_repair.loads(segment)
        except (ValueError, RecursionError, TypeError, IndexError, KeyError, AttributeError):
            return None


def _at(value: Any, path: Sequence[str]) -> Iterator[Any]:
    """All that stands at a path of keys; a key may come twice."""
    if not path:
        yield value
        return
    pairs = value if isinstance(value, _Pairs) else value.items() if isinstance(value, Mapping) else ()
    for key, inner in pairs:
        if isinstance(key, str) and key.strip().casefold() == path[0]:
            yield from _at(inner, path[1:])


def _words(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, list) and not isinstance(value, _Pairs):
        return ", ".join(_words(part) for part in value[:64])
    if isinstance(value, (_Pairs, Mapping)):
        return "{...}"
    return str(value)[:2000]


def _keys(text: str, answered: Found, key: str) -> list[tuple[int, int]]:
    pattern = re.compile(rf"(?<!\\)[\"'“‘]?{re.escape(key)}[\"'”’]?\s{{0,8}}[:=]\s{{0,8}}", re.IGNORECASE)
    return [match.span() for match in pattern.finditer(text, answered.start, answered.end)]


def _end_of(text: str, start: int, words: str) -> int:
    """Where words end that stand behind a place, in quotation marks or not."""
    at = text.find(words[:60], start, start + 400)
    return start + 1 if at < 0 or not words else at + len(words[:60])


def _stands_behind(text: str, start: int, words: str) -> bool:
    return words_of(text[start : start + 400]).startswith(words_of(words[:60]).rstrip())

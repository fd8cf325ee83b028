r"""Protocols from YAML files, strictly: what a protocol does not have is refused in a sentence that names file and key.

A file declares one protocol. `templates/protocol/my_prompt.yaml` is an example to copy. Its keys:

`name`: what it is called; by default the file's name without its ending.
`kind`: `preference` (of two), `score` (of one), `scores` (one of each, at once) or `ranking`.
`template`: the prompt, to the letter. {question}, {reference}, {rubric} and {context} stand for the item's texts, {a},
    {b}, ... for the responses in the order in which they are shown, {responses} for all of them.
`response_template`: how each of {responses} is written, with {text}, and {letter} or {number}.
`system`: a system message before the prompt.
`scale`: least and greatest score, such as [1, 5].
`responses`: how many it takes, such as 2 or [2, 26].
`answer`: where in an answer the verdict stands. `words`, the default, reads what critics usually write
    ("The better response: [first]", "Score: 85", "Ranking: [B > A]"). Else a mapping with one of
    `label: Final score`, `tag: answer` (`<answer>...</answer>`), `json: result.score` (a key), `line: last` or `first`,
    `pattern: 'Winner=(?P<verdict>\w+)'` (Python's regular expressions, on the answer without markup), or `words: NAME`
    for a special reader (see `parsing.words`); and with it `verdicts`, a mapping of words to what they mean: A, B or
    tie, or a number on the scale. How verdicts in such a form are weighed says `parsing.forms`.
`verdict_position`: whether the prompt asks for the verdict `first`, or `last`, after the reasons. By default that is
    first for words, and last for other forms.
`verdict_form`: how an answer begins that begins with its verdict, for `verdict_only`: `stem` ("Score: ["), `options`
    (by default the whole numbers of the scale) and `close` ("]").
`closing_form`: the same for a verdict that is said after the reasons, for `when_unread=elicit`.
`reasoning_marks`: pairs that open and close thoughts, such as [["<plan>", "</plan>"]]; the usual ones are known.
`max_new_tokens`, `until`: how long an answer may be, and texts that end it.
`source`: where the wording comes from.
`extends`: the name of a protocol whose keys hold where this file gives none; `before` is put before its template.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from string import ascii_lowercase
from typing import Any

from critic_eval.errors import ArgumentError
from critic_eval.judging.orders import MAX_RESPONSES
from critic_eval.judging.parsing.contents import ReadContent
from critic_eval.judging.parsing.forms import AnswerForm, FormParser
from critic_eval.judging.parsing.places import VerdictPosition
from critic_eval.judging.parsing.words import WordsParser
from critic_eval.judging.protocol import WHOLE_PROMPT, Parser, Protocol, VerdictForm
from critic_eval.judging.protocol_answers import is_number, read_answer, read_position
from critic_eval.judging.verdicts import LabelKind
from critic_eval.yaml_files import Section, read_yaml

KEYS = (
    "name kind template response_template system scale responses answer verdict_position verdict_form closing_form"
    " reasoning_marks max_new_tokens until source extends before".split()
)
"""All that a file may have."""


def read_protocol(file: Path, find: Callable[[str], Protocol]) -> Protocol:
    """The protocol that a file declares.

    Args:
        file: The YAML file that declares the protocol.
        find: Gives the protocol that it extends, by name.

    Raises:
        ArgumentError: The file can't be read, or declares what a protocol does not have; names file and key.
    """
    content = read_yaml(file)
    Section(content, f"{file}: a protocol").only(KEYS)
    try:
        protocol = _extended(content, find) if "extends" in content else _declared(content)
        protocol = replace(protocol, name=_text(content, "name", file.stem))
        opening, closing = (_form(content, key, protocol) for key in ("verdict_form", "closing_form"))
        return replace(protocol, verdict_form=opening, closing_form=closing)
    except ArgumentError as error:
        raise ArgumentError(f"{file}: {error}") from error


def with_answer(protocol: Protocol, answer: AnswerForm) -> Protocol:
    """The same protocol, its answers read in another form, after the reasons."""
    parser = _parser(protocol.kind, answer, protocol.scale, "last", protocol.has_several_scores)
    return replace(protocol, answer=answer, parser=parser, verdict_position="last", verdict_form=None)


_KINDS: dict[str, tuple[LabelKind, tuple[int, int], tuple[int, int]]] = {
    "preference": ("preference", (2, 2), (2, 2)),
    "score": ("score", (1, 1), (1, 1)),
    "scores": ("score", (2, 2), (2, MAX_RESPONSES)),
    "ranking": ("ranking", (2, MAX_RESPONSES), (2, MAX_RESPONSES)),
}
"""What a protocol of each kind gives, on how many responses by default, and on how many it can."""


def _declared(content: Mapping[str, Any]) -> Protocol:
    kind_name = content.get("kind")
    if kind_name not in _KINDS:
        raise ArgumentError(f"kind is {', '.join(_KINDS)}, not {kind_name!r}.")
    if "before" in content:
        raise ArgumentError("before is put before the template of what a file extends; write template alone.")
    kind, usual, possible = _KINDS[kind_name]
    counts = _counts(content.get("responses"), usual, possible, kind_name)
    answer = read_answer(content.get("answer", "words"), kind)
    if kind_name == "scores" and answer.where == "words" and counts != (2, 2):
        raise ArgumentError("responses are 2 where scores are read in words; give an answer in another form.")
    scale = _scale(content.get("scale"), kind, answer)
    position = read_position(content.get("verdict_position"), answer)
    protocol = Protocol(
        name="",
        kind=kind,
        template=_text(content, "template"),
        parser=_parser(kind, answer, scale, position, kind_name == "scores"),
        source=_text(content, "source", "a user's own wording"),
        n_responses=counts,
        response_template=_text(content, "response_template", ""),
        scale=scale,
        verdict_position=position,
        max_new_tokens=_tokens(content.get("max_new_tokens")),
        until=_texts(content.get("until"), "until"),
        reasoning_marks=read_marks(content.get("reasoning_marks")),
        system=_text(content, "system", "") or None,
        answer=answer,
    )
    _check_template(protocol)
    return protocol


def _extended(content: Mapping[str, Any], find: Callable[[str], Protocol]) -> Protocol:
    name = _text(content, "extends")
    if not re.fullmatch(r"[\w -]+", name):
        raise ArgumentError(f"extends is the name of a protocol, not {name!r}.")
    if "before" in content and "template" in content:
        raise ArgumentError("before is put before the template of what a file extends; give it or template.")
    try:
        base = find(name)
    except ArgumentError as error:
        raise ArgumentError(f"extends: {error}") from error
    kind_name = "scores" if base.has_several_scores else base.kind
    if content.get("kind", kind_name) != kind_name:
        raise ArgumentError(f"kind is that of {name}, {kind_name}; leave it out.")
    if not isinstance(base.parser, (WordsParser, FormParser)) and "answer" not in content:
        raise ArgumentError(f"{name} has a parser in Python; say how your answer is read.")
    inherited = {
        "template": base.template,
        "response_template": base.response_template,
        "source": base.source,
        "system": base.system or "",
        "responses": list(base.n_responses),
        "scale": None if base.scale is None else list(base.scale),
        "until": list(base.until),
        "reasoning_marks": [list(pair) for pair in base.reasoning_marks],
        "max_new_tokens": base.max_new_tokens,
        "verdict_position": None if "answer" in content else base.verdict_position,
        "answer": base.answer,
    }
    given = {
        key: value
        for key, value in content.items()
        if key not in ("name", "extends", "before", "verdict_form", "closing_form")
    }
    merged = {**inherited, **given, "kind": kind_name}
    merged["template"] = _text(content, "before", "") + _text(merged, "template")
    protocol = _declared(merged)
    is_first = protocol.verdict_position == "first" and protocol.answer == base.answer
    opening = base.verdict_form if is_first else None
    # Asked for last, a verdict is still said in the form in which it would be said first.
    closing = (
        (base.closing_form or (None if opening else base.verdict_form)) if protocol.answer == base.answer else None
    )
    return replace(protocol, verdict_form=opening, closing_form=closing)


def _parser(
    kind: LabelKind, answer: AnswerForm, scale: tuple[float, float] | None, position: VerdictPosition, has_several: bool
) -> Parser:
    within = scale or (0.0, 100.0)
    if answer.where == "words":
        return WordsParser(kind, position, within, has_several, answer.what)
    return FormParser(answer, ReadContent(kind, within, has_several, answer.verdicts))


def _text(content: Mapping[str, Any], key: str, default: str | None = None) -> str:
    value = content.get(key, default)
    if not isinstance(value, str) or (default is None and not value):
        raise ArgumentError(f"{key} is {'missing' if key not in content else f'text, not {value!r}'}.")
    return value


def _texts(given: Any, key: str) -> tuple[str, ...]:
    values = [] if given is None else [given] if isinstance(given, str) else given
    if not isinstance(values, list) or not all(isinstance(value, str) and value for value in values):
        raise ArgumentError(f"{key} is a text or a list of texts, not {given!r}.")
    return tuple(values)


def _counts(given: Any, usual: tuple[int, int], possible: tuple[int, int], kind: str) -> tuple[int, int]:
    if given is None:
        return usual
    counts = [given, given] if type(given) is int else given
    if not (isinstance(counts, list) and len(counts) == 2 and all(type(count) is int for count in counts)):
        raise ArgumentError(f"responses is a whole number, or the least and the most such as [2, 26], not {given!r}.")
    if not possible[0] <= counts[0] <= counts[1] <= possible[1]:
        least, most = possible
        bounds = str(least) if least == most else f"from {least} to {most}"
        raise ArgumentError(f"responses of a {kind} protocol are {bounds}, not {given!r}.")
    return counts[0], counts[1]


def _scale(given: Any, kind: LabelKind, answer: AnswerForm) -> tuple[float, float] | None:
    if kind != "score":
        if given is not None:
            raise ArgumentError(f"scale is for scores; a {kind} has none.")
        return None
    numbers = given if isinstance(given, list) else []
    if not (len(numbers) == 2 and all(map(is_number, numbers)) and numbers[0] < numbers[1]):
        raise ArgumentError(f"scale is the least and the greatest score, such as [1, 5], not {given!r}.")
    for words, meaning in answer.verdicts:
        if meaning is None or not numbers[0] <= meaning <= numbers[1]:
            raise ArgumentError(f"verdicts: {words!r} means a number on the scale, not {meaning!r}.")
    return float(numbers[0]), float(numbers[1])


def _tokens(given: Any) -> int | None:
    if given is not None and (type(given) is not int or not 1 <= given <= _MOST_TOKENS):
        raise ArgumentError(f"max_new_tokens is a whole number from 1 to {_MOST_TOKENS:,}, not {given!r}.")
    return given


_MOST_TOKENS = 1_000_000


def read_marks(given: Any) -> tuple[tuple[str, str], ...]:
    """The pairs that `reasoning_marks` of a file gives; none for None. Raises ArgumentError for anything else."""
    pairs = [] if given is None else given
    for pair in pairs if isinstance(pairs, list) else [pairs]:
        if not (isinstance(pair, list) and len(pair) == 2 and all(isinstance(mark, str) and mark for mark in pair)):
            raise ArgumentError(f'reasoning_marks are pairs such as [["<plan>", "</plan>"]], not {given!r}.')
    return tuple((opening, closing) for opening, closing in pairs)


def _form(content: Mapping[str, Any], key: str, protocol: Protocol) -> VerdictForm | None:
    given = content.get(key)
    if given is None:
        inherited: VerdictForm | None = getattr(protocol, key)
        return inherited
    if not isinstance(given, dict):
        raise ArgumentError(f"{key} is a mapping with stem, options and close, not {given!r}.")
    Section(given, key).only(("stem", "options", "close"))
    if key == "verdict_form" and protocol.verdict_position != "first":
        raise ArgumentError("verdict_form is for protocols whose verdict_position is first; give a closing_form.")
    options = given.get("options")
    if options is None and protocol.scale is not None:
        options = list(range(math.ceil(protocol.scale[0]), math.floor(protocol.scale[1]) + 1))
    if not isinstance(options, list) or not options or not all(type(option) in (str, int) for option in options):
        raise ArgumentError(f"{key}: options is a list of words, not {options!r}.")
    form = VerdictForm(_text(given, "stem"), tuple(map(str, options)), _text(given, "close", "]"))
    for option, text in zip(form.options, form.texts(), strict=True):
        reason = protocol.parse(text, protocol.n_responses[0]).verdict.reason
        if reason is not None:
            raise ArgumentError(f"{key}: {text!r} is not read as the verdict {option} ({reason}).")
    return form


_FIELDS = ("question", "reference", "rubric", "context", "responses")


def _check_template(protocol: Protocol) -> None:
    """Refuse a template that shows too few responses, or all of them in no form, and misspelled fields."""
    fields = set(re.findall(r"\{([a-z]+)\}", protocol.template))
    letters = [letter for letter in ascii_lowercase[: protocol.n_responses[0]] if letter not in fields]
    if "responses" in fields:
        if "{text}" not in protocol.response_template:
            raise ArgumentError("response_template is missing, or lacks {text}; it says how each of {responses} looks.")
    elif protocol.response_template:
        raise ArgumentError("response_template is given, but template has no {responses} to put the responses.")
    elif protocol.template != WHOLE_PROMPT and (letters or protocol.n_responses[0] != protocol.n_responses[1]):
        missing = ", ".join(f"{{{letter}}}" for letter in letters) or "{responses}"
        raise ArgumentError(f"template does not show every response; it lacks {missing}.")
    for field in sorted(fields - {*_FIELDS, *ascii_lowercase}):
        near = get_close_matches(field, _FIELDS, n=1, cutoff=0.75)
        if near:
            raise ArgumentError(f"template: there is no {{{field}}}; did you mean {{{near[0]}}}?")

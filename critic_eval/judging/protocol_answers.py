"""The key `answer` of a protocol's file: where in an answer the verdict stands, and which words are which verdict."""

import math
from typing import Any, get_args

from critic_eval.errors import ArgumentError
from critic_eval.judging.parsing.forms import AnswerForm, Where, check_form
from critic_eval.judging.parsing.places import VerdictPosition
from critic_eval.judging.parsing.words import WORDS
from critic_eval.judging.verdicts import LabelKind
from critic_eval.yaml_files import Section


def read_answer(given: Any, kind: LabelKind) -> AnswerForm:
    """The form that a file declares for a kind of verdict. Raises ArgumentError that names the key."""
    if isinstance(given, AnswerForm):  # of the protocol that a file extends
        return given
    if given == "words":
        return AnswerForm()
    forms = get_args(Where)
    if not isinstance(given, dict):
        raise ArgumentError(f"answer is words, or a mapping with one of {', '.join(forms)}; not {given!r}.")
    Section(given, "answer").only((*forms, "verdicts"))
    named = [key for key in forms if key in given]
    if len(named) != 1:
        raise ArgumentError(f"answer has one of {', '.join(forms)}, not {' and '.join(named) or 'none'}.")
    (where,) = named
    what = given[where]
    if not isinstance(what, str) or not what:
        raise ArgumentError(f"answer: {where} is text, not {what!r}; put it in quotation marks.")
    form = AnswerForm(where, what, _meanings(given.get("verdicts"), where, kind))
    if where == "words" and (form.what not in WORDS or WORDS[form.what] not in (None, kind)):
        readers = ", ".join(name for name, reads in WORDS.items() if reads in (None, kind))
        raise ArgumentError(f"answer: words of a {kind} protocol are {readers}, not {form.what!r}.")
    try:
        check_form(form)
    except ArgumentError as error:
        raise ArgumentError(f"answer: {error}") from error
    return form


def _meanings(given: Any, where: str, kind: LabelKind) -> tuple[tuple[str, float | None], ...]:
    if given is None:
        return ()
    if where == "words" or kind == "ranking":
        raise ArgumentError(
            f"verdicts can't be given for {'words' if where == 'words' else 'a ranking'}; leave it out."
        )
    if not isinstance(given, dict) or not given:
        raise ArgumentError(f'verdicts is a mapping such as {{"1": A, "2": B, equal: tie}}, not {given!r}.')
    meanings = []
    for words, meaning in given.items():
        if not isinstance(words, (str, int)) or isinstance(words, bool):
            raise ArgumentError(f"verdicts: {words!r} is not text; put what an answer says in quotation marks.")
        if kind == "preference":
            if meaning not in _SIDES:
                raise ArgumentError(f"verdicts: {words!r} means A, B or tie, not {meaning!r}.")
            meanings.append((str(words), _SIDES[meaning]))
        elif not is_number(meaning):
            raise ArgumentError(f"verdicts: {words!r} means a number on the scale, not {meaning!r}.")
        else:
            meanings.append((str(words), float(meaning)))
    return tuple(meanings)


_SIDES: dict[Any, float | None] = {"A": 0, "B": 1, "tie": None}


def read_position(given: Any, answer: AnswerForm) -> VerdictPosition:
    """Where the verdict is asked for: as declared, or as usual for the form. Raises ArgumentError."""
    is_first_line = answer.where == "line" and answer.what == "first"
    usual: VerdictPosition = "first" if answer.where == "words" or is_first_line else "last"
    if given not in (None, "first", "last"):
        raise ArgumentError(f"verdict_position is first or last, not {given!r}.")
    if answer.where == "line" and given not in (None, usual):
        raise ArgumentError(f"verdict_position is {given}, and answer is the line that comes {usual}; say one thing.")
    return given or usual


def is_number(value: Any) -> bool:
    """Whether a value of a file is a finite number."""
    return type(value) in (int, float) and math.isfinite(value)

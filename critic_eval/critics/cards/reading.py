r"""Cards from YAML files, strictly: what a card does not have is refused in a sentence that names file and key.

The keys are the attributes of `Card`, but for these: `source`, `about` and `checked` are text; `protocols` is a mapping
of `score`, `pair` and `rank` to the name of a protocol or to a file beside the card; `answer` is a mapping of
`preference`, `score` and `ranking` to an answer form as protocols declare it, such as `{tag: answer}`; `decoding` is
`greedy`, or a mapping with `temperature`, and perhaps `top_p` and `top_k`; `trained_on` is a mapping of tasks to what
is known of their data in its training. `templates/critic/my_critic.yaml` is an example to copy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

from critic_eval.critics.cards.card import Card, Decoding, Loaded, Prompts
from critic_eval.errors import ArgumentError
from critic_eval.judging import LabelKind
from critic_eval.judging.parsing.forms import AnswerForm
from critic_eval.judging.protocol_answers import is_number, read_answer
from critic_eval.judging.protocol_files import read_marks
from critic_eval.judging.protocols import get_protocol
from critic_eval.yaml_files import Section, read_yaml

KEYS = tuple(field.name for field in fields(Card))
"""All that a file may have."""
_SHAPES = {"score": ("score", False), "pair": ("preference", False), "rank": ("ranking", False)}


def read_card(file: Path) -> Card:
    """The card that a file holds.

    Raises:
        ArgumentError: the file can't be read, or holds what a card does not have; names file and key.
    """
    content = read_yaml(file)
    section = Section(content, f"{file}: a card")
    section.only(KEYS)
    try:
        return _card(section, content, file)
    except ArgumentError as error:
        raise error if str(file) in str(error) else ArgumentError(f"{file}: {error}") from error


def _card(section: Section, content: Mapping[str, Any], file: Path) -> Card:
    thinks = section.value("thinks", False)
    if not isinstance(thinks, bool):
        raise ArgumentError(f"thinks is true or false, not {thinks!r}.")
    return Card(
        name=section.text("name", file.stem),
        about=section.text("about", ""),
        source=section.text("source", "a user's own card"),
        checked=section.text("checked", "not checked"),
        hub=section.texts("hub"),
        config=_config(section),
        rank=_whole(section, "rank", 0) or 0,
        pretrained=section.text("pretrained", "") or None,
        loaded=section.choice("loaded", get_args(Loaded), "checkpoint"),
        base_url=section.text("base_url", "") or None,
        conversation=section.text("conversation", "") or None,
        system=_literal(content, "system") or None,
        protocols=_protocols(section, file.parent),
        prompts=section.choice("prompts", get_args(Prompts), "the benchmark's"),
        suffix=_literal(content, "suffix"),
        reasoning_marks=read_marks(section.value("reasoning_marks", None)),
        thinks=thinks,
        answer=_answers(section),
        decoding=_decoding(section),
        max_new_tokens=_whole(section, "max_new_tokens"),
        min_pixels=_whole(section, "min_pixels"),
        max_pixels=_whole(section, "max_pixels"),
        trained_on={str(task): str(known) for task, known in section.mapping("trained_on").items()},
        published=section.texts("published"),
    )


def _literal(content: Mapping[str, Any], key: str) -> str:
    """A text to the letter, with the spaces around it."""
    value = content.get(key, "")
    if not isinstance(value, str):
        raise ArgumentError(f"{key} is text, not {value!r}.")
    return value


def _config(section: Section) -> dict[str, tuple[str, ...]]:
    rules = section.section("config")
    return {key: rules.texts(key) for key in rules}


def _whole(section: Section, key: str, least: int = 1) -> int | None:
    value = section.value(key, None)
    if value is not None and (type(value) is not int or value < least):
        raise ArgumentError(f"{key} is a whole number from {least} on, not {value!r}.")
    return value


def _protocols(section: Section, folder: Path) -> dict[str, str]:
    """The names of its protocols, each of the kind that it is for; those of files are registered."""
    given = section.section("protocols")
    given.only(tuple(_SHAPES))
    names = {}
    for use in given:
        text = given.text(use)
        is_file = text.endswith((".yaml", ".yml"))
        protocol = get_protocol(str(folder / text) if is_file else text)
        if protocol.shape != _SHAPES[use]:
            raise ArgumentError(f"protocols: {text} asks for a {protocol.kind}, which is no protocol for a {use}.")
        names[use] = protocol.name
    return names


def _answers(section: Section) -> dict[LabelKind, AnswerForm]:
    given = section.section("answer")
    given.only(get_args(LabelKind))
    return {kind: read_answer(given.value(kind), kind) for kind in get_args(LabelKind) if kind in given}


def _decoding(section: Section) -> Decoding:
    if section.value("decoding", "greedy") == "greedy":
        return Decoding()
    given = section.section("decoding")
    given.only(("temperature", "top_p", "top_k"))
    temperature, top_p = given.value("temperature", None), given.value("top_p", None)
    if not is_number(temperature) or temperature <= 0:
        raise ArgumentError(f"decoding: temperature is a number above 0, not {temperature!r}; or decoding is greedy.")
    if top_p is not None and not (is_number(top_p) and 0 < top_p <= 1):
        raise ArgumentError(f"decoding: top_p is above 0 and at most 1, not {top_p!r}.")
    return Decoding(float(temperature), None if top_p is None else float(top_p), _whole(given, "top_k"))

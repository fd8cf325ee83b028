"""Which card a critic has: by the name that a run gives, by hub id, or by what its checkpoint's config says."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

from critic_eval.critics.cards.card import Card
from critic_eval.critics.cards.reading import read_card
from critic_eval.errors import ArgumentError
from critic_eval.registry import Registry

NO_CARD = "none"
"""The name that asks for no card, whatever the critic is."""


def get_card(name: str | os.PathLike[str]) -> Card:
    """The card of that name, or of that file (`my_critic.yaml`, or any path with a separator).

    Raises:
        ArgumentError: there is no such card, and near names; or the file can't be used.

    >>> get_card("r1_reward").protocols["pair"]
    'r1_reward_pair'
    """
    text = os.fspath(name)
    if text.endswith((".yaml", ".yml")) or os.sep in text:
        return read_card(Path(text))
    return _cards().get(text)


def card_names() -> list[str]:
    """All names that `get_card` knows, sorted."""
    return _cards().names()


def register_card(card: Card | str | os.PathLike[str]) -> Card:
    """Add a card, or the one that a file holds, and give it back; for plugins.

    Raises:
        ArgumentError: the name is taken, or the file can't be used.
    """
    read = card if isinstance(card, Card) else read_card(Path(card))
    return _cards().add(read.name, read)


def find_card(
    named: str | os.PathLike[str] | None, pretrained: str | None, config: Mapping[str, Any] | None = None
) -> Card | None:
    """The card of a critic; None where none is known, or the run asks for none.

    Args:
        named: what the run says: a card's name, a file, or `none`.
        pretrained: hub id, folder, or a server's name of its model.
        config: the checkpoint's `config.json`, where it is at hand. Its `_name_or_path` tells of a copy in a folder
            what it is a copy of.

    Raises:
        ArgumentError: the card that is named does not exist, or can't be used.

    >>> find_card(None, "lmms-lab/LLaVA-Critic-R1-7B").name
    'llava_critic_r1'
    """
    if named is not None:
        return None if named == NO_CARD else get_card(named)
    cards = [_cards().get(name) for name in card_names()]
    known_as = [str(pretrained or ""), str((config or {}).get("_name_or_path") or "")]
    by_name = [(len(pattern), card) for card in cards for pattern in card.hub if _fits(pattern, known_as)]
    if by_name:
        return max(by_name, key=lambda fitting: fitting[0])[1]  # the longest pattern says most
    by_config = [card for card in cards if card.config and _is_said(card.config, config or {})]
    return max(by_config, key=lambda card: card.rank, default=None)


def _fits(pattern: str, names: list[str]) -> bool:
    """Whether a name is of a pattern, with its owner or without, as folders are called."""
    pattern = pattern.lower()
    short = pattern.rsplit("/", 1)[-1]
    for name in filter(None, names):
        parts = re.split(r"[\\/]", name.lower().rstrip("/\\"))
        if fnmatchcase("/".join(parts[-2:]), pattern) or fnmatchcase(parts[-1], short):
            return True
    return False


def _is_said(rules: Mapping[str, tuple[str, ...]], config: Mapping[str, Any]) -> bool:
    for key, wanted in rules.items():
        said = config.get(key)
        values = said if isinstance(said, list) else [said]
        if not any(fnmatchcase(str(value), pattern) for value in values for pattern in wanted):
            return False
    return True


@cache
def _cards() -> Registry[Card]:
    registry: Registry[Card] = Registry("card")
    for file in sorted(Path(__file__).parent.glob("*.yaml")):
        card = read_card(file)
        if card.name != file.stem:
            raise ArgumentError(f"{file} is the card of {card.name}; a card is named as its file.")
        registry.add(card.name, card)
    return registry

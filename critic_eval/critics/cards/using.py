"""A run's use of a card: what the card decides, and what the run decided in its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from critic_eval.critics.cards.card import Card, Decoding
from critic_eval.critics.cards.finding import find_card
from critic_eval.critics.embedded import resolve_pretrained
from critic_eval.critics.engines.arguments import DEFAULT_PRETRAINED
from critic_eval.errors import ArgumentError, CheckpointError
from critic_eval.judging import Protocol

LOADING = ("conversation", "min_pixels", "max_pixels", "base_url")
"""Arguments of engines that a card may give."""


@dataclass(frozen=True)
class CardUse:
    """The card of a critic, if it has one, as a run uses it.

    Attributes:
        card: None where none is known.
        arguments: of the engine, where the run gave none: `pretrained`, and those of `LOADING`.
        decoding: how answers are drawn.
        overridden: keys of the card in whose place the run gave its own.
    """

    card: Card | None
    arguments: Mapping[str, Any]
    decoding: Decoding
    overridden: tuple[str, ...] = ()

    @property
    def settings(self) -> dict[str, str]:
        """What a signature says of it."""
        if self.card is None:
            return {}
        return {
            "card": self.card.name,
            **({"card_prompt": self.card.prompt_hash} if self.card.prompt_hash else {}),
            **({"card_overridden": "+".join(self.overridden)} if self.overridden else {}),
        }

    def check_head(self, gives_rewards: bool) -> None:
        """Raise ArgumentError where the card promises a reward head, and the critic that was opened has none."""
        if self.card is not None and self.card.loaded == "reward_head" and not gives_rewards:
            raise ArgumentError(
                f"{self.card.name} judges by a reward head, of which there is none here: a server is asked for text "
                "alone, and a checkpoint needs its value_head.safetensors or value_head.bin."
            )

    def protocol_for(self, asked: Protocol, *, is_chosen: bool = False, is_fixed: bool = False) -> Protocol:
        """How the critic is asked where a protocol asks; see `Card.protocol_for`."""
        if self.card is None:
            return asked
        return self.card.protocol_for(asked, is_chosen=is_chosen, is_fixed=is_fixed)


def use_card(named: str | None, given: Mapping[str, Any]) -> CardUse:
    """Find the card of a critic, and join it with what a run gives.

    Args:
        named: the card that the run names: by name, as a file, or `none`.
        given: arguments of the run by name, None where there is none: `pretrained`, `revision`, `protocol`,
            `temperature`, `top_p`, `top_k` and those of `LOADING`.

    Raises:
        ArgumentError: the card that is named does not exist, or can't be used.
    """
    pretrained, base_url = given.get("pretrained"), given.get("base_url")
    card = find_card(named, pretrained or (None if base_url or named else DEFAULT_PRETRAINED))
    if card is None and named is None and not base_url:
        card = find_card(None, pretrained, _config(pretrained, given.get("revision")))
    decoding = _decoding(card, given)
    if card is None:
        return CardUse(None, {"pretrained": pretrained or (None if base_url else DEFAULT_PRETRAINED)}, decoding)
    of_card = {name: getattr(card, name) for name in LOADING if getattr(card, name) is not None}
    overridden = [name for name in of_card if given.get(name) not in (None, of_card[name])]
    overridden += ["protocol"] if given.get("protocol") and card.protocols else []
    overridden += ["decoding"] if decoding != card.decoding else []
    limit = given.get("max_new_tokens")
    overridden += ["max_new_tokens"] if limit and card.max_new_tokens and int(limit) < card.max_new_tokens else []
    kept = {name: value for name, value in of_card.items() if given.get(name) is None}
    name = pretrained or (card.pretrained if named or not base_url else None)
    return CardUse(card, {"pretrained": name, **kept}, decoding, tuple(sorted(overridden)))


def _decoding(card: Card | None, given: Mapping[str, Any]) -> Decoding:
    """The run's, where it gives a temperature, or else the card's, with what the run gives besides."""
    base = Decoding() if card is None else card.decoding
    temperature, top_p, top_k = (given.get(name) for name in ("temperature", "top_p", "top_k"))
    if temperature is not None and float(temperature) == 0:
        return Decoding()
    return Decoding(
        base.temperature if temperature is None else float(temperature),
        base.top_p if top_p is None else float(top_p),
        base.top_k if top_k is None else int(top_k),
    )


def _config(pretrained: str | None, revision: str | None) -> Mapping[str, Any]:
    """A checkpoint's config; an empty one where it can't be had, which whoever loads the checkpoint explains."""
    from critic_eval.critics.checkpoints.sources import fetch, read_config  # transformers comes with it

    try:
        folder, _, _ = fetch(resolve_pretrained(pretrained or DEFAULT_PRETRAINED), revision)
        return read_config(folder)
    except CheckpointError:
        return {}

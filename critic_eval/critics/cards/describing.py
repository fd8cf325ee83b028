"""A card in words, for people."""

from __future__ import annotations

from typing import Any

from critic_eval.critics.cards.card import Card


def card_facts(card: Card) -> dict[str, Any]:
    """What there is to say of a card; every value is text, empty where there is nothing."""
    return {
        "critic": card.name,
        "about": card.about,
        "names": ", ".join(card.hub) + _config(card),
        "loaded": _loaded(card),
        "prompts": _prompts(card),
        "suffix": card.suffix,
        "system": card.system or "",
        "thoughts": _thoughts(card),
        "decoding": "" if card.loaded == "reward_head" else _decoding(card),
        "tokens": f"{card.max_new_tokens} at least are left for an answer" if card.max_new_tokens else "",
        "pixels": f"{card.min_pixels or 'any'} to {card.max_pixels or 'any'}" if _has_pixels(card) else "",
        "trained on": "; ".join(f"{task}: {known}" for task, known in card.trained_on.items()),
        "published": ", ".join(card.published),
        "checked": card.checked,
        "source": card.source,
    }


def _config(card: Card) -> str:
    if not card.config:
        return ""
    rules = [f"{key} {' or '.join(values)}" for key, values in card.config.items()]
    return f"; or a config.json with {' and '.join(rules)}"


def _loaded(card: Card) -> str:
    if card.loaded == "server":
        return f"asked at {card.base_url}, by default {card.pretrained}; its key from CRITIC_EVAL_API_KEY"
    what = {"checkpoint": "a checkpoint", "reward_head": "a checkpoint whose head gives a reward"}[card.loaded]
    usual = f", by default {card.pretrained}" if card.pretrained else ""
    conversation = f", in the conversation {card.conversation}" if card.conversation else ""
    return what + usual + conversation


def _prompts(card: Card) -> str:
    if card.loaded == "reward_head":
        return "none: it reads the question and a response"
    own = ", ".join(f"{use} {name}" for use, name in card.protocols.items())
    if not own:
        return "the benchmark's; LLaVA-Critic's where it has none"
    if card.prompts == "its own":
        return f"its own, whatever the benchmark's: {own}"
    return f"the benchmark's; where it has none, {own}"


def _thoughts(card: Card) -> str:
    marks = " and ".join(f"{opening} ... {closing}" for opening, closing in card.reasoning_marks)
    return f"thinks before it answers{f', between {marks}' if marks else ''}" if card.thinks else ""


def _decoding(card: Card) -> str:
    drawn = ", ".join(f"{name} {value:g}" for name, value in card.decoding.options.items() if name != "do_sample")
    return drawn or "greedy"


def _has_pixels(card: Card) -> bool:
    return card.min_pixels is not None or card.max_pixels is not None

"""Cards: what a family of critics was trained with, one YAML file a family, so that its name alone is enough."""

from critic_eval.critics.cards.card import Card, Decoding
from critic_eval.critics.cards.finding import NO_CARD, card_names, find_card, get_card, register_card
from critic_eval.critics.cards.reading import read_card

__all__ = [
    "NO_CARD",
    "Card",
    "Decoding",
    "card_names",
    "find_card",
    "get_card",
    "read_card",
    "register_card",
]

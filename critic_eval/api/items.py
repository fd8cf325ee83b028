"""Items to be judged, as people write them: a dict or an `Item`, and which question it makes."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from critic_eval.api.images import listed_images
from critic_eval.benchmarks.loading.cases import (
    UnusableError,
    holds_half_character,
    optional_text,
    responses_of,
    text_of,
)
from critic_eval.benchmarks.loading.unread_columns import refuse_unread
from critic_eval.critics.cards.using import CardUse
from critic_eval.critics.engines.arguments import refuse_about_text
from critic_eval.errors import ArgumentError
from critic_eval.judging import Item, LabelKind, Protocol, identity_order, reversed_order, verdict_form
from critic_eval.judging.orders import MAX_RESPONSES
from critic_eval.judging.protocols import protocol_family
from critic_eval.judging.rewards import is_reward, reward_protocol

Kind = Literal["score", "compare", "rank"]
Orders = Literal["both", "single"]

DEFAULT_FAMILY = "llava_critic"

KEYS = (
    *("id", "kind", "question", "image", "images", "response", "responses", "reference", "rubric", "context"),
    *("label", "group", "models"),
)
"""What an item may hold; the last line is of labeled files and is not asked about."""

_RESPONSES: dict[Kind, tuple[int, int]] = {"score": (1, 1), "compare": (2, 2), "rank": (2, MAX_RESPONSES)}
_VERDICTS: dict[Kind, LabelKind] = {"score": "score", "compare": "preference", "rank": "ranking"}


@dataclass(frozen=True)
class Question:
    """What a critic is asked of an item: with which protocol, and in which orders of the responses.

    With `rewards` each response is rated by itself, which has no order; `orders` is then the item's own.
    """

    kind: Kind
    item: Item
    protocol: Protocol
    orders: tuple[str, ...]
    probabilities: bool = False
    rewards: bool = False


def read_item(given: Any, number: int) -> tuple[Item, Kind | None]:
    """An item, and the kind of question that it names, if any.

    Args:
        given: an `Item`, or a dict with `question`, `response` or `responses`, `image` or `images`, and perhaps `id`,
            `kind`, `reference`, `rubric` and `context`. A key that is near to one of these is refused, others are left.
        number: its place among the items, for the id of one that has none.

    Raises:
        ArgumentError: something of it is missing or unfit; says what.
    """
    name = str(number)
    try:
        if isinstance(given, Item):
            name = given.id
            return checked(given), None
        if not isinstance(given, Mapping):
            raise UnusableError(f"it is of type {type(given).__name__}, not a dict or an Item")
        given = {str(key): value for key, value in given.items() if not _is_nan(value)}
        refuse_unread({key: _plain(value) for key, value in given.items()}, KEYS)
        item = Item(
            id=optional_text(given, "id") or str(number),
            question=text_of(given, "question"),
            responses=responses_of(_listed(_only(given, "response", "responses"))),
            images=listed_images(_only(given, "image", "images")),
            reference=optional_text(given, "reference"),
            rubric=optional_text(given, "rubric"),
            context=optional_text(given, "context"),
        )
        check_choices(given.get("kind"))
        return checked(item), given.get("kind")
    except ArgumentError as error:
        raise ArgumentError(f"Item {name} can't be judged: {str(error).rstrip('.')}.") from error


def checked(item: Item) -> Item:
    """The item, if it can be asked about. Raises UnusableError for a text that is empty or can't be written."""
    text_of({"question": item.question}, "question")
    responses_of(response.text for response in item.responses)
    if not item.responses:
        raise UnusableError("it has no response")
    if holds_half_character(item):
        raise UnusableError("a text holds half a character (a lone surrogate)")
    return item


def check_choices(kind: object = None, orders: object = "both") -> None:
    """Raise ArgumentError for a kind of question, or for orders, that there are not."""
    for name, value, known in (("kind", kind, (None, *get_args(Kind))), ("orders", orders, get_args(Orders))):
        if value not in known:
            raise ArgumentError(f"{name}={value!r} is unknown; it is {', '.join(filter(None, known))}.")


def make_question(
    item: Item,
    kind: Kind | None = None,
    protocol: str | None = None,
    *,
    probabilities: bool = False,
    orders: Orders = "both",
    card: CardUse | None = None,
    rewards: bool = False,
) -> Question:
    """What is asked of an item.

    Args:
        item: what is judged.
        kind: by default `score` for one response, `compare` for two, `rank` for more.
        protocol: a protocol or a family of them, which has to have one of this kind.
        probabilities: whether the verdict is to be read off the critic's probabilities, instead of a text.
        orders: in which orders a pair is shown.
        card: of the critic, which may have a prompt of its own.
        rewards: whether the critic has a reward head, which rates each response without a prompt.

    Raises:
        ArgumentError: the number of responses does not fit, no protocol does, or its verdict can't be read off
            probabilities.
    """
    n = len(item.responses)
    asked: Kind = kind or ("score" if n == 1 else "compare" if n == 2 else "rank")
    least, most = _RESPONSES[asked]
    if not least <= n <= most:
        wanted = str(least) if least == most else f"{least} to {most}"
        raise ArgumentError(f"To {asked} takes {wanted} response{'s' if most > 1 else ''}; item {item.id} has {n}.")
    if rewards:
        refuse_about_text("this critic", {"protocol": protocol, "probabilities": probabilities})
        return Question(asked, item, reward_protocol(_VERDICTS[asked]), (identity_order(n),), rewards=True)
    both = asked == "compare" and orders == "both"
    shown_orders = (identity_order(n), reversed_order(n)) if both else (identity_order(n),)
    picked = pick_protocol(asked, n, protocol)
    if card is not None:
        picked = card.protocol_for(picked, is_chosen=protocol is not None)
    if probabilities:
        verdict_form(picked)
    return Question(asked, item, picked, shown_orders, probabilities)


def pick_protocol(kind: Kind, n_responses: int, protocol: str | None = None) -> Protocol:
    """The protocol of that name, or of that family, that asks this kind of question. Raises ArgumentError for none.

    >>> pick_protocol("rank", 3).name, pick_protocol("score", 1, "verdict_last").name
    ('llava_critic_rank', 'verdict_last_score')
    """
    members = protocol_family(DEFAULT_FAMILY if protocol is None else protocol)
    if any(map(is_reward, members)):
        raise ArgumentError(
            f"protocol={protocol} is how reward heads are asked, and this critic has none; name another."
        )
    for member in members:
        if member.kind == _VERDICTS[kind] and member.n_responses[0] <= n_responses <= member.n_responses[1]:
            return member
    raise ArgumentError(
        f"protocol={protocol} can't {kind} {n_responses} response{'s' if n_responses > 1 else ''}: it is for "
        f"{', '.join(f'a {member.kind}' for member in members)}; name another."
    )


def _listed(responses: Any) -> list[Any]:
    if responses is None:
        raise UnusableError("response and responses are missing")
    return list(responses) if isinstance(responses, list | tuple) else [responses]


def _only(given: Mapping[str, Any], single: str, many: str) -> Any:
    """The value of one of two keys that mean the same."""
    values = [given[name] for name in (single, many) if given.get(name) is not None]
    if len(values) > 1:
        raise UnusableError(f"{single} and {many} are both given")
    return values[0] if values else None


def _is_nan(value: Any) -> bool:
    """Whether a value is what pandas has where there is none."""
    return isinstance(value, float) and math.isnan(value)


def _plain(value: Any) -> Any:
    """A value that can be compared with an empty one, which an array can't."""
    return value if isinstance(value, str | int | float | list | dict | None) else repr(type(value))

"""Presented orders: a str of letters says, position by position, which of the data set's responses is shown there.

"BA" shows response B (index 1) first. Verdicts come back in presented positions and are kept in canonical ones.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from string import ascii_uppercase
from typing import Literal

from critic_eval.errors import ArgumentError
from critic_eval.judging.verdicts import Preference, Ranking, Scores, Verdict

MAX_RESPONSES = len(ascii_uppercase)
OrderPolicy = Literal["single", "both", "random"]
"""`random`: one of `both`, drawn anew for every repeat of a judgment."""


def orders(n: int, policy: OrderPolicy, choose: Callable[[list[str]], str] = random.choice) -> list[str]:
    """The orders in which an item of n responses is judged, 1 <= n <= 26.

    "single" is the data set's own order; "both" adds the reverse, which for one response is the same and so not added;
    "random" is the one of these that `choose` takes, by default one drawn by Python's own generator.
    Raises ArgumentError for another policy.

    >>> orders(2, "both"), orders(4, "single"), orders(1, "both")
    (['AB', 'BA'], ['ABCD'], ['A'])
    """
    if policy == "single" or (policy == "both" and n == 1):
        return [identity_order(n)]
    if policy == "both":
        return [identity_order(n), reversed_order(n)]
    if policy == "random":
        return [choose(orders(n, "both"))]
    raise ArgumentError(f"The order policy is 'single', 'both' or 'random', not {policy!r}.")


def identity_order(n: int) -> str:
    """The data set's own order of n responses, 1 <= n <= 26.

    >>> identity_order(3)
    'ABC'
    """
    if not 1 <= n <= MAX_RESPONSES:
        raise ArgumentError(f"An item has 1 to {MAX_RESPONSES} responses, not {n}.")
    return ascii_uppercase[:n]


def reversed_order(n: int) -> str:
    """The data set's order of n responses backwards, 1 <= n <= 26.

    >>> reversed_order(3)
    'CBA'
    """
    return identity_order(n)[::-1]


def canonical_indices(order: str) -> tuple[int, ...]:
    """The data set's index of the response shown at each position. Raises ArgumentError unless a permutation.

    >>> canonical_indices("CAB")
    (2, 0, 1)
    """
    if not order or "".join(sorted(order)) != ascii_uppercase[: len(order)]:
        raise ArgumentError(f"An order names each response once, by its letter from A on, as in 'BA'; not {order!r}.")
    return tuple(ascii_uppercase.index(letter) for letter in order)


def to_canonical(verdict: Verdict, order: str) -> Verdict:
    """Map a verdict on presented positions to the data set's own indices.

    Raises ArgumentError for a malformed order or a verdict on another number of responses.

    >>> to_canonical(Preference(0), "BA").value
    1
    >>> to_canonical(Ranking((1, 0, 2)), "CAB").value
    (0, 2, 1)
    """
    return _relabel(verdict, canonical_indices(order))


def to_presented(verdict: Verdict, order: str) -> Verdict:
    """The inverse of `to_canonical`, with the same errors.

    >>> to_presented(Preference(1), "BA").value
    0
    """
    indices = canonical_indices(order)
    inverse = tuple(indices.index(index) for index in range(len(indices)))
    return _relabel(verdict, inverse)


def average_orders(distributions: Sequence[tuple[str, Mapping[Verdict, float]]]) -> dict[Verdict, float]:
    """The mean of distributions over verdicts, each in the coordinates of its presented order, in canonical ones.

    >>> first, second = Preference(0), Preference(1)
    >>> average_orders([("AB", {first: 0.75, second: 0.25}), ("BA", {first: 0.5, second: 0.5})])[first]
    0.625
    """
    mean: dict[Verdict, float] = {}
    for order, distribution in distributions:
        for verdict, share in distribution.items():
            canonical = to_canonical(verdict, order)
            mean[canonical] = mean.get(canonical, 0.0) + share / len(distributions)
    return mean


def _relabel(verdict: Verdict, new_index: tuple[int, ...]) -> Verdict:
    value = verdict.value
    if isinstance(value, tuple) and len(value) != len(new_index):
        raise ArgumentError(f"A {verdict.kind} verdict on {len(value)} responses does not fit {len(new_index)} shown.")
    if verdict.kind == "preference":
        if len(new_index) != 2:
            raise ArgumentError(f"A preference is between two responses, not {len(new_index)}.")
        if value is None:
            return verdict
        return Preference(new_index[int(value)], verdict.strength)  # type: ignore[arg-type]
    if verdict.kind == "ranking" and isinstance(value, tuple):
        return Ranking([new_index[int(index)] for index in value])
    if verdict.kind == "scores" and isinstance(value, tuple):
        moved = dict(zip(new_index, value, strict=True))
        return Scores([moved[index] for index in range(len(new_index))])
    return verdict

"""Responses made of true and false statements, and how true they are."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from critic_eval.benchmarks.digits.facts import FACTS, WORDINGS, Scene

Truth = tuple[bool, ...]
"""Which statements of a response are true, one for each fact of its scene."""

OPENINGS = ("", "", "", "Let me see. ", "I think so: ", "Looking at the image: ", "Sure. ", "Here is my answer. ")


@dataclass(frozen=True)
class Statement:
    """A sentence about an image, whether it is true, and from where to where in it its value stands."""

    text: str
    true: bool
    span: tuple[int, int]


def word_statements(scene: Scene, truth: Truth, rng: np.random.Generator) -> list[Statement]:
    """Word one statement for each fact: true ones speak of the shown row, false ones of the phantom."""
    statements = []
    for fact, true in zip(scene.facts, truth, strict=True):
        wording, value = str(rng.choice(WORDINGS[fact])), FACTS[fact](scene.shown if true else scene.phantom)
        start = wording.index("{}")
        statements.append(Statement(wording.format(value), true, (start, start + len(value))))
    return statements


def word_response(
    scene: Scene, truth: Truth, rng: np.random.Generator, *, marked: bool = False
) -> tuple[str, list[tuple[int, int]]]:
    """A response that makes a scene's statements in random order after an opening.

    Also gives the spans of its true values. A marked response says `Right` or `Wrong` at the end of each statement, and
    the spans of these words are given as well.
    """
    statements = word_statements(scene, truth, rng)
    text, spans = str(rng.choice(OPENINGS)), []
    for i, index in enumerate(rng.permutation(len(statements))):
        statement = statements[index]
        text += " " if i else ""
        if statement.true:
            spans.append((len(text) + statement.span[0], len(text) + statement.span[1]))
        text += statement.text.removesuffix(".")
        if marked:
            mark = " Right" if statement.true else " Wrong"
            spans.append((len(text), len(text) + len(mark)))
            text += mark
        text += "."
    return text, spans


def score_of(truth: Truth) -> int:
    """Score out of 100: the rounded share of true statements.

    >>> score_of((True, True, False))
    67
    """
    return round(100 * sum(truth) / len(truth))


def draw_pair(n: int, rng: np.random.Generator, tie_rate: float = 0.2) -> list[Truth]:
    """Truths of two responses of n statements; symmetric under exchange of the two.

    Responses that tie are both right throughout, in other words. Two that are equally wrong never meet: shown a foreign
    image, which fits neither, a critic has to prefer one of them, and chance is one half. Of the others, true and false
    are exchangeable.
    """
    if rng.random() < tie_rate:
        return [(True,) * n] * 2
    while True:
        first, second = (_as_truth(rng.integers(0, 2, n)) for _ in range(2))
        if sum(first) != sum(second):
            return [first, second]


def draw_single(n: int, rng: np.random.Generator) -> list[Truth]:
    """Truth of one response of n statements, every number of true ones equally likely."""
    return [_with_true(int(rng.integers(0, n + 1)), n, rng)]


def draw_ranked(rng: np.random.Generator) -> list[Truth]:
    """Truths of four responses of three statements with 0, 1, 2 and 3 true ones, in random order."""
    return [_with_true(int(n_true), 3, rng) for n_true in rng.permutation(4)]


def _with_true(n_true: int, n: int, rng: np.random.Generator) -> Truth:
    return _as_truth(rng.permutation(n) < n_true)


def _as_truth(values: Sequence[int] | np.ndarray) -> Truth:
    return tuple(bool(value) for value in values)

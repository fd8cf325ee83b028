"""Training dialogues of the digits critic: reading first, then judging, in LLaVA-Critic's prompt wordings.

A dialogue is one user turn about one image and the answer to learn. Its `learn` spans mark, inside the user turn,
what the loss is taken on as well: the values of true statements, so that the critic reads the image while it reads
the responses; and, in a part of the dialogues, marks that say at the end of each statement whether it is right. The
critic can't know whether a mark will follow, so it comes to weigh every statement as it reads it. The benchmark's
responses carry no marks.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from critic_eval.benchmarks.digits.facts import Row, Scene, ask, draw_scene, draw_swapped_scene
from critic_eval.benchmarks.digits.generator import best_first, better
from critic_eval.benchmarks.digits.statements import (
    Truth,
    draw_pair,
    draw_ranked,
    draw_single,
    score_of,
    word_response,
    word_statements,
)
from critic_eval.judging import Item, Response, get_protocol, identity_order


@dataclass(frozen=True)
class Dialogue:
    """A user turn, the answer to learn, the row of digits that its image shows, and learned spans of the user turn."""

    user: str
    answer: str
    row: Row
    learn: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Mixture:
    """How often a judgment is helped, by the digits in its question, the reason before the verdict, or marks.

    And how often it is made harder: `swapped` false statements speak of digits of the same image in other places.
    """

    given: float = 0.0
    reason_first: float = 0.0
    marked: float = 0.0
    swapped: float = 0.0


def read(rng: np.random.Generator) -> Dialogue:
    """Read the digits, or answer a question with all the facts of a scene."""
    if rng.random() < 0.3:
        return read_aloud(rng)
    scene = draw_scene(3, rng)
    statements = word_statements(scene, (True,) * len(scene.facts), rng)
    return Dialogue(ask(scene, rng), " ".join(statement.text for statement in statements), scene.shown)


def read_aloud(rng: np.random.Generator) -> Dialogue:
    """Read the digits from left to right."""
    scene = draw_scene(3, rng)
    return Dialogue("Which digits are shown from left to right?", describe(scene.shown), scene.shown)


def mark(rng: np.random.Generator, swapped: float = 0.0) -> Dialogue:
    """Mark each of one to three statements, and count the right ones; `swapped` is as in `Mixture`."""
    n = int(rng.integers(1, 4))
    scene = draw_swapped_scene(n, rng) if rng.random() < swapped else draw_scene(3, rng)
    chosen = rng.permutation(len(scene.facts))[:n]
    scene = replace(scene, facts=tuple(scene.facts[i] for i in chosen))
    truth = tuple(bool(value) for value in rng.integers(0, 2, len(scene.facts)))
    response, spans = word_response(scene, truth, rng, marked=True)
    lead = "Check each statement: ["
    learn = tuple((len(lead) + start, len(lead) + end) for start, end in spans)
    return Dialogue(f"{lead}{response}]", f"{sum(truth)} of {len(truth)} right.", scene.shown, learn)


def judge_pair(
    rng: np.random.Generator, mixture: Mixture = Mixture(), lengths: tuple[int, ...] = (1, 2, 3)
) -> Dialogue:
    """Say which of two responses, of one of these numbers of statements each, is better, and why."""
    n = int(rng.choice(lengths))
    scene = draw_swapped_scene(n, rng) if rng.random() < mixture.swapped else draw_scene(n, rng)
    truths = draw_pair(len(scene.facts), rng)
    winner = {"A": "first", "B": "second", "tie": "equal"}[better(truths)]
    counts = f"The first response has {sum(truths[0])} of {n} right, the second has {sum(truths[1])} of {n} right."
    return _judge("llava_critic_pair", scene, truths, f"The better response: [{winner}]", counts, mixture, rng)


def judge_score(rng: np.random.Generator, mixture: Mixture = Mixture()) -> Dialogue:
    """Score one response out of 100 by its share of true statements, and say why."""
    scene = draw_scene(int(rng.integers(1, 4)), rng)
    (truth,) = draw_single(len(scene.facts), rng)
    counts = f"The response has {sum(truth)} of {len(truth)} right."
    return _judge("llava_critic_score", scene, [truth], f"Score: [{score_of(truth)}]", counts, mixture, rng)


def judge_rank(rng: np.random.Generator, mixture: Mixture = Mixture()) -> Dialogue:
    """Rank four responses with 0 to 3 true statements out of 3, and say why."""
    scene = draw_scene(3, rng)
    truths = draw_ranked(rng)
    counts = ", ".join(f"{letter} has {sum(truth)}" for letter, truth in zip("ABCD", truths, strict=True))
    verdict = f"Ranking: [{' > '.join(best_first(truths))}]"
    return _judge("llava_critic_rank", scene, truths, verdict, f"Of 3 statements {counts} right.", mixture, rng)


def describe(row: Row) -> str:
    """Name the digits of a row.

    >>> describe((3, 8, 1))
    'The image shows 3, 8 and 1.'
    """
    digits = [str(value) for value in row]
    listed = digits[0] if len(digits) == 1 else ", ".join(digits[:-1]) + " and " + digits[-1]
    return f"The image shows {listed}."


def _judge(
    protocol: str,
    scene: Scene,
    truths: Sequence[Truth],
    verdict: str,
    counts: str,
    mixture: Mixture,
    rng: np.random.Generator,
) -> Dialogue:
    is_marked = rng.random() < mixture.marked
    drawn = [word_response(scene, truth, rng, marked=is_marked) for truth in truths]
    question = ask(scene, rng)
    if rng.random() < mixture.given:
        question += f" {describe(scene.shown)}"
    item = Item("", question, tuple(Response(text) for text, _ in drawn))
    user = get_protocol(protocol).render(item, identity_order(len(drawn)))
    reason = f"{describe(scene.shown)} {counts}"
    answer = f"{verdict}\n{reason}"
    if rng.random() < mixture.reason_first:
        reason_first = get_protocol(protocol.replace("llava_critic", "reason_first"))
        user, answer = reason_first.render(item, identity_order(len(drawn))), f"{reason}\n{verdict}"
    learn, position = [], user.index(question) + len(question)
    for text, spans in drawn:
        position = user.index(text, position)
        learn += [(position + start, position + end) for start, end in spans]
        position += len(text)
    return Dialogue(user, answer, scene.shown, tuple(learn))

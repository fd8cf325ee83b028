"""What can be said about an image of digits: facts, the questions that ask for them, and ways to word them.

Every false statement of the benchmark is the true statement of a *phantom*: a second row of digits that is drawn
together with the shown one and differs from it in every fact that is used. Shown and phantom row are exchangeable,
and so are true and false statements wherever one response is better; hence no rule that reads only the text tells
better than chance which one that is.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Row = tuple[int, ...]
"""Digit values from left to right, one to three of them."""

FACTS: dict[str, Callable[[Row], str]] = {
    "digit": lambda row: str(row[0]),
    "parity": lambda row: "odd" if row[0] % 2 else "even",
    "size": lambda row: "greater than 4" if row[0] > 4 else "less than 5",
    "count": lambda row: f"{len(row)} digit" + ("s" if len(row) > 1 else ""),
    "left": lambda row: str(row[0]),
    "middle": lambda row: str(row[1]),
    "right": lambda row: str(row[-1]),
    "larger": lambda row: str(max(row)),
    "largest": lambda row: str(max(row)),
    "sum": lambda row: str(sum(row)),
}

WORDINGS: dict[str, tuple[str, ...]] = {
    "digit": ("The digit is {}.", "It is a {}.", "The image shows a {}.", "I see a {}.", "This is the digit {}."),
    "parity": ("The digit is {}.", "It is {}.", "The number shown is {}.", "This digit is {}."),
    "size": ("The digit is {}.", "It is {}.", "The number shown is {}.", "This digit is {}."),
    "count": ("The image shows {}.", "There is a total of {}.", "I count {}.", "I see {}."),
    "left": ("The left digit is {}.", "The digit on the left is {}.", "On the left is a {}.", "It starts with a {}."),
    "middle": ("The middle digit is {}.", "The digit in the middle is {}.", "In the middle is a {}."),
    "right": ("The right digit is {}.", "The digit on the right is {}.", "On the right is a {}.", "It ends with a {}."),
    "larger": ("The larger digit is {}.", "The larger of the two is {}.", "The larger one is {}."),
    "largest": ("The largest digit is {}.", "The largest of all is {}.", "The largest one is {}."),
    "sum": ("They sum to {}.", "The digits sum to {}.", "Their sum is {}.", "Together they make {}."),
}

QUESTIONS: dict[str, tuple[str, ...]] = {
    "digit": ("Which digit is shown?", "What digit is this?", "Which digit do you see?"),
    "parity": ("Is the digit even or odd?", "Is it an even digit?", "Is it an odd digit?"),
    "size": ("Is the digit greater than 4?", "Is the digit less than 5?"),
    "count": ("How many digits are there?", "How many digits does the image show?"),
    "left": ("Which digit is on the left?", "What is the left digit?"),
    "middle": ("Which digit is in the middle?", "What is the middle digit?"),
    "right": ("Which digit is on the right?", "What is the right digit?"),
    "larger": ("Which digit is larger?", "Which of the two digits is larger?"),
    "largest": ("Which digit is the largest?", "What is the largest digit?"),
    "sum": ("What do the digits sum to?", "What is the sum of the digits?"),
}


@dataclass(frozen=True)
class Scene:
    """One image to be: the shown row, its phantom, and the facts that responses speak of, the asked one first."""

    shown: Row
    phantom: Row
    facts: tuple[str, ...]


def draw_scene(n_facts: int, rng: np.random.Generator) -> Scene:
    """Draw a scene whose rows differ in each of its `n_facts` (1 to 3) facts."""
    kind = str(rng.choice(["one", "two", "three", "count"], p=[0.22, 0.36, 0.28, 0.14]))
    pool = {
        "one": ["digit", "parity", "size"],
        "two": ["left", "right", "larger", "sum"],
        "three": ["left", "middle", "right", "largest"],
        "count": ["left", "right", "largest"],
    }[kind]
    chosen = [str(fact) for fact in rng.permutation(pool)]
    facts = tuple(["count", *chosen] if kind == "count" else chosen)[:n_facts]
    while True:
        if kind == "count":
            lengths = [int(length) for length in rng.choice([1, 2, 3], size=2, replace=False)]
        else:
            lengths = [{"one": 1, "two": 2, "three": 3}[kind]] * 2
        shown, phantom = (tuple(int(v) for v in rng.integers(0, 10, size=length)) for length in lengths)
        if all(FACTS[fact](shown) != FACTS[fact](phantom) for fact in facts):
            return Scene(shown, phantom, facts)


def draw_swapped_scene(n_facts: int, rng: np.random.Generator) -> Scene:
    """Draw a scene whose phantom holds the digits of its shown row in other places, and is told from it by places only.

    A critic in training that knows which digits are shown, but not where, is wrong here.
    """
    length = max(n_facts, int(rng.integers(2, 4)))
    facts = tuple(str(fact) for fact in rng.permutation(["left", "right", "middle"][:length]))[:n_facts]
    while True:
        shown = tuple(int(v) for v in rng.integers(0, 10, size=length))
        phantom = tuple(int(v) for v in rng.permutation(shown))
        if all(FACTS[fact](shown) != FACTS[fact](phantom) for fact in facts):
            return Scene(shown, phantom, facts)


def ask(scene: Scene, rng: np.random.Generator) -> str:
    """A question for the scene's first fact."""
    return str(rng.choice(QUESTIONS[scene.facts[0]]))

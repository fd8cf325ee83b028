"""What a parser finds in an answer, and what it makes of it."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

from critic_eval.judging.verdicts import Verdict

Form = Literal["answer tag", "boxed", "json", "closing label", "label", "brackets", "sentence", "fraction", "alone"]
"""How a verdict is said; what a sample shows as `read_as`.

`closing label` is one that sums up ("Overall Judgment:", "Final Score:", `[RESULT]`); `label` the one that a trained
prompt asks for ("The better response:", "Score:"); `alone` a verdict that is all there is at its place.
"""
CONTAINERS = frozenset(("answer tag", "boxed", "json"))


class Weight(IntEnum):
    """How far a statement is the answer to what was asked."""

    PLAIN = 0
    CONCEDED = 1
    """One side of a contrast ("…, while Answer 1 is better")."""
    CRITERION = 2
    """A verdict on one aspect, which is not a verdict on the whole."""


@dataclass(frozen=True)
class Statement:
    """One place in an answer that reads as a verdict, text[start:end].

    `core` is where its necessary words begin ("final" is optional in "final score: 85"); of an object, the pair that
    says it ends at `said_end`.
    """

    start: int
    end: int
    verdict: Verdict
    form: Form
    core: int
    weight: Weight = Weight.PLAIN
    said_end: int | None = None

    @property
    def said(self) -> tuple[int, int]:
        """Where the words that say it stand."""
        return self.core, self.end if self.said_end is None else self.said_end

    @property
    def is_container(self) -> bool:
        """Whether the answer itself sets it apart as its result."""
        return self.form in CONTAINERS

    @property
    def is_sentence(self) -> bool:
        """Whether it is said in running words, not in a form."""
        return self.form == "sentence"

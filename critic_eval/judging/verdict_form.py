"""What is known of an answer before it is there: how it will be read, and what a verdict looks like."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from string import ascii_uppercase

from critic_eval.errors import ArgumentError
from critic_eval.judging.parsing.forms import AnswerForm
from critic_eval.judging.parsing.quotations import fold, has_open_mark
from critic_eval.judging.protocol import Protocol, VerdictForm
from critic_eval.judging.protocols import get_protocol
from critic_eval.judging.rewards import is_reward
from critic_eval.judging.verdicts import Verdict


@dataclass(frozen=True)
class Reading:
    """How the answer to a request will be read: by which protocol, on how many responses, shown in which order.

    `shown` are the texts that the critic was shown and may quote. `declared` is the protocol itself, for processes that
    can't know a user's by its name; without it, the name tells.
    """

    protocol: str
    order: str
    shown: tuple[str, ...] = ()
    declared: Protocol | None = field(default=None, compare=False, repr=False)

    @property
    def used(self) -> Protocol:
        """The protocol that reads the answer. Raises ArgumentError for an unknown name."""
        return self.declared or get_protocol(self.protocol)

    @property
    def key(self) -> str:
        """What names the way of reading: the protocol, with its hash where a declared form shapes what is read."""
        used = self.used
        return used.name if used.answer.where == "words" else f"{used.name} {used.prompt_hash}"

    def verdict(self, text: str) -> Verdict:
        """The verdict of an answer, in presented coordinates."""
        return self.used.parse(text, len(self.order), self.shown).verdict

    def is_complete(self, text: str) -> bool:
        """Whether an answer that goes on after this text keeps the verdict that this text has.

        That is so when the sentence of the verdict has ended, no quotation is open or could still be closed around it,
        no form of verdict that may follow would outrank it, and the text is not part of what the critic was shown. An
        open thought has no verdict, and so is never complete. In a form that a protocol declares, any later verdict
        binds or contradicts, so that only a first line is ever complete.
        """
        protocol = self.used
        if protocol.answer.where not in ("words", "line") or protocol.verdict_position != "first":
            return False
        parsed = protocol.parse(text, len(self.order), self.shown)
        if not parsed.verdict.is_valid or parsed.span is None or not _SENTENCE_END.search(text, parsed.span[1]):
            return False
        if any(fold(text) in fold(part) for part in self.shown) or has_open_mark(text):
            return False
        goes_on = [f"{text}\n{statement}" for statement in _others(protocol, len(self.order))]
        goes_on += [f"{text}{mark} so." for mark in _CLOSING_MARKS]
        return all(self.verdict(longer) == parsed.verdict for longer in goes_on)


def verdict_form(protocol: Protocol) -> VerdictForm:
    """The opening by which an answer under a protocol states its verdict.

    Raises:
        ArgumentError: it can't be told from the first words of an answer, with the reason.
    """
    if is_reward(protocol):
        raise ArgumentError(f"{protocol.name} is for critics with a reward head, which write nothing.")
    if protocol.verdict_position != "first":
        raise ArgumentError(f"{protocol.name} asks for the verdict after the reasons, so no first word tells it.")
    if protocol.kind == "ranking":
        raise ArgumentError(f"{protocol.name} asks for a ranking, which no single word tells.")
    if protocol.has_several_scores or protocol.answer == _SECOND_SCORE:
        raise ArgumentError(f"{protocol.name} asks for several scores at once, which no single word tells.")
    if protocol.verdict_form is None:
        raise ArgumentError(f"{protocol.name} has no verdict_form, which says how an answer begins; add one.")
    return protocol.verdict_form


def elicited_form(protocol: Protocol) -> VerdictForm:
    """The words by which a verdict is said after all else, under a protocol.

    Raises:
        ArgumentError: it has none, with what to add.
    """
    form = protocol.closing_form or protocol.verdict_form
    if form is None:
        raise ArgumentError(
            f"when_unread=elicit needs to know how a verdict is said; {protocol.name} has no closing_form, add one."
        )
    return form


_SECOND_SCORE = AnswerForm("words", "second_of_two_scores")
_CLOSING_MARKS = ('"', "'", "`", "’", "‘", "”", "»", "“", "\n```\n")
_SENTENCE_END = re.compile(r"\n|[.!?](?=\s)")


def _others(protocol: Protocol, n: int) -> Sequence[str]:
    """Verdicts in the forms that outrank others, differing from each other."""
    if protocol.answer.where == "line":
        return []
    if protocol.kind == "ranking":
        letters = list(ascii_uppercase[:n])
        chains = [" > ".join(order) for order in (letters, letters[::-1])]
        return [form.format(chain) for chain in chains for form in ("Final ranking: [{}]", "<answer>{}</answer>")]
    if protocol.kind == "preference":
        forms = (
            "The better response: [{}]",
            "Overall judgment: Answer {} is better.",
            "<answer>{}</answer>",
            '{{"winner": "{}"}}',
        )
        return [form.format(side) for side in ("1", "2") for form in forms]
    return [
        *("Final Score: [1]", "Final Score: [2]", "<answer>1</answer>", "<answer>2</answer>"),
        *("The scores are (1, 2).", "The scores are (2, 1).", "<answer>1 2</answer>", "<answer>2 1</answer>"),
    ]

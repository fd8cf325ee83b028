"""What is known of an answer before it is there: how it will be read, and what a verdict looks like."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_uppercase

from critic_eval.errors import ArgumentError
from critic_eval.judging.catalog import get_protocol
from critic_eval.judging.orders import to_canonical
from critic_eval.judging.parsing.quotations import fold, has_open_mark
from critic_eval.judging.protocols import Protocol
from critic_eval.judging.verdicts import Verdict


@dataclass(frozen=True)
class Reading:
    """How the answer to a request will be read: by which protocol, on how many responses, shown in which order.

    `shown` are the texts that the critic was shown and may quote.
    """

    protocol: str
    order: str
    shown: tuple[str, ...] = ()

    def verdict(self, text: str) -> Verdict:
        """The verdict of an answer, in presented coordinates."""
        return get_protocol(self.protocol).parse(text, len(self.order), self.shown).verdict

    def is_complete(self, text: str) -> bool:
        """Whether an answer that goes on after this text keeps the verdict that this text has.

        That is so when the sentence of the verdict has ended, no quotation is open or could still be closed around it,
        no form of verdict that may follow would outrank it, and the text is no part of what the critic was shown. An
        open thought has no verdict, and so is never complete.
        """
        protocol = get_protocol(self.protocol)
        parsed = protocol.parse(text, len(self.order), self.shown)
        if not parsed.verdict.is_valid or parsed.span is None or not _SENTENCE_END.search(text, parsed.span[1]):
            return False
        if any(fold(text) in fold(part) for part in self.shown) or has_open_mark(text):
            return False
        goes_on = [f"{text}\n{other}" for other in _others(protocol, len(self.order))]
        goes_on += [f"{text}{mark} so." for mark in _CLOSING_MARKS]
        return all(self.verdict(longer) == parsed.verdict for longer in goes_on)


@dataclass(frozen=True)
class VerdictForm:
    """The opening of an answer that states a verdict: a stem, one of several options, and what closes it.

    Each option's verdict is what the protocol's own parser reads there.
    """

    stem: str
    options: tuple[str, ...]
    close: str = "]"

    def texts(self) -> list[str]:
        """The openings, one for each option."""
        return [f"{self.stem}{option}{self.close}" for option in self.options]


def verdict_form(protocol: Protocol) -> VerdictForm:
    """The opening by which an answer under a protocol states its verdict.

    Raises:
        ArgumentError: it can't be told from the first words of an answer, with the reason.
    """
    if protocol.verdict_position != "first":
        raise ArgumentError(f"{protocol.name} asks for the verdict after the reasons, so no first word tells it.")
    if protocol.kind == "ranking":
        raise ArgumentError(f"{protocol.name} asks for a ranking, which no single word tells.")
    if protocol.name not in _FORMS:
        raise ArgumentError(f"{protocol.name} asks for several scores at once, which no single word tells.")
    return _FORMS[protocol.name]


def debiased(
    distributions: Sequence[tuple[str, dict[Verdict, float]]],
) -> dict[Verdict, float]:
    """The mean of distributions over verdicts, each in the coordinates of its presented order, in canonical ones."""
    mean: dict[Verdict, float] = {}
    for order, distribution in distributions:
        for verdict, share in distribution.items():
            canonical = to_canonical(verdict, order)
            mean[canonical] = mean.get(canonical, 0.0) + share / len(distributions)
    return mean


_CLOSING_MARKS = ('"', "'", "`", "’", "‘", "”", "»", "“", "\n```\n")
_SENTENCE_END = re.compile(r"\n|[.!?](?=\s)")
_PAIR_STEM, _SCORE_STEM = "The better response: [", "Score: ["
_FORMS = {
    "llava_critic_pair": VerdictForm(_PAIR_STEM, ("first", "second", "equal")),
    "given_pair": VerdictForm(_PAIR_STEM, ("first", "second", "1", "2", "A", "B")),
    "llava_critic_score": VerdictForm(_SCORE_STEM, tuple(map(str, range(101)))),
    "aspect_score": VerdictForm(_SCORE_STEM, tuple(map(str, range(1, 6)))),
}


def _others(protocol: Protocol, n: int) -> Sequence[str]:
    """Verdicts in the forms that outrank others, differing from each other."""
    if protocol.kind == "ranking":
        letters = list(ascii_uppercase[:n])
        chains = [" > ".join(order) for order in (letters, letters[::-1])]
        return [form.format(chain) for chain in chains for form in ("Final ranking: [{}]", "<answer>{}</answer>")]
    if protocol.kind == "preference":
        forms = (
            f"{_PAIR_STEM}{{}}]",
            "Overall judgment: Answer {} is better.",
            "<answer>{}</answer>",
            '{{"winner": "{}"}}',
        )
        return [form.format(side) for side in ("1", "2") for form in forms]
    return [
        *("Final Score: [1]", "Final Score: [2]", "<answer>1</answer>", "<answer>2</answer>"),
        *("The scores are (1, 2).", "The scores are (2, 1).", "<answer>1 2</answer>", "<answer>2 1</answer>"),
    ]

"""What comes of asking a critic: a score, a comparison, a ranking, or why there is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from critic_eval.judging import Item, Judgment, Verdict
from critic_eval.visible import visible

Better = Literal["a", "b", "tie"]


@dataclass(frozen=True)
class Scored:
    """What one response is worth to the critic.

    Attributes:
        value: the score, on the protocol's `scale`; None where there is none. With probabilities it is the expected
            score: the mean over all numbers, each weighed by its probability. Of a reward head it is the raw reward,
            which is on no scale.
        text: the critic's whole answer; with probabilities, the likeliest opening of one.
        reason: why there is no value; else None.
        probability: of the likeliest number, 0 to 1; None unless probabilities were asked for.
        probabilities: of each number on the scale, summing to 1; None unless asked for.
        coverage: how much of the critic's whole probability is on answers of the form that these are shares of, 0 to 1.
            Where it is small, the critic would have said something else.
        scale: the lowest and the highest score of the protocol; None where it sets none.
        judgment: all that was read of the answer, as logged samples hold it.
        item: what was judged, without its images.
    """

    value: float | None
    text: str
    reason: str | None = None
    probability: float | None = None
    probabilities: Mapping[str, float] | None = field(default=None, hash=False)
    coverage: float | None = None
    scale: tuple[float, float] | None = None
    judgment: Judgment | None = field(default=None, repr=False, hash=False)
    item: Item | None = field(default=None, repr=False, hash=False)

    def to_record(self) -> dict[str, Any]:
        """A dict that JSON can hold."""
        return {"kind": "score", "value": self.value, "text": self.text, **_optional(self, _PROBABLE)}

    def __repr__(self) -> str:
        scale = "" if self.scale is None else f" ({self.scale[0]:g} to {self.scale[1]:g})"
        summary = f"none, {visible(self.reason, 120)}" if self.value is None else f"{self.value:g}{scale}"
        sure = "" if self.probability is None else f", probability {self.probability:.2f}"
        return f"<Scored {summary}{sure}: {_brief(self.text)}>"

    def _repr_html_(self) -> str:
        from critic_eval.api.html import score_html

        return score_html(self)


@dataclass(frozen=True)
class Compared:
    """Which of two responses is better to the critic.

    Attributes:
        better: `a` (the first response), `b` (the second) or `tie`; None where there is no verdict. Of two orders it
            is what both agree on, and `tie` where they disagree (Zheng et al. 2023, "Judging LLM-as-a-Judge with
            MT-Bench and Chatbot Arena", section 3.4: a win only where a response is preferred in both orders). With
            probabilities it is the likeliest verdict after averaging both orders. An order without a verdict leaves
            none.
        texts: the critic's whole answers, one for each order in `orders`; with probabilities, their likeliest openings.
        verdicts: what the critic said in each of these orders, in the responses' own order; None where it said nothing.
        orders: in which the responses were shown: `AB`, and `BA` where the second came first.
        consistent: whether the verdicts of both orders are the same; None unless there are two.
        reason: why there is no verdict; else None.
        probabilities: of `a`, `b` and `tie`, summing to 1, averaged over the orders; None unless they were asked for.
            Of rewards they are there always: the sigmoid of the difference, without a tie.
        coverage: see `Scored`; the mean over the orders.
        rewards: what a reward head gave `a` and `b`; None of a critic that writes.
        judgments: all that was read of each answer, as logged samples hold it.
        item: what was judged, without its images.
    """

    better: Better | None
    texts: tuple[str, ...]
    verdicts: tuple[Better | None, ...]
    orders: tuple[str, ...]
    consistent: bool | None = None
    reason: str | None = None
    probabilities: Mapping[str, float] | None = field(default=None, hash=False)
    coverage: float | None = None
    rewards: tuple[float, ...] | None = None
    judgments: tuple[Judgment, ...] = field(default=(), repr=False, hash=False)
    item: Item | None = field(default=None, repr=False, hash=False)

    def to_record(self) -> dict[str, Any]:
        """A dict that JSON can hold."""
        return {
            "kind": "compare",
            "better": self.better,
            "consistent": self.consistent,
            "verdicts": dict(zip(self.orders, self.verdicts, strict=True)),
            "texts": dict(zip(self.orders, self.texts, strict=True)),
            **_optional(self, (*_PROBABLE, "rewards")),
        }

    def __repr__(self) -> str:
        summary = f"none, {visible(self.reason, 120)}" if self.better is None else self.better
        if self.consistent is not None:
            summary += ", both orders agree" if self.consistent else ", the orders disagree"
        if self.probabilities is not None:
            summary += "".join(f", {name} {share:.2f}" for name, share in self.probabilities.items())
        summary += "".join(f", {note}" for note in rewards_note(self.rewards))
        return f"<Compared {summary}: {'; '.join(map(_brief, self.texts))}>"

    def _repr_html_(self) -> str:
        from critic_eval.api.html import comparison_html

        return comparison_html(self)


@dataclass(frozen=True)
class Ranked:
    """The order of several responses by what they are worth to the critic.

    Attributes:
        best_first: the responses' indices from 0 on, the best first; None where there is no ranking.
        text: the critic's whole answer.
        reason: why there is no ranking; else None.
        judgment: all that was read of the answer, as logged samples hold it.
        item: what was judged, without its images.
        rewards: what a reward head gave the responses; None of a critic that writes.
    """

    best_first: tuple[int, ...] | None
    text: str
    reason: str | None = None
    judgment: Judgment | None = field(default=None, repr=False, hash=False)
    item: Item | None = field(default=None, repr=False, hash=False)
    rewards: tuple[float, ...] | None = None

    def to_record(self) -> dict[str, Any]:
        """A dict that JSON can hold."""
        order = None if self.best_first is None else list(self.best_first)
        return {"kind": "rank", "best_first": order, "text": self.text, **_optional(self, ("reason", "rewards"))}

    def __repr__(self) -> str:
        summary = f"none, {visible(self.reason, 120)}" if self.best_first is None else f"best first {self.best_first}"
        summary += "".join(f", {note}" for note in rewards_note(self.rewards))
        return f"<Ranked {summary}: {_brief(self.text)}>"

    def _repr_html_(self) -> str:
        from critic_eval.api.html import rank_html

        return rank_html(self)


@dataclass(frozen=True)
class Unjudged:
    """An item that the critic was not asked about, and why. Whatever verdict is looked for in it is None."""

    reason: str
    value: None = field(default=None, init=False)
    better: None = field(default=None, init=False)
    best_first: None = field(default=None, init=False)
    consistent: None = field(default=None, init=False)
    probability: None = field(default=None, init=False)
    probabilities: None = field(default=None, init=False)
    text: str = field(default="", init=False)

    def to_record(self) -> dict[str, Any]:
        """A dict that JSON can hold."""
        return {"kind": None, "reason": self.reason}

    def __repr__(self) -> str:
        return f"<Unjudged: {visible(self.reason, 300)}>"

    def _repr_html_(self) -> str:
        from critic_eval.api.html import unjudged_html

        return unjudged_html(self)


Result: TypeAlias = Scored | Compared | Ranked | Unjudged

_PROBABLE = ("probability", "probabilities", "coverage", "reason")


def better_of(verdict: Verdict) -> Better | None:
    """A preference by its name; None where there is no verdict.

    >>> from critic_eval.judging import Invalid, Preference
    >>> better_of(Preference(1)), better_of(Preference(None)), better_of(Invalid("no answer"))
    ('b', 'tie', None)
    """
    if not verdict.is_valid:
        return None
    return "tie" if verdict.value is None else "b" if verdict.value == 1 else "a"


def agreed(verdicts: tuple[Better | None, ...]) -> Better | None:
    """What verdicts on the same pair in several orders come to: see `Compared.better`.

    >>> agreed(("a", "a")), agreed(("a", "b")), agreed(("tie", "b")), agreed(("a", None))
    ('a', 'tie', 'tie', None)
    """
    if None in verdicts:
        return None
    return verdicts[0] if len(set(verdicts)) == 1 else "tie"


def rewards_note(rewards: tuple[float, ...] | None) -> list[str]:
    """The rewards of responses in words, if there are any.

    >>> rewards_note((1.5, -0.25)), rewards_note(None)
    (['rewards 1.5 and -0.25'], [])
    """
    return [] if rewards is None else [f"rewards {' and '.join(f'{reward:.4g}' for reward in rewards)}"]


def _optional(result: Any, names: tuple[str, ...]) -> dict[str, Any]:
    """The fields of a result that are there."""
    values = {name: getattr(result, name, None) for name in names}
    return {
        name: dict(value) if isinstance(value, Mapping) else list(value) if isinstance(value, tuple) else value
        for name, value in values.items()
        if value is not None
    }


def _brief(text: str) -> str:
    return repr(visible(text, 60))

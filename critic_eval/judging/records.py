"""What is judged, and what came of it: items with their responses, and judgments of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from critic_eval.errors import ArgumentError
from critic_eval.judging.orders import to_presented
from critic_eval.judging.verdicts import Label, Verdict, read_label, read_verdict


@dataclass(frozen=True)
class Response:
    """A text to be judged, and who wrote it, where that is known."""

    text: str
    model: str | None = None


@dataclass(frozen=True)
class Item:
    """One thing to judge. The order of `responses` is the canonical one: labels and verdicts count from it.

    `images` are whatever the critic takes (PIL images or paths); `group` names the part of the benchmark that the item
    belongs to (a data set, a category); items made of the same material (all pairs of one question's responses) share
    a `cluster`. `context` says in words what the images show, for protocols of judges without eyes.
    """

    id: str
    question: str
    responses: tuple[Response, ...]
    images: tuple[Any, ...] = ()
    reference: str | None = None
    rubric: str | None = None
    group: str | None = None
    cluster: str | None = None
    context: str | None = None

    def texts(self) -> dict[str, Any]:
        """What there is to read of it, as a dict that JSON can hold: responses in canonical order.

        >>> Item("7", "How many?", (Response("Two"), Response("Three"))).texts()
        {'question': 'How many?', 'responses': ['Two', 'Three']}
        """
        others = {"reference": self.reference, "rubric": self.rubric, "context": self.context}
        return {
            "question": self.question,
            "responses": [response.text for response in self.responses],
            **{name: text for name, text in others.items() if text is not None},
        }


ConfidenceSource = Literal["probability", "draws", "members"]
"""What a confidence was taken from: the verdict's own probability, several draws, or the members of a jury."""


class Confidence(NamedTuple):
    """How sure a verdict is, 0 to 1, and what that was taken from."""

    value: float
    source: ConfidenceSource


class MemberVerdict(NamedTuple):
    """What one member of a jury said: its name in the jury, its verdict, and its whole answer."""

    critic: str
    verdict: Verdict
    text: str = ""

    def to_record(self) -> dict[str, Any]:
        """A dict that JSON can hold."""
        return {"critic": self.critic, "verdict": self.verdict.to_record(), "text": self.text}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "MemberVerdict":
        """The inverse of `to_record`. Raises ArgumentError for an unfit verdict, LookupError for a missing part."""
        return cls(record["critic"], read_verdict(record["verdict"]), record["text"])


@dataclass(frozen=True)
class Judgment:
    """A critic's verdict on an item shown in one order.

    `verdict`, `label`, `models` (who wrote the responses, where known) and `lengths` (of the responses, in characters)
    are in canonical coordinates; `raw` is the critic's whole answer, and `span` the part of it that the parser read,
    None where it found nothing to read; `read_as` says in which form (see `statements.Form`; `stated` for a verdict
    that was never text). `logprobs` are those of the verdict's alternatives, where it was read off them. `confidence`
    is how sure a valid verdict is, 0 to 1, and `confidence_from` says what that was taken from; both or neither are
    None. A verdict that was pooled of several has the whole texts of its `draws`, or what its `members` said, in
    canonical coordinates too; `rewards`, in the same, are what a reward head gave the responses.
    Judgments of one `cluster` (by default, of one item) are not independent.

    >>> from critic_eval.judging import Preference
    >>> judgment = Judgment("7", "BA", Preference(1), "The better response: [first]", "llava_critic_pair")
    >>> judgment.presented.value
    0
    >>> Judgment.from_record(judgment.to_record()) == judgment
    True
    """

    item_id: str
    order: str
    verdict: Verdict
    raw: str
    protocol: str
    span: tuple[int, int] | None = None
    label: Label | None = None
    group: str | None = None
    seconds: float | None = None
    cluster: str | None = None
    models: tuple[str | None, ...] = ()
    lengths: tuple[int, ...] = ()
    logprobs: dict[str, float] | None = None
    read_as: str | None = None
    confidence: float | None = None
    confidence_from: ConfidenceSource | None = None
    draws: tuple[str, ...] = ()
    members: tuple[MemberVerdict, ...] = ()
    rewards: tuple[float, ...] | None = None

    @property
    def presented(self) -> Verdict:
        """The verdict as the critic gave it, on the positions in which the responses were shown."""
        return to_presented(self.verdict, self.order)

    def to_record(self) -> dict[str, Any]:
        """A dict that JSON can hold; every field is there, but those from `logprobs` on only where there are some."""
        return {
            "item_id": self.item_id,
            "order": self.order,
            "verdict": self.verdict.to_record(),
            "raw": self.raw,
            "protocol": self.protocol,
            "span": None if self.span is None else list(self.span),
            "label": None if self.label is None else self.label.to_record(),
            "group": self.group,
            "seconds": self.seconds,
            "cluster": self.cluster,
            "models": list(self.models),
            "lengths": list(self.lengths),
            **({} if self.logprobs is None else {"logprobs": self.logprobs}),
            **({} if self.read_as is None else {"read_as": self.read_as}),
            **({} if self.confidence is None else {"confidence": self.confidence}),
            **({} if self.confidence_from is None else {"confidence_from": self.confidence_from}),
            **({"draws": list(self.draws)} if self.draws else {}),
            **({"members": [member.to_record() for member in self.members]} if self.members else {}),
            **({} if self.rewards is None else {"rewards": list(self.rewards)}),
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "Judgment":
        """The inverse of `to_record`. Raises ArgumentError that names a missing or unfit field."""
        missing = [name for name in ("item_id", "order", "verdict", "raw", "protocol") if name not in record]
        if missing:
            raise ArgumentError(f"A judgment's record lacks {', '.join(missing)}.")
        span, label = record.get("span"), record.get("label")
        return cls(
            item_id=record["item_id"],
            order=record["order"],
            verdict=read_verdict(record["verdict"]),
            raw=record["raw"],
            protocol=record["protocol"],
            span=None if span is None else (span[0], span[1]),
            label=None if label is None else read_label(label),
            group=record.get("group"),
            seconds=record.get("seconds"),
            cluster=record.get("cluster"),
            models=tuple(record.get("models") or ()),
            lengths=tuple(record.get("lengths") or ()),
            logprobs=record.get("logprobs"),
            read_as=record.get("read_as"),
            confidence=record.get("confidence"),
            confidence_from=record.get("confidence_from"),
            draws=tuple(record.get("draws") or ()),
            members=tuple(MemberVerdict.from_record(member) for member in record.get("members") or ()),
            rewards=None if record.get("rewards") is None else tuple(record["rewards"]),
        )

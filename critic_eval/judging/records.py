"""What is judged, and what came of it: items with their responses, and judgments of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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


@dataclass(frozen=True)
class Judgment:
    """A critic's verdict on an item shown in one order.

    `verdict`, `label`, `models` (who wrote the responses, where known) and `lengths` (of the responses, in characters)
    are in canonical coordinates; `raw` is the critic's whole answer, and `span` the part of it that the parser read,
    None where it found nothing to read; `read_as` says in which form (see `statements.Form`; `stated` for a verdict
    that was never text). `logprobs` are those of the verdict's alternatives, where it was read off them; `rewards`, in
    canonical coordinates, are what a reward head gave the responses.
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
    rewards: tuple[float, ...] | None = None

    @property
    def presented(self) -> Verdict:
        """The verdict as the critic gave it, on the positions in which the responses were shown."""
        return to_presented(self.verdict, self.order)

    def to_record(self) -> dict[str, Any]:
        """A dict that JSON can hold; of `logprobs`, `read_as` and `rewards` it has those that there are."""
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
            rewards=None if record.get("rewards") is None else tuple(record["rewards"]),
        )

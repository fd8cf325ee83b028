"""A protocol: how a critic is asked, and how its answer is read."""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from string import ascii_lowercase, ascii_uppercase
from typing import Protocol as Interface

from critic_eval.errors import ArgumentError, DataError
from critic_eval.judging.orders import canonical_indices, to_canonical
from critic_eval.judging.parsing.answer import Marks
from critic_eval.judging.parsing.places import VerdictPosition
from critic_eval.judging.parsing.reading import Parsed
from critic_eval.judging.records import Item, Judgment
from critic_eval.judging.stated_verdicts import read_stated
from critic_eval.judging.verdicts import Label, LabelKind, Verdict


class Parser(Interface):
    """Reads a verdict, in presented coordinates, from a critic's answer; never raises on any text."""

    def __call__(
        self, text: str, n_responses: int, responses: Sequence[str] = (), *, marks: Sequence[Marks] = ()
    ) -> Parsed:
        """Read one answer; `responses` are texts that the critic was shown, `marks` open and close its thoughts."""
        ...


@dataclass(frozen=True)
class Protocol:
    """One way to ask for a verdict and to read it.

    `template` may hold {question}, {reference}, {rubric}, {context}, {a}, {b}, … for the response at each presented
    position, and {responses} for all of them, each in `response_template`'s form with {letter}, {number} and {text}.
    `source` says where the wording comes from. `n_responses` bounds how many responses it takes. `reasoning_marks` are
    pairs that open and close a critic's thoughts, besides those that are always known (see `answer.find_answer`).
    """

    name: str
    kind: LabelKind
    template: str
    parser: Parser = field(repr=False, compare=False)
    source: str
    n_responses: tuple[int, int]
    response_template: str = ""
    scale: tuple[float, float] | None = None
    verdict_position: VerdictPosition = "first"
    max_new_tokens: int = 4096
    until: tuple[str, ...] = ()
    reasoning_marks: tuple[Marks, ...] = ()

    def render(self, item: Item, order: str) -> str:
        """The prompt's text, without any image placeholder.

        Texts of the item are put in literally: braces in them are never expanded.

        Raises:
            ArgumentError: The order does not fit the item, or the item has too few or too many responses.
            DataError: The template needs a reference or a rubric that the item lacks.
        """
        texts = [item.responses[index].text for index in self._indices(item, order)]
        values = dict(zip(ascii_lowercase, texts, strict=False))
        values["question"] = item.question
        values["responses"] = "".join(
            _fill(self.response_template, {"letter": ascii_uppercase[i], "number": str(i + 1), "text": text})
            for i, text in enumerate(texts)
        )
        for name in ("reference", "rubric", "context"):
            value = getattr(item, name)
            if value is not None:
                values[name] = value
            elif f"{{{name}}}" in self.template:
                raise DataError(f"Protocol {self.name} needs a {name}, which item {item.id} lacks.")
        return _fill(self.template, values)

    def parse(self, text: str, n_responses: int, responses: Sequence[str] = ()) -> Parsed:
        """Read the verdict, in presented coordinates; `responses` are texts that the critic was shown.

        Never raises on a text; raises ArgumentError for a number of responses that the protocol does not take.
        """
        least, most = self.n_responses
        if not least <= n_responses <= most:
            bounds = str(least) if least == most else f"{least} to {most}"
            raise ArgumentError(f"Protocol {self.name} judges {bounds} responses, not {n_responses}.")
        return self.parser(text, n_responses, responses, marks=self.reasoning_marks)

    def shown_texts(self, item: Item) -> tuple[str, ...]:
        """The texts of an item that a critic is shown and may quote."""
        shown = [response.text for response in item.responses]
        shown += [text for text in (item.reference, item.rubric, item.context) if text is not None]
        if self.template != "{question}":  # a question that is a whole prompt also holds the form of the verdict
            shown.append(item.question)
        return tuple(shown)

    @property
    def prompt_hash(self) -> str:
        """Twelve hex digits that change with anything that shapes the prompt, and with nothing else."""
        shape = json.dumps([self.template, self.response_template])
        return digest_prompt(shape)

    def judge(
        self, item: Item, order: str, raw: str, seconds: float | None = None, label: Label | None = None
    ) -> Judgment:
        """Read a critic's answer on an item shown in this order. Raises ArgumentError as `render` does."""
        n = len(self._indices(item, order))
        stated = read_stated(raw)
        parsed = (
            self.parse(raw, n, self.shown_texts(item)) if stated is None else Parsed(self._fitting(stated.verdict, n))
        )
        verdict = to_canonical(parsed.verdict, order)
        return Judgment(
            item_id=item.id,
            order=order,
            verdict=verdict,
            raw=raw,
            protocol=self.name,
            span=parsed.span,
            label=label,
            group=item.group,
            seconds=seconds,
            cluster=item.cluster,
            models=tuple(response.model for response in item.responses),
            lengths=tuple(len(response.text) for response in item.responses),
            logprobs=None if stated is None else stated.logprobs,
            read_as="stated" if stated is not None and parsed.verdict.is_valid else parsed.read_as,
        )

    def _fitting(self, verdict: Verdict, n: int) -> Verdict:
        """A stated verdict, if it is of the kind and on the scale that is asked for."""
        if not verdict.is_valid:
            return verdict
        wanted = "scores" if self.kind == "score" and self.n_responses[0] > 1 else self.kind
        values = verdict.value if isinstance(verdict.value, tuple) else (verdict.value,)
        if verdict.kind != wanted or (verdict.kind != "preference" and len(values) not in (1 if n == 1 else n,)):
            return Verdict.invalid(f"a {verdict.kind} was stated where a {wanted} is asked for")
        if self.kind == "score" and self.scale is not None:
            low, high = self.scale
            if any(value is None or not low <= value <= high for value in values):
                return Verdict.invalid(f"a score outside {low:g} to {high:g} was stated")
        return verdict

    def _indices(self, item: Item, order: str) -> tuple[int, ...]:
        indices = canonical_indices(order)
        least, most = self.n_responses
        if len(indices) != len(item.responses):
            raise ArgumentError(
                f"Order {order} does not fit item {item.id}, which has {len(item.responses)} responses."
            )
        if not least <= len(indices) <= most:
            bounds = str(least) if least == most else f"{least} to {most}"
            raise ArgumentError(f"Protocol {self.name} judges {bounds} responses; item {item.id} has {len(indices)}.")
        return indices


def digest_prompt(text: str) -> str:
    """Twelve hex digits that name a rendered prompt, as recorded judgments may.

    >>> digest_prompt("Which is better?")
    '9551e2c06170'
    """
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _fill(template: str, values: dict[str, str]) -> str:
    # One pass over the template alone, so that "{b}" in a response stays what it is.
    return re.sub(r"\{([a-z]+)\}", lambda match: values.get(match[1], match[0]), template)

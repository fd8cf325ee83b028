"""A protocol: how a critic is asked, and how its answer is read."""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_lowercase, ascii_uppercase
from typing import Any
from typing import Protocol as Interface

from critic_eval.errors import ArgumentError, DataError
from critic_eval.judging.orders import canonical_indices, to_canonical
from critic_eval.judging.parsing.answer import Marks
from critic_eval.judging.parsing.forms import AnswerForm
from critic_eval.judging.parsing.places import VerdictPosition
from critic_eval.judging.parsing.reading import Parsed
from critic_eval.judging.records import Item, Judgment
from critic_eval.judging.stated_verdicts import Stated, read_stated, state_verdict
from critic_eval.judging.verdicts import Invalid, Label, LabelKind, Scores, Verdict

WORDS = AnswerForm()
"""Verdicts are read in whatever words critics give them."""
WHOLE_PROMPT = "{question}"
"""The template of protocols whose items bring a whole prompt as their question."""


class Parser(Interface):
    """Reads a verdict, in presented coordinates, from a critic's answer; never raises on any text."""

    def __call__(
        self, text: str, n_responses: int, responses: Sequence[str] = (), *, marks: Sequence[Marks] = ()
    ) -> Parsed:
        """Read one answer; `responses` are texts that the critic was shown, `marks` open and close its thoughts."""
        ...


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


@dataclass(frozen=True)
class Protocol:
    """One way to ask for a verdict and to read it; most come from a file (see `protocol_files`).

    Attributes:
        name: What it is called in arguments, task files and judgments.
        kind: Of the verdict; several scores at once are of the kind `score`, too.
        template: The prompt, with {question}, {reference}, {rubric}, {context}, {a}, {b}, ... for the response at each
            presented position, and {responses} for all of them.
        parser: Reads an answer.
        source: Where the wording comes from.
        n_responses: How many responses it takes, at least and at most.
        response_template: How each of {responses} is written, with {letter}, {number} and {text}.
        scale: Least and greatest score, where there is one.
        verdict_position: Whether the verdict is asked for before the reasons or after them.
        max_new_tokens: How long an answer may be; None leaves that to the task (see `token_limit`).
        until: Texts that end an answer, besides the task's.
        reasoning_marks: Pairs that open and close a critic's thoughts, besides those that are always known.
        system: A system message that is shown before the prompt.
        answer: Where in an answer the verdict stands, as the parser reads it.
        verdict_form: How an answer opens that begins with its verdict, for `verdict_only`.
        closing_form: How a verdict is said after reasons, for `when_unread=elicit`; by default as `verdict_form`.
    """

    name: str
    kind: LabelKind
    template: str
    parser: Parser
    source: str
    n_responses: tuple[int, int]
    response_template: str = ""
    scale: tuple[float, float] | None = None
    verdict_position: VerdictPosition = "first"
    max_new_tokens: int | None = None
    until: tuple[str, ...] = ()
    reasoning_marks: tuple[Marks, ...] = ()
    system: str | None = None
    answer: AnswerForm = WORDS
    verdict_form: VerdictForm | None = None
    closing_form: VerdictForm | None = None

    @property
    def has_several_scores(self) -> bool:
        """Whether it asks for a score of each of several responses at once."""
        return self.kind == "score" and self.n_responses[0] > 1

    @property
    def shape(self) -> tuple[str, bool]:
        """What it asks for: the kind, and whether it is two scores at once, which is no score of one response."""
        return self.kind, self.kind == "score" and self.n_responses[0] == 2

    def render(self, item: Item, order: str) -> str:
        """The prompt's text, without any image placeholder and without the system message.

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
            raise ArgumentError(f"Protocol {self.name} judges {self._bounds}, not {n_responses}.")
        return self.parser(text, n_responses, responses, marks=self.reasoning_marks)

    def shown_texts(self, item: Item) -> tuple[str, ...]:
        """The texts of an item that a critic is shown and may quote."""
        shown = [response.text for response in item.responses]
        shown += [text for text in (item.reference, item.rubric, item.context) if text is not None]
        if self.template != WHOLE_PROMPT:  # a question that is a whole prompt also holds the form of the verdict
            shown.append(item.question)
        return tuple(shown)

    @property
    def prompt_hash(self) -> str:
        """Twelve hex digits that change with anything that shapes the prompt, or how its answer is to be given.

        That is the template, the response template, the system message, and a declared answer form; nothing else.
        """
        shape: list[Any] = [self.template, self.response_template]
        if self.system is not None or self.answer.where != "words":
            shape.append({"system": self.system, "answer": self.answer.to_record()})
        return digest_prompt(json.dumps(shape))

    def judge(
        self, item: Item, order: str, raw: str, seconds: float | None = None, label: Label | None = None
    ) -> Judgment:
        """Read a critic's answer on an item shown in this order. Raises ArgumentError as `render` does.

        Of a verdict that was pooled of several, `raw` is the statement of that verdict alone. One on an item that was
        held out comes without the label.
        """
        n = len(self._indices(item, order))
        stated = read_stated(raw)
        if stated is None:
            parsed, rewards = self.parse(raw, n, self.shown_texts(item)), None
        else:
            parsed = Parsed(self._fitting(stated.verdict, n, is_raw=stated.rewards is not None))
            rewards = None if stated.rewards is None else to_canonical(Scores(stated.rewards), order).value
        verdict = to_canonical(parsed.verdict, order)
        made_of = Stated(parsed.verdict) if stated is None else stated
        confidence = made_of.confidence if verdict.is_valid else None
        if made_of.draws or made_of.members:
            raw = state_verdict(made_of.verdict, made_of.logprobs, made_of.confidence)
        return Judgment(
            item_id=item.id,
            order=order,
            verdict=verdict,
            raw=raw,
            protocol=self.name,
            span=parsed.span,
            label=None if made_of.is_held_out else label,
            group=item.group,
            seconds=seconds,
            cluster=item.cluster,
            models=tuple(response.model for response in item.responses),
            lengths=tuple(len(response.text) for response in item.responses),
            logprobs=made_of.logprobs,
            read_as=stated.read_as if stated is not None and parsed.verdict.is_valid else parsed.read_as,
            confidence=None if confidence is None else confidence.value,
            confidence_from=None if confidence is None else confidence.source,
            draws=made_of.draws,
            members=tuple(
                member._replace(verdict=to_canonical(self._fitting(member.verdict, n), order))
                for member in made_of.members
            ),
            rewards=rewards,  # type: ignore[arg-type]  # a value of scores
        )

    def _fitting(self, verdict: Verdict, n: int, is_raw: bool = False) -> Verdict:
        """A stated verdict, if it is of the kind and on the scale that is asked for; raw rewards are on none."""
        if not verdict.is_valid:
            return verdict
        wanted = "scores" if self.has_several_scores else self.kind
        values = verdict.value if isinstance(verdict.value, tuple) else (verdict.value,)
        if verdict.kind != wanted or (verdict.kind != "preference" and len(values) not in (1 if n == 1 else n,)):
            return Invalid(f"a {verdict.kind} was stated where a {wanted} is asked for")
        if self.kind == "score" and self.scale is not None and not is_raw:
            low, high = self.scale
            if any(value is None or not low <= value <= high for value in values):
                return Invalid(f"a score outside {low:g} to {high:g} was stated")
        return verdict

    def _indices(self, item: Item, order: str) -> tuple[int, ...]:
        indices = canonical_indices(order)
        least, most = self.n_responses
        if len(indices) != len(item.responses):
            raise ArgumentError(
                f"Order {order} does not fit item {item.id}, which has {len(item.responses)} responses."
            )
        if not least <= len(indices) <= most:
            raise ArgumentError(f"Protocol {self.name} judges {self._bounds}; item {item.id} has {len(indices)}.")
        return indices

    @property
    def _bounds(self) -> str:
        least, most = self.n_responses
        counts = str(least) if least == most else f"{least} to {most}"
        return f"{counts} response{'s' if most > 1 else ''}"


def digest_prompt(text: str) -> str:
    """Twelve hex digits that name a rendered prompt, as recorded judgments may.

    >>> digest_prompt("Which is better?")
    '9551e2c06170'
    """
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _fill(template: str, values: dict[str, str]) -> str:
    # One pass over the template alone, so that "{b}" in a response stays what it is.
    return re.sub(r"\{([a-z]+)\}", lambda match: values.get(match[1], match[0]), template)

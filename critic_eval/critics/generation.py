"""How an answer is generated, and what comes back."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from critic_eval.errors import ArgumentError
from critic_eval.judging.parsing.answer import Marks
from critic_eval.judging.protocols import DEFAULT_MAX_NEW_TOKENS

Mode = Literal["text", "to_verdict", "verdict", "reward"]


@dataclass(frozen=True)
class GenerationSettings:
    """How an answer is generated; requests with equal settings can share a batch.

    Attributes:
        max_new_tokens: tokens of an answer at most.
        until: strings at the first of which the answer ends; they are not part of it.
        options: further arguments of transformers' `generate`, sorted by name.
        mode: `text` is the whole answer; `to_verdict` ends once the verdict is said; `verdict` is the distribution of
            the verdict alone, without text; `reward` is the number that a reward head gives the last message.
        reasoning_marks: pairs that open and close the critic's thoughts, besides those that are always known; the first
            is its own.
        max_thinking_tokens: tokens of a thought at most; a longer one is closed by the critic's own mark.
        elicits: whether an answer without a verdict is gone on with, in the protocol's form.
    """

    max_new_tokens: int
    until: tuple[str, ...] = ()
    options: tuple[tuple[str, Any], ...] = ()
    mode: Mode = "text"
    reasoning_marks: tuple[Marks, ...] = ()
    max_thinking_tokens: int | None = None
    elicits: bool = False

    @classmethod
    def from_task(
        cls,
        generation_kwargs: Mapping[str, Any],
        limit: int | None = None,
        mode: Mode = "text",
        *,
        reasoning_marks: tuple[Marks, ...] = (),
        max_thinking_tokens: int | None = None,
        elicits: bool = False,
    ) -> "GenerationSettings":
        """Read a task's `generation_kwargs`: greedy unless it asks for sampling; `limit` bounds the answer's length.

        Raises:
            ArgumentError: there is no room for an answer, or none for a thought.
        """
        given = {key: value for key, value in generation_kwargs.items() if value is not None}
        until = given.pop("until", ())
        length = int(given.pop("max_new_tokens", given.pop("max_gen_toks", DEFAULT_MAX_NEW_TOKENS)))
        length = length if limit is None else min(length, limit)
        temperature = float(given.pop("temperature", 0.0))
        if given.pop("do_sample", temperature > 0):
            given.update(do_sample=True, **({"temperature": temperature} if temperature > 0 else {}))
        else:
            for key in ("top_p", "top_k"):
                given.pop(key, None)
        if length < 1:
            raise ArgumentError(f"max_new_tokens={length} leaves no room for an answer.")
        if max_thinking_tokens is not None and max_thinking_tokens < 1:
            raise ArgumentError(f"max_thinking_tokens={max_thinking_tokens} leaves no room for a thought.")
        kept = {key: value for key, value in given.items() if key in GENERATION_OPTIONS and value != _NEUTRAL.get(key)}
        return cls(
            # A thought that may not take all of the room leaves an answer what the task allows.
            max_new_tokens=length if max_thinking_tokens is None else max(length, max_thinking_tokens + _ANSWER_ROOM),
            until=(until,) if isinstance(until, str) else tuple(stop for stop in until if stop),
            options=tuple(sorted(kept.items())),
            mode=mode,
            reasoning_marks=reasoning_marks,
            max_thinking_tokens=max_thinking_tokens,
            elicits=elicits,
        )

    @property
    def is_greedy(self) -> bool:
        """Whether the likeliest token is taken at each step, by nothing but the model."""
        return not self.options

    @property
    def is_drawn(self) -> bool:
        """Whether tokens are drawn at random."""
        return bool(dict(self.options).get("do_sample"))

    @property
    def closing_mark(self) -> str:
        """What closes a thought of this critic."""
        return self.reasoning_marks[0][1] if self.reasoning_marks else "</think>"

    def to_record(self) -> dict[str, Any]:
        """All that an answer depends on, as JSON holds it; what came later stands only where it is used."""
        record = asdict(self)
        for name in ("reasoning_marks", "max_thinking_tokens", "elicits"):
            if not record[name] or self.mode == "verdict" or (name == "reasoning_marks" and not self._closes_thoughts):
                del record[name]
        return record

    @property
    def _closes_thoughts(self) -> bool:
        return self.max_thinking_tokens is not None


REWARD = GenerationSettings(max_new_tokens=0, mode="reward")
"""How a response is rated by a reward head, which generates nothing."""
_ANSWER_ROOM = 256
"""Tokens that are left for the answer after a thought that was closed."""
_NEUTRAL = {"num_beams": 1, "repetition_penalty": 1, "length_penalty": 1}
GENERATION_OPTIONS = ("do_sample", "temperature", "top_p", "top_k", "num_beams", "repetition_penalty", "length_penalty")


@dataclass(frozen=True)
class Answer:
    """An answer to a request.

    Attributes:
        text: what the critic said.
        input_tokens: its prompt's length.
        output_tokens: its own length.
        seconds: its share of its batch's time.
        stated: what there is instead of text: a verdict that was read off the critic's probabilities, with them, or a
            `reward`.
        error: why there is no answer; such a one is not kept in a journal.
        without: arguments of generation that were left out because the critic's server refuses them.
        thought_tokens: how many of its tokens are a thought; None where that is not known.
        seed: what its draw began with; None for one that was not drawn, or not by a seed of its own.
    """

    text: str
    input_tokens: int
    output_tokens: int
    seconds: float
    stated: Mapping[str, Any] | None = None
    error: str | None = None
    without: tuple[str, ...] = ()
    thought_tokens: int | None = None
    seed: int | None = None

"""How an answer is generated, and what comes back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from critic_eval.errors import ArgumentError
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
    """

    max_new_tokens: int
    until: tuple[str, ...] = ()
    options: tuple[tuple[str, Any], ...] = ()
    mode: Mode = "text"

    @classmethod
    def from_task(
        cls, generation_kwargs: Mapping[str, Any], limit: int | None = None, mode: Mode = "text"
    ) -> "GenerationSettings":
        """Read a task's `generation_kwargs`: greedy unless it asks for sampling; `limit` bounds the answer's length.

        Raises:
            ArgumentError: there is no room for an answer.
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
        kept = {key: value for key, value in given.items() if key in GENERATION_OPTIONS and value != _NEUTRAL.get(key)}
        return cls(
            max_new_tokens=length,
            until=(until,) if isinstance(until, str) else tuple(stop for stop in until if stop),
            options=tuple(sorted(kept.items())),
            mode=mode,
        )

    @property
    def is_greedy(self) -> bool:
        """Whether the likeliest token is taken at each step, by nothing but the model."""
        return not self.options


REWARD = GenerationSettings(max_new_tokens=0, mode="reward")
"""How a response is rated by a reward head, which generates nothing."""

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
    """

    text: str
    input_tokens: int
    output_tokens: int
    seconds: float
    stated: Mapping[str, Any] | None = None
    error: str | None = None
    without: tuple[str, ...] = ()

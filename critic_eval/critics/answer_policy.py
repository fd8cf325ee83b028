"""How a run wants its answers: as text or as a verdict alone, how many draws of each, how long, and what if unread."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from critic_eval.critics.generation import GenerationSettings, Mode
from critic_eval.errors import ArgumentError
from critic_eval.judging import LabelKind, PoolingRule, Protocol

_logger = logging.getLogger("critic_eval")

_MOST_SAMPLES = 1000


@dataclass(frozen=True)
class AnswerPolicy:
    """What is wanted of each answer.

    Attributes:
        mode: the whole text, the text up to its verdict, the verdict's distribution alone, or a reward.
        options: arguments of generation that draw answers, in place of the task's; none leave it to the task.
        samples: answers that are drawn to each request.
        pool: how their verdicts become one; None for what is usual for the kind of verdict.
        max_new_tokens: tokens of an answer at most.
        max_thinking_tokens: tokens of a thought at most.
        elicits: whether an answer without a verdict is gone on with.

    Raises:
        ArgumentError: a number is none that it can be, or two wishes exclude each other.
    """

    mode: Mode = "text"
    options: Mapping[str, Any] = field(default_factory=dict)
    samples: int = 1
    pool: PoolingRule | None = None
    max_new_tokens: int | None = None
    max_thinking_tokens: int | None = None
    elicits: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.samples <= _MOST_SAMPLES:
            raise ArgumentError(f"samples={self.samples}: draw from 1 to {_MOST_SAMPLES} judgments of a request.")
        if self.pool not in (None, "majority", "mean", "median"):
            raise ArgumentError(f"pool={self.pool} is unknown; it is majority, mean or median.")
        if self.mode != "text" and (self.samples > 1 or self.elicits or self.options):
            raise ArgumentError(
                "verdict_only and reasons=False take the likeliest verdict; leave out samples, temperature and "
                "when_unread, or ask for full text."
            )

    @property
    def settings(self) -> dict[str, str]:
        """What a signature says of it; nothing of what is as usual."""
        modes: dict[str, dict[str, str]] = {
            "text": {},
            "to_verdict": {"answers": "to the verdict"},
            "verdict": {"answers": "verdict only"},
            "reward": {"answers": "rewards"},
        }
        limit, thought = self.max_new_tokens, self.max_thinking_tokens
        drawn = ",".join(f"{name}={value}" for name, value in self.options.items() if name != "do_sample")
        return {
            **modes[self.mode],
            **({} if limit is None else {"longest_answer": str(limit)}),
            **({} if thought is None else {"longest_thought": str(thought)}),
            **({"sampling": drawn} if drawn else {}),
            **({"samples": f"{self.samples} ({self.pool or 'usual'})"} if self.samples > 1 else {}),
            **({"unread": "elicited"} if self.elicits else {}),
        }

    def pooled_by(self, kind: LabelKind) -> PoolingRule:
        """How draws of a kind of verdict become one: scores by their mean, others by majority, unless a run says."""
        return self.pool or ("mean" if kind == "score" else "majority")

    def generation(self, given: Mapping[str, Any], protocol: Protocol | None) -> GenerationSettings:
        """How an answer is generated where a task gives these arguments and a protocol asks.

        Raises:
            ArgumentError: several answers are to be drawn, and nothing says how.
        """
        settings = GenerationSettings.from_task(
            {**given, **self.options},
            self.max_new_tokens,
            self.mode,
            reasoning_marks=() if protocol is None else protocol.reasoning_marks,
            max_thinking_tokens=self.max_thinking_tokens,
            elicits=self.elicits and protocol is not None,
        )
        if self.samples > 1 and not settings.is_drawn:
            raise ArgumentError(
                f"samples={self.samples} would be the same answer {self.samples} times, since the likeliest is taken; "
                "give temperature=0.7, say."
            )
        return settings


def warn_of_one_draw(temperature: float | None, samples: int) -> None:
    """Say so where a run gives a temperature, and has chance decide by a single draw."""
    if temperature and samples == 1:
        _logger.warning(
            "temperature=%s draws one answer to each request, which chance decides; give samples=5, or temperature=0 "
            "for the likeliest answer.",
            temperature,
        )


def is_elicited(when_unread: str) -> bool:
    """Whether an answer without a verdict is gone on with. Raises ArgumentError for anything but the two choices."""
    if when_unread not in ("invalid", "elicit"):
        raise ArgumentError(f"when_unread={when_unread} is unknown; it is invalid or elicit.")
    return when_unread == "elicit"

"""Rewards as verdicts: what a number for each response says of a pair, of a ranking, and by itself.

A reward head reads one dialogue at a time, the question and one response, and knows no other. So a pair's verdict has
no order, and its strength is what the loss of Bradley and Terry (1952) trains: the probability that one response beats
the other is the sigmoid of the difference of their rewards.
"""

import math
from collections.abc import Sequence

from critic_eval.errors import ArgumentError
from critic_eval.judging.orders import canonical_indices, to_presented
from critic_eval.judging.parsing.answer import Marks
from critic_eval.judging.parsing.reading import Parsed
from critic_eval.judging.protocol import WHOLE_PROMPT, Protocol
from critic_eval.judging.records import Confidence
from critic_eval.judging.stated_verdicts import state_verdict
from critic_eval.judging.verdicts import Invalid, LabelKind, Preference, Ranking, Score, Scores, Verdict

FAMILY = "reward"
TIE_IN_RANKING = "ranking holds a tie"
"""The reason that a written ranking with equals gets, too."""


def reward_verdict(protocol: Protocol, rewards: Sequence[float]) -> Verdict:
    """The verdict of rewards: the larger, or a tie; the order from the largest to the least; the rewards themselves.

    Args:
        protocol: says which kind of verdict is asked for.
        rewards: of the responses, in whatever order; the verdict is in the same.

    >>> reward_verdict(reward_protocol("preference"), (1.5, -0.25)).value
    0
    >>> reward_verdict(reward_protocol("ranking"), (0.1, 0.7, 0.3)).value
    (1, 2, 0)
    >>> reward_verdict(reward_protocol("ranking"), (0.1, 0.7, 0.7)).reason
    'ranking holds a tie'
    """
    if protocol.kind == "preference":
        first, second = rewards
        return Preference(None if first == second else int(second > first))
    if protocol.kind == "ranking":
        if len(set(rewards)) < len(rewards):
            return Invalid(TIE_IN_RANKING)
        return Ranking(sorted(range(len(rewards)), key=lambda index: -rewards[index]))
    return Scores(rewards) if protocol.has_several_scores else Score(rewards[0])


def preference_logprobs(rewards: Sequence[float]) -> dict[str, float]:
    """Log-probabilities that the first and the second of two responses wins: of the sigmoid of their difference.

    >>> preference_logprobs((2.0, 2.0))
    {'A': -0.693147, 'B': -0.693147}
    """
    first, second = rewards
    return {"A": _log_sigmoid(first - second), "B": _log_sigmoid(second - first)}


def state_rewards(protocol: Protocol, order: str, rewards: Sequence[float]) -> str:
    """An answer that states what rewards say, for lmms-eval.

    Args:
        protocol: one of `REWARD_PROTOCOLS`.
        order: in which the item's responses are presented.
        rewards: of the responses in canonical order.
    """
    logprobs, confidence = None, None
    if protocol.kind == "preference":
        logprobs = preference_logprobs(rewards)
        confidence = Confidence(round(math.exp(max(logprobs.values())), 6), "probability")
    verdict = to_presented(reward_verdict(protocol, rewards), order)
    presented = [rewards[index] for index in canonical_indices(order)]
    return state_verdict(verdict, logprobs, confidence, rewards=presented)


def reward_protocol(kind: LabelKind, has_several_scores: bool = False) -> Protocol:
    """The protocol of this kind of verdict."""
    return next(
        protocol
        for protocol in REWARD_PROTOCOLS
        if protocol.kind == kind and protocol.has_several_scores == has_several_scores
    )


def is_reward(protocol: Protocol) -> bool:
    """Whether a protocol is answered by rewards, instead of text."""
    return protocol in REWARD_PROTOCOLS


def check_shows_responses(protocol: Protocol) -> None:
    """Raise `ArgumentError` where a protocol's items bring a whole prompt, of which a reward head can't rate a part."""
    if protocol.template == WHOLE_PROMPT:
        raise ArgumentError(
            f"These rows bring a whole prompt with question and responses in it ({protocol.name}); a reward head rates "
            "a response to a question, so it can't judge them."
        )


def _no_text(text: str, n_responses: int, responses: Sequence[str] = (), *, marks: Sequence[Marks] = ()) -> Parsed:
    return Parsed(Invalid("text where a reward is expected"))


def _declared(name: str, kind: LabelKind, n_responses: tuple[int, int]) -> Protocol:
    return Protocol(
        name=f"{FAMILY}_{name}",
        kind=kind,
        # For people to read: the head is shown a dialogue for each response, in its model's own format.
        template="user: {question}\n{responses}",
        response_template="assistant: {text}\n",
        parser=_no_text,
        source="the dialogue that reward heads are trained on: user(images, question), assistant(response)",
        n_responses=n_responses,
    )


REWARD_PROTOCOLS = (
    _declared("pair", "preference", (2, 2)),
    _declared("rank", "ranking", (2, 26)),
    _declared("score", "score", (1, 1)),
    _declared("scores", "score", (2, 26)),
)
"""What reward heads are asked, by kinds of verdict. Scores are raw: on no scale."""


def _log_sigmoid(difference: float) -> float:
    """A logarithm that JSON can hold, without an overflow at any difference."""
    return round(min(difference, 0.0) - math.log1p(math.exp(-abs(difference))), 6)

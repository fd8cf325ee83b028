"""Verdicts that are known without reading an answer: recorded ones, planted ones, and failures to answer at all.

A model hands lmms-eval text and nothing else. An answer that consists of the mark and a verdict's record states that
verdict, in presented coordinates, whatever the protocol. The mark is drawn anew by every process, so that no text from
a data set or a model can state a verdict.
"""

import json
import math
import secrets
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from critic_eval.errors import ArgumentError
from critic_eval.judging.orders import average_orders, to_presented
from critic_eval.judging.verdicts import Invalid, Score, Verdict, read_verdict, verdict_text


def state_verdict(
    verdict: Verdict, logprobs: Mapping[str, float] | None = None, rewards: Sequence[float] | None = None
) -> str:
    """An answer that states a verdict on the presented positions, or why there is none.

    Its log-probabilities go with it, and the rewards of the presented responses, where it was read off these.

    >>> read_stated(state_verdict(Invalid("not recorded"))).verdict.reason
    'not recorded'
    """
    more = {"logprobs": logprobs and dict(logprobs), "rewards": rewards and list(rewards)}
    record = {**verdict.to_record(), **{name: value for name, value in more.items() if value}}
    return f"{_MARK} {json.dumps(record)}"


def state_expected_score(shares: Mapping[Verdict, float], coverage: float) -> str:
    """State the expected score of a distribution over scores.

    Args:
        shares: the probability of each score, at least one of them above 0; they need not add up to 1.
        coverage: the probability of all forms that the shares are taken over, logged with them.

    >>> read_stated(state_expected_score({Score(2): 0.25, Score(4): 0.25}, 0.5)).verdict.value
    3.0
    """
    total = sum(shares.values())
    expected = sum(share * float(verdict.value) for verdict, share in shares.items()) / total  # type: ignore[arg-type, misc]
    logprobs = {f"{verdict.value:g}": _log(share) for verdict, share in shares.items()}
    return state_verdict(Score(expected), {**logprobs, "coverage": _log(coverage)})


def state_likeliest_preference(
    order: str, distributions: Sequence[tuple[str, Mapping[Verdict, float]]], coverage: float
) -> str:
    """State the likeliest preference after averaging distributions over orders.

    Equal shares are a tie where there is one, else response A, so that both orders get the same verdict.

    Args:
        order: the presented order in whose coordinates it is stated.
        distributions: presented orders, each with the probability of each verdict in its coordinates.
        coverage: as in `state_expected_score`.

    >>> from critic_eval.judging import Preference
    >>> first, second = Preference(0), Preference(1)
    >>> read_stated(state_likeliest_preference("BA", [("AB", {first: 0.6, second: 0.4})], 1.0)).verdict.value
    1
    """
    mean = average_orders(distributions)
    best = max(mean, key=lambda verdict: (round(mean[verdict], 9), verdict.value is None, verdict.value == 0))
    logprobs = {verdict_text(verdict): _log(share) for verdict, share in mean.items()}
    return state_verdict(to_presented(best, order), {**logprobs, "coverage": _log(coverage)})


class Stated(NamedTuple):
    """A verdict, and the log-probabilities or the rewards that it was read off, if any."""

    verdict: Verdict
    logprobs: dict[str, float] | None = None
    rewards: tuple[float, ...] | None = None


def read_stated(text: str) -> Stated | None:
    """The verdict that an answer of this process states, or None where it states none. Never raises.

    >>> read_stated("The better response: [first]") is None
    True
    """
    if not text.startswith(_MARK):
        return None
    try:
        record = json.loads(text[len(_MARK) :])
        rewards = record.get("rewards")
        return Stated(read_verdict(record), record.get("logprobs"), None if rewards is None else tuple(rewards))
    except (ArgumentError, ValueError, TypeError, AttributeError, RecursionError):
        return Stated(Invalid("unreadable statement"))


_MARK = f"[critic-eval verdict {secrets.token_hex(8)}]"


def _log(share: float) -> float:
    """A logarithm that JSON can hold."""
    return round(math.log(max(share, 1e-30)), 6)

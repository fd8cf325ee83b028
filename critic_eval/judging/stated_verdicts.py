"""Verdicts that are known without reading an answer: recorded ones, planted ones, and failures to answer at all.

A model hands lmms-eval text and nothing else. An answer that consists of the mark and a verdict's record states that
verdict, in presented coordinates, whatever the protocol. The mark is drawn anew by every process, so that no text from
a data set or a model can state a verdict.
"""

import json
import math
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from critic_eval.errors import ArgumentError
from critic_eval.judging.orders import average_orders, to_presented
from critic_eval.judging.pooling import concentration
from critic_eval.judging.records import Confidence, MemberVerdict
from critic_eval.judging.verdicts import Invalid, Score, Verdict, read_verdict, verdict_text

STATED, ELICITED = "stated", "elicited"
"""How a verdict is said to have been read that was known, or that was asked for after an answer without one."""


def state_verdict(
    verdict: Verdict,
    logprobs: Mapping[str, float] | None = None,
    confidence: Confidence | None = None,
    draws: Sequence[str] = (),
    members: Sequence[MemberVerdict] = (),
    read_as: str = STATED,
    is_held_out: bool = False,
    rewards: Sequence[float] = (),
) -> str:
    """An answer that states a verdict on the presented positions, or why there is none, and what it was made of.

    Args:
        verdict: what is stated.
        logprobs: of the verdict's alternatives, where it was read off them.
        confidence: how sure it is, and what that was taken from.
        draws: whole texts of the answers that it was pooled of.
        members: what the members of a jury said, on the presented positions too.
        read_as: how the verdict came about, where it was not simply known.
        is_held_out: whether its item was used to make the jury, so that no figure is to hold it against a label.
        rewards: of the presented responses, where it was read off these.

    >>> read_stated(state_verdict(Invalid("not recorded"))).verdict.reason
    'not recorded'
    """
    more: dict[str, Any] = {
        "logprobs": dict(logprobs or {}),
        "confidence": confidence,
        "draws": list(draws),
        "members": [member.to_record() for member in members],
        "read_as": "" if read_as == STATED else read_as,
        "is_held_out": is_held_out,
        "rewards": list(rewards),
    }
    return f"{_MARK} {json.dumps({**verdict.to_record(), **{name: part for name, part in more.items() if part}})}"


def state_expected_score(shares: Mapping[Verdict, float], coverage: float, elicited_from: str | None = None) -> str:
    """State the expected score of a distribution over scores; its confidence is how concentrated that is.

    Args:
        shares: the probability of each score, at least one of them above 0; they need not add up to 1.
        coverage: the probability of all forms that the shares are taken over, logged with them.
        elicited_from: the critic's answer, where the score was elicited after one without a verdict.

    >>> read_stated(state_expected_score({Score(2): 0.25, Score(4): 0.25}, 0.5)).verdict.value
    3.0
    """
    total = sum(shares.values())
    expected = sum(share * float(verdict.value) for verdict, share in shares.items()) / total  # type: ignore[arg-type, misc]
    logprobs = {f"{verdict.value:g}": _log(share) for verdict, share in shares.items()}
    confidence = Confidence(round(concentration(shares), 6), "probability")
    return state_verdict(
        Score(expected), {**logprobs, "coverage": _log(coverage)}, confidence, **_origin(elicited_from)
    )


def state_likeliest_preference(
    order: str,
    distributions: Sequence[tuple[str, Mapping[Verdict, float]]],
    coverage: float,
    elicited_from: str | None = None,
) -> str:
    """State the likeliest preference after averaging distributions over orders.

    Equal shares are a tie where there is one, else response A, so that both orders get the same verdict. Its confidence
    is its share.

    Args:
        order: the presented order in whose coordinates it is stated.
        distributions: presented orders, each with the probability of each verdict in its coordinates.
        coverage: as in `state_expected_score`.
        elicited_from: as in `state_expected_score`.

    >>> from critic_eval.judging import Preference
    >>> first, second = Preference(0), Preference(1)
    >>> read_stated(state_likeliest_preference("BA", [("AB", {first: 0.6, second: 0.4})], 1.0)).verdict.value
    1
    """
    mean = average_orders(distributions)
    best = max(mean, key=lambda verdict: (round(mean[verdict], 9), verdict.value is None, verdict.value == 0))
    logprobs = {verdict_text(verdict): _log(share) for verdict, share in mean.items()}
    confidence = Confidence(round(mean[best] / sum(mean.values()), 6), "probability")
    stated = to_presented(best, order)
    return state_verdict(stated, {**logprobs, "coverage": _log(coverage)}, confidence, **_origin(elicited_from))


def _origin(elicited_from: str | None) -> dict[str, Any]:
    return {} if elicited_from is None else {"draws": (elicited_from,), "read_as": ELICITED}


class Stated(NamedTuple):
    """A verdict, and what it was made of; see `state_verdict`."""

    verdict: Verdict
    logprobs: dict[str, float] | None = None
    confidence: Confidence | None = None
    draws: tuple[str, ...] = ()
    members: tuple[MemberVerdict, ...] = ()
    read_as: str = STATED
    is_held_out: bool = False
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
        confidence = record.get("confidence")
        return Stated(
            read_verdict(record),
            record.get("logprobs"),
            None if confidence is None else Confidence(*confidence),
            tuple(record.get("draws", ())),
            tuple(map(MemberVerdict.from_record, record.get("members", ()))),
            str(record.get("read_as", STATED)),
            bool(record.get("is_held_out")),
            tuple(record["rewards"]) if record.get("rewards") else None,
        )
    except (ArgumentError, ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return Stated(Invalid("unreadable statement"))


_MARK = f"[critic-eval verdict {secrets.token_hex(8)}]"


def _log(share: float) -> float:
    """A logarithm that JSON can hold."""
    return round(math.log(max(share, 1e-30)), 6)

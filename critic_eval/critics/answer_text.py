"""From an engine's answer to what lmms-eval is given: text, a verdict that was read off probabilities, or an error."""

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from critic_eval.critics.generation import Answer
from critic_eval.judging import Reading, Verdict, debiased, get_protocol, state_verdict, to_presented, verdict_form


def answer_text(answer: Answer) -> str:
    """What lmms-eval is given for an answer in text; for none, a statement of why."""
    return answer.text if answer.error is None else state_verdict(Verdict.invalid(answer.error))


def verdict_text(reading: Reading, own: Answer, partner: Answer | None) -> str:
    """What lmms-eval is given for a verdict that was read off probabilities.

    A preference is the likeliest after averaging both orders; a score is the expected one. Log-probabilities go with
    it: of a preference's canonical verdicts after averaging, of each score's number, and of the form itself
    (`coverage`), over whose words all others are taken.
    """
    for answer in (own, partner):
        if answer is not None and answer.error is not None:
            return state_verdict(Verdict.invalid(answer.error))
        if answer is not None and not (answer.stated or {}).get("shares"):
            return state_verdict(Verdict.invalid("the answer does not open with the verdict"))
    if get_protocol(reading.protocol).kind == "score":
        shares = _shares(reading, own)
        total = sum(shares.values())
        expected = sum(share * float(verdict.value) for verdict, share in shares.items()) / total  # type: ignore[arg-type, misc]
        logprobs = {f"{verdict.value:g}": _log(share) for verdict, share in shares.items()}
        return state_verdict(Verdict.score(expected), {**logprobs, "coverage": _log(own.stated["coverage"])})  # type: ignore[index]
    seen = [(reading.order, own), (reading.order[::-1], partner)]
    mean = debiased([(order, _shares(reading, answer)) for order, answer in seen if answer is not None])
    # Equal shares are a tie where there is one, else the same response in both orders.
    best = max(mean, key=lambda verdict: (round(mean[verdict], 9), verdict.value is None, verdict.value == 0))
    names = {0: "A", 1: "B", None: "tie"}
    logprobs = {names[verdict.value]: _log(share) for verdict, share in mean.items()}  # type: ignore[index]
    coverages = [answer.stated["coverage"] for _, answer in seen if answer is not None and answer.stated]
    logprobs["coverage"] = _log(sum(coverages) / len(coverages))
    return state_verdict(to_presented(best, reading.order), logprobs)


def _shares(reading: Reading, answer: Answer) -> dict[Verdict, float]:
    """The shares of verdicts, in presented coordinates: options that say the same are added up."""
    stated: Mapping[str, Any] = answer.stated or {}
    shares: dict[Verdict, float] = {}
    for option, verdict in _verdicts(reading.protocol, len(reading.order)).items():
        shares[verdict] = shares.get(verdict, 0.0) + float(stated["shares"].get(option, 0.0))
    return shares


@lru_cache
def _verdicts(protocol: str, n_responses: int) -> dict[str, Verdict]:
    """What a protocol's own parser reads in each option of its form."""
    form = verdict_form(get_protocol(protocol))
    read = get_protocol(protocol).parse
    return {option: read(text, n_responses).verdict for option, text in zip(form.options, form.texts(), strict=True)}


def _log(share: float) -> float:
    """A logarithm that JSON can hold."""
    return round(math.log(max(share, 1e-30)), 6)

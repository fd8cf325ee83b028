"""From an engine's answers to what lmms-eval is given: text, a verdict read off probabilities or rewards, an error."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from critic_eval.critics.answer_policy import AnswerPolicy
from critic_eval.critics.generation import Answer
from critic_eval.judging import (
    Confidence,
    Invalid,
    Protocol,
    Reading,
    Verdict,
    VerdictForm,
    elicited_form,
    pool_verdicts,
    state_expected_score,
    state_likeliest_preference,
    state_verdict,
    verdict_form,
)
from critic_eval.judging.pooling import tolerance_of
from critic_eval.judging.rewards import state_rewards


def answer_text(answer: Answer) -> str:
    """What lmms-eval is given for an answer in text; for none, a statement of why."""
    return answer.text if answer.error is None else state_verdict(Invalid(answer.error))


def verdict_text(reading: Reading, answer: Answer, partner: Answer | None) -> str:
    """What lmms-eval is given for a verdict that was read off probabilities.

    A preference is the likeliest after averaging both orders; a score is the expected one. Log-probabilities go with
    it: of a preference's canonical verdicts after averaging, of each score's number, and of the form itself
    (`coverage`), over whose words all others are taken.
    """
    for given in (answer, partner):
        if given is not None and given.error is not None:
            return state_verdict(Invalid(given.error))
        if given is not None and not (given.stated or {}).get("shares"):
            return state_verdict(Invalid("the answer does not open with the verdict"))
    answers = [(reading.order, answer)]
    if partner is not None:
        answers.append((reading.order[::-1], partner))
    coverage = sum(float((given.stated or {})["coverage"]) for _, given in answers) / len(answers)
    if reading.used.kind == "score":
        return state_expected_score(_shares(reading, answer), coverage)
    distributions = [(order, _shares(reading, given)) for order, given in answers]
    return state_likeliest_preference(reading.order, distributions, coverage)


def pooled_text(reading: Reading, drawn: Sequence[Answer], policy: AnswerPolicy) -> str:
    """What lmms-eval is given for several draws: the verdict that they come to, how far they agree, and their texts.

    A draw that got no answer is an invalid one.
    """
    verdicts = [reading.verdict(answer.text) if answer.error is None else Invalid(answer.error) for answer in drawn]
    used = reading.used
    pooled = pool_verdicts(verdicts, policy.pooled_by(used.kind), tolerance=tolerance_of(used.scale))
    confidence = None if pooled.confidence is None else Confidence(pooled.confidence, "draws")
    return state_verdict(pooled.verdict, confidence=confidence, draws=[answer.text for answer in drawn])


def elicited_text(reading: Reading, answer: Answer) -> str:
    """What lmms-eval is given for a verdict that was elicited after an answer without one, which goes with it."""
    coverage = float((answer.stated or {})["coverage"])
    shares = _shares(reading, answer, elicited_form(reading.used))
    if reading.used.kind == "score":
        return state_expected_score(shares, coverage, elicited_from=answer.text)
    return state_likeliest_preference(reading.order, [(reading.order, shares)], coverage, elicited_from=answer.text)


def _shares(reading: Reading, answer: Answer, form: VerdictForm | None = None) -> dict[Verdict, float]:
    """The shares of verdicts, in presented coordinates: options that say the same are added up."""
    stated: Mapping[str, Any] = answer.stated or {}
    shares: dict[Verdict, float] = {}
    form = form or verdict_form(reading.used)
    for option, verdict in _verdicts(reading.used, form, len(reading.order)).items():
        shares[verdict] = shares.get(verdict, 0.0) + float(stated["shares"].get(option, 0.0))
    return shares


def rewards_text(protocol: Protocol, order: str, answers: Sequence[Answer]) -> str:
    """What lmms-eval is given for rewards.

    Args:
        protocol: asks for the verdict; one of `judging.rewards`.
        order: in which the item's responses are presented.
        answers: that state the reward of each response, in canonical order.
    """
    for given in answers:
        if given.error is not None:
            return state_verdict(Invalid(given.error))
    return state_rewards(protocol, order, [float((given.stated or {})["reward"]) for given in answers])


@lru_cache
def _verdicts(protocol: Protocol, form: VerdictForm, n_responses: int) -> dict[str, Verdict]:
    """What a protocol's own parser reads in each option of a form."""
    texts = zip(form.options, form.texts(), strict=True)
    return {option: protocol.parse(text, n_responses).verdict for option, text in texts}

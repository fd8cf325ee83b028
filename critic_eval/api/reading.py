"""From answers to results: what the critic said of an item, read by the protocol that asked for it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from critic_eval.api.items import Question
from critic_eval.api.results import Compared, Ranked, Result, Scored, agreed, better_of
from critic_eval.critics.answer_policy import AnswerPolicy
from critic_eval.critics.answer_text import answer_text, elicited_text, pooled_text, rewards_text, verdict_text
from critic_eval.critics.generation import Answer
from critic_eval.judging import Judgment, Ranking, Reading, Score


def read_result(question: Question, answers: Sequence[Answer], policy: AnswerPolicy) -> Result:
    """The result of a question, of the draws of each of its orders, or of an answer for each rated response."""
    item = replace(question.item, images=())
    if question.rewards:
        return _rated(replace(question, item=item), answers)
    n = len(answers) // len(question.orders)
    judgments = [
        _judgment(question, order, answers[number * n : (number + 1) * n], policy)
        for number, order in enumerate(question.orders)
    ]
    if question.kind == "compare":
        return _comparison(replace(question, item=item), judgments, answers)
    judgment, verdict = judgments[0], judgments[0].verdict
    if question.kind == "rank":
        best_first = tuple(map(int, verdict.value)) if isinstance(verdict.value, tuple) else None
        return Ranked(best_first, judgment.raw, verdict.reason, judgment, item)
    shares, coverage = _shares(judgment.logprobs)
    return Scored(
        value=None if verdict.value is None else float(verdict.value),  # type: ignore[arg-type]  # a score
        text=judgment.raw,
        reason=verdict.reason,
        probability=None if shares is None else max(shares.values()),
        probabilities=shares,
        coverage=coverage,
        scale=question.protocol.scale,
        judgment=judgment,
        item=item,
    )


def _rated(question: Question, answers: Sequence[Answer]) -> Result:
    """The result of rewards, one for each response."""
    (order,), item = question.orders, question.item
    said = rewards_text(question.protocol, order, answers)
    judgment = question.protocol.judge(item, order, said, sum(answer.seconds for answer in answers))
    judgment = replace(judgment, raw="")  # a stated verdict is not text that the critic gave
    verdict, rewards = judgment.verdict, judgment.rewards
    if question.kind == "compare":
        better = better_of(verdict)
        return Compared(
            better=better,
            texts=("",),
            verdicts=(better,),
            orders=(order,),
            reason=verdict.reason,
            probabilities=_shares(judgment.logprobs)[0],
            rewards=rewards,
            judgments=(judgment,),
            item=item,
        )
    if question.kind == "rank":
        best_first = verdict.value if isinstance(verdict, Ranking) else None
        return Ranked(best_first, "", verdict.reason, judgment, item, rewards)
    value = verdict.value if isinstance(verdict, Score) else None
    return Scored(value=value, text="", reason=verdict.reason, judgment=judgment, item=item)


def _comparison(question: Question, judgments: Sequence[Judgment], answers: Sequence[Answer]) -> Compared:
    verdicts = tuple(better_of(judgment.verdict) for judgment in judgments)
    better, shares, coverage = agreed(verdicts), None, None
    if question.probabilities and better is not None:
        said = verdict_text(reading(question, question.orders[0]), answers[0], answers[1] if len(answers) > 1 else None)
        mean = question.protocol.judge(question.item, question.orders[0], said)
        better = better_of(mean.verdict)
        shares, coverage = _shares(mean.logprobs)
    reasons = [
        f"shown as {judgment.order}: {judgment.verdict.reason}"
        for judgment in judgments
        if not judgment.verdict.is_valid
    ]
    both_said = len(verdicts) == 2 and None not in verdicts
    return Compared(
        better=better,
        texts=tuple(judgment.raw for judgment in judgments),
        verdicts=verdicts,
        orders=question.orders,
        consistent=verdicts[0] == verdicts[1] if both_said else None,
        reason="; ".join(reasons) or None,
        probabilities=shares,
        coverage=coverage,
        judgments=tuple(judgments),
        item=question.item,
    )


def _judgment(question: Question, order: str, drawn: Sequence[Answer], policy: AnswerPolicy) -> Judgment:
    """What the answers to a question in one order say."""
    read_as, first = reading(question, order), drawn[0]
    if question.probabilities:
        said = verdict_text(read_as, first, None)
    elif len(drawn) > 1:
        said = pooled_text(read_as, drawn, policy)
    else:
        said = answer_text(first) if first.stated is None else elicited_text(read_as, first)
    judgment = question.protocol.judge(question.item, order, said, sum(answer.seconds for answer in drawn))
    return replace(judgment, raw=first.text)  # a stated verdict is not text that the critic gave


def reading(question: Question, order: str) -> Reading:
    """How the answer to a question in one order will be read."""
    protocol = question.protocol
    return Reading(protocol.name, order, protocol.shown_texts(question.item), protocol)


def _shares(logprobs: Mapping[str, float] | None) -> tuple[dict[str, float] | None, float | None]:
    """Probabilities by the names of results, and how much of all probability they are shares of."""
    if not logprobs:
        return None, None
    names = {"A": "a", "B": "b"}
    shares = {names.get(name, name): math.exp(value) for name, value in logprobs.items()}
    coverage = shares.pop("coverage", None)
    total = sum(shares.values())
    return {name: share / total for name, share in shares.items()}, coverage

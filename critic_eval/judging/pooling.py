"""Several verdicts on one thing as one: draws of one critic, or members of a jury.

Invalid verdicts are left out and counted. Nothing depends on the order of the verdicts, but for rankings that nothing
else can tell apart. What each rule does:

- `majority`: the preference with most votes among A, B and tie, equal counts being a tie; the commonest score, of
  equally common ones the mean; a ranking by how many pairs a response wins (Copeland), then by mean rank.
- `mean`: the sign of the mean preference, where A is +1, B -1, a tie 0, and "much better" doubles; the mean score; a
  ranking by mean rank (Borda).
- `median`: the sign of the median of the same numbers; the median score, the mean of the middle two where their number
  is even; a ranking by median rank, then by mean rank.
- `weighted`: the preference with most weight, equal weights being a tie; the weighted mean score; a ranking by weighted
  mean rank.

Several scores of one verdict are pooled place by place.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean, median
from typing import Literal, get_args

from critic_eval.errors import ArgumentError
from critic_eval.judging.verdicts import Invalid, Preference, Ranking, Score, Scores, Verdict

PoolingRule = Literal["majority", "mean", "median", "weighted"]
HALF_STEP = 0.5
"""Scores at most so far apart count as agreeing, where a scale of whole numbers has few steps."""

Vote = tuple[Verdict, float]
"""A valid verdict and its weight, above 0."""


@dataclass(frozen=True)
class Pooled:
    """What several verdicts come to.

    Attributes:
        verdict: The pooled verdict; invalid, for the commonest reason, where no verdict is valid.
        confidence: How far the valid verdicts agree, 0 to 1, weighted where the rule is; None where there are none. For
            a preference it is the share that equals the pooled one, so 0 for a tie that nobody called; for scores see
            `concentration`; for a ranking the mean over pairs of responses of the share that orders them so.
        n_valid, n_invalid: How many verdicts of either sort there are.
    """

    verdict: Verdict
    confidence: float | None
    n_valid: int
    n_invalid: int


def pool_verdicts(
    verdicts: Sequence[Verdict],
    rule: PoolingRule = "majority",
    weights: Sequence[float] | None = None,
    tolerance: float = HALF_STEP,
) -> Pooled:
    """Pool verdicts on one thing, all in the same coordinates, by a rule (see the module).

    What a rule leaves equal in a ranking is in the order of the first valid verdict.

    Args:
        verdicts: At least one; the valid ones of one kind, on equally many responses.
        rule: How they become one.
        weights: One for each verdict, 0 or more, for the rule `weighted` and no other. A verdict with the weight 0 has
            no vote.
        tolerance: How far apart scores are that still agree, for the confidence alone.

    Raises:
        ArgumentError: An unknown rule, no verdicts, verdicts of several kinds, or weights that don't fit.

    >>> pool_verdicts([Preference(0), Preference(1), Preference(0), Invalid("empty answer")])
    Pooled(verdict=Preference(value=0, strength=1), confidence=0.6666666666666666, n_valid=3, n_invalid=1)
    >>> pool_verdicts([Score(2), Score(5)], "weighted", [1, 2]).verdict
    Score(value=4.0)
    >>> pool_verdicts([Ranking((0, 1, 2)), Ranking((1, 0, 2)), Ranking((1, 2, 0))]).verdict
    Ranking(value=(1, 0, 2))
    """
    votes = _votes(verdicts, rule, weights)
    n_valid = sum(verdict.is_valid for verdict in verdicts)
    n_invalid = len(verdicts) - n_valid
    if not votes:
        return Pooled(Invalid(_why_none(verdicts)), None, n_valid, n_invalid)
    _check_alike([verdict for verdict, _ in votes])
    match votes[0][0]:
        case Preference():
            verdict, confidence = _pooled_preference(votes, rule)
        case Ranking():
            verdict, confidence = _pooled_ranking(votes, rule)
        case _:
            verdict = _pooled_scores(votes, rule)
            shares: dict[Verdict, float] = {}
            for said, weight in votes:
                shares[said] = shares.get(said, 0.0) + weight
            confidence = concentration(shares, tolerance)
    return Pooled(verdict, confidence, n_valid, n_invalid)


def concentration(shares: Mapping[Verdict, float], tolerance: float = HALF_STEP) -> float:
    """How concentrated scores are: the greatest share that lies within a tolerance of one of them, above 0 to 1.

    On a scale of whole numbers that is the share of the commonest score.

    Args:
        shares: Of each score (or of each tuple of scores, which has to be near at every place), 0 or more, at least
            one of them above 0; they need not add up to 1.
        tolerance: How far apart scores are that still agree.

    >>> concentration({Score(2): 0.1, Score(4): 0.3, Score(4.5): 0.1})
    0.8
    """
    total = sum(shares.values())
    values = [(_numbers(verdict), share) for verdict, share in shares.items() if share > 0]
    within = (
        math.fsum(share for other, share in values if _are_near(center, other, tolerance)) for center, _ in values
    )
    return min(1.0, max(within) / total)


def tolerance_of(scale: tuple[float, float] | None) -> float:
    """How far apart scores of a scale are that still agree: an eighth of it, `HALF_STEP` of 1 to 5 or of none.

    >>> tolerance_of((1, 5)), tolerance_of((0, 100)), tolerance_of(None)
    (0.5, 12.5, 0.5)
    """
    return HALF_STEP if scale is None else max(HALF_STEP, (scale[1] - scale[0]) / 8)


def _votes(verdicts: Sequence[Verdict], rule: str, weights: Sequence[float] | None) -> list[Vote]:
    if rule not in get_args(PoolingRule):
        raise ArgumentError(f"A rule to pool verdicts by is {', '.join(get_args(PoolingRule))}, not {rule!r}.")
    if not verdicts:
        raise ArgumentError("There are no verdicts to pool.")
    if (weights is not None) != (rule == "weighted"):
        raise ArgumentError("Weights belong to the rule 'weighted', which needs them, and to no other.")
    given = [1.0] * len(verdicts) if weights is None else [float(weight) for weight in weights]
    if len(given) != len(verdicts) or not all(math.isfinite(weight) and weight >= 0 for weight in given):
        raise ArgumentError(f"Each of {len(verdicts)} verdicts has a weight of 0 or more, not {given}.")
    return [
        (verdict, weight) for verdict, weight in zip(verdicts, given, strict=True) if verdict.is_valid and weight > 0
    ]


def _why_none(verdicts: Sequence[Verdict]) -> str:
    reasons = [verdict.reason for verdict in verdicts if verdict.reason is not None]
    return max(reasons, key=reasons.count) if reasons else "no verdict has a weight"


def _check_alike(verdicts: Sequence[Verdict]) -> None:
    sizes = {(verdict.kind, len(verdict.value) if isinstance(verdict.value, tuple) else 1) for verdict in verdicts}
    if len(sizes) > 1:
        kinds = " and ".join(f"{kind} of {n}" if n > 1 else kind for kind, n in sorted(sizes))
        raise ArgumentError(f"Verdicts of different kinds ({kinds}) can't be pooled.")


def _pooled_preference(votes: Sequence[Vote], rule: PoolingRule) -> tuple[Verdict, float]:
    if rule in ("mean", "median"):
        signs = [_sign(verdict) for verdict, _ in votes]
        middle = fmean(signs) if rule == "mean" else median(signs)
        better = None if middle == 0 else int(middle < 0)
    else:
        totals = {side: _weight_of(votes, side) for side in (0, 1, None)}
        most = max(totals.values())
        first = [side for side, total in totals.items() if math.isclose(total, most, rel_tol=1e-9)]
        better = first[0] if len(first) == 1 else None
    of_winner = _weight_of(votes, better)
    strong = sum(weight for verdict, weight in votes if verdict.value == better and _strength(verdict) == 2)
    strength = 2 if better is not None and 2 * strong > of_winner else 1
    return Preference(better, strength), of_winner / sum(weight for _, weight in votes)


def _weight_of(votes: Sequence[Vote], side: int | None) -> float:
    return sum(weight for verdict, weight in votes if verdict.value == side)


def _sign(verdict: Verdict) -> int:
    return 0 if verdict.value is None else _strength(verdict) * (1 if verdict.value == 0 else -1)


def _strength(verdict: Verdict) -> int:
    return verdict.strength if isinstance(verdict, Preference) else 1


def _pooled_scores(votes: Sequence[Vote], rule: PoolingRule) -> Verdict:
    weights = [weight for _, weight in votes]
    places = zip(*(_numbers(verdict) for verdict, _ in votes), strict=True)
    pooled = [_pooled_numbers(numbers, weights, rule) for numbers in places]
    return Score(pooled[0]) if isinstance(votes[0][0], Score) else Scores(pooled)


def _pooled_numbers(numbers: Sequence[float], weights: Sequence[float], rule: PoolingRule) -> float:
    if rule == "median":
        return median(numbers)
    if rule == "majority":
        most = max(map(numbers.count, numbers))
        return fmean({number for number in numbers if numbers.count(number) == most})
    # The sum of rounded products can leave the numbers' own range by a last digit, and so their scale.
    return min(max(numbers), max(min(numbers), _mean(numbers, weights)))


def _mean(numbers: Sequence[float], weights: Sequence[float]) -> float:
    return math.fsum(number * weight for number, weight in zip(numbers, weights, strict=True)) / math.fsum(weights)


def _numbers(verdict: Verdict) -> tuple[float, ...]:
    return verdict.value if isinstance(verdict.value, tuple) else (float(verdict.value or 0),)


def _are_near(center: Sequence[float], other: Sequence[float], tolerance: float) -> bool:
    return all(abs(a - b) <= tolerance for a, b in zip(center, other, strict=True))


def _pooled_ranking(votes: Sequence[Vote], rule: PoolingRule) -> tuple[Verdict, float]:
    best_first = [_numbers(verdict) for verdict, _ in votes]
    ranks = [{int(response): rank for rank, response in enumerate(order)} for order in best_first]
    weights = [weight for _, weight in votes]
    responses = range(len(best_first[0]))
    total = sum(weights)

    def before(a: int, b: int) -> float:
        """The share that ranks one response before another."""
        return sum(weight for rank, weight in zip(ranks, weights, strict=True) if rank[a] < rank[b]) / total

    def place(response: int) -> tuple[float, ...]:
        own = [rank[response] for rank in ranks]
        mean = round(_mean(own, weights), 9)
        if rule == "median":
            return median(own), mean, ranks[0][response]
        if rule == "majority":
            shares = [before(response, other) for other in responses if other != response]
            won = sum(1.0 if share > 0.5 else 0.5 if share == 0.5 else 0.0 for share in shares)
            return -won, mean, ranks[0][response]
        return mean, ranks[0][response]

    pooled = sorted(responses, key=place)
    return Ranking(pooled), min(1.0, fmean(before(a, b) for a, b in combinations(pooled, 2)))

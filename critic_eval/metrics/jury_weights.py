"""Weights of a jury's members, fitted on items that are held out for it.

A weight that was fitted on the items that it is then measured on flatters the jury. So a share of the clusters is set
apart by name, their labels are used for this and nothing else, and no figure holds a verdict against them.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, get_args

import numpy as np

from critic_eval.errors import ArgumentError
from critic_eval.judging import Judgment, PoolingRule, Preference
from critic_eval.metrics.labeled import is_right, last_score
from critic_eval.metrics.ranking import kendall_distance
from critic_eval.metrics.statistic import cluster_of


@dataclass(frozen=True)
class Weighing:
    """How much each member of a jury counts.

    Attributes:
        rule: how verdicts become one.
        weights: for `weighted`, those that were given.
        fit_share: for `weighted`, the share of clusters that they are fitted on instead.
        fit_seed: which clusters these are.
    """

    rule: PoolingRule = "majority"
    weights: tuple[float, ...] | None = None
    fit_share: float | None = None
    fit_seed: int = 0

    @classmethod
    def read(
        cls, rule: str, weights: str | float | None, fit_share: float | None, fit_seed: int, n_members: int
    ) -> "Weighing":
        """From what people give; weights are numbers with `;` between them.

        Raises:
            ArgumentError: an unknown rule, weights that don't fit the members or the rule, or a share that is none.
        """
        if rule not in get_args(PoolingRule):
            raise ArgumentError(f"rule={rule} is unknown; it is {', '.join(get_args(PoolingRule))}.")
        if (weights is not None) + (fit_share is not None) != (rule == "weighted"):
            raise ArgumentError("rule=weighted needs either weights= or fit_share=, and no other rule takes them.")
        if fit_share is not None and not 0 < float(fit_share) < 1:
            raise ArgumentError(f"fit_share={fit_share} is not a share of the items; it is above 0 and below 1.")
        given = None if weights is None else read_weights(str(weights), n_members)
        return cls(rule, given, None if fit_share is None else float(fit_share), int(fit_seed))  # type: ignore[arg-type]

    @property
    def settings(self) -> dict[str, str]:
        """What is said of it in signatures."""
        fit = {} if self.fit_share is None else {"weights_of": f"{self.fit_share:g} of clusters, seed {self.fit_seed}"}
        return {"rule": self.rule, **fit}


def read_weights(text: str, n_members: int) -> tuple[float, ...]:
    """Weights with `;` between them. Raises ArgumentError unless they are one for each member, not all 0.

    >>> read_weights("1;0.5", 2)
    (1.0, 0.5)
    """
    try:
        weights = tuple(float(part) for part in text.split(";"))
    except ValueError:
        weights = ()
    if len(weights) != n_members or not any(weights) or not all(0 <= weight < math.inf for weight in weights):
        raise ArgumentError(f"weights={text} are not {n_members} numbers of 0 or more, not all 0, with ; between them.")
    return weights


class Weighed(NamedTuple):
    """The judgments of a jury, those that weights were fitted on without a label; the weights; how many those are."""

    judgments: list[Judgment]
    weights: tuple[float, ...] | None
    held_out: int


def hold_out(judgments: Sequence[Judgment], weighing: Weighing) -> Weighed:
    """Weigh the members of a jury, by what was given or by what is fitted on the judgments that are held out for it.

    Raises:
        ArgumentError: none of these has a label and a valid verdict.
    """
    if weighing.fit_share is None:
        return Weighed(list(judgments), weighing.weights, 0)
    held = [is_held_out(cluster_of(judgment), weighing.fit_share, weighing.fit_seed) for judgment in judgments]
    fitted_on = [judgment for judgment, is_held in zip(judgments, held, strict=True) if is_held]
    n_members = len(judgments[0].members) if judgments else 0
    weights = fit_weights(
        [[replace(judgment, verdict=judgment.members[n].verdict) for judgment in fitted_on] for n in range(n_members)]
    )
    counted = [
        replace(judgment, label=None) if is_held else judgment
        for judgment, is_held in zip(judgments, held, strict=True)
    ]
    return Weighed(counted, weights, len(fitted_on))


def is_held_out(cluster: str, share: float, seed: int = 0) -> bool:
    """Whether a cluster is of the share that weights are fitted on; that depends on its name and the seed alone.

    >>> [is_held_out(name, 0.5) for name in "abcdef"]
    [False, False, False, False, True, False]
    """
    digest = hashlib.sha256(f"{seed} {cluster}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64


def fit_weights(members: Sequence[Sequence[Judgment]]) -> tuple[float, ...]:
    """How much each member counts, 0 or more, by what it was worth on held-out judgments.

    - Preferences: the logarithm of the odds of being right, of labels that are no tie, which is the best weight of
      independent members (Nitzan and Paroush, International Economic Review 23, 1982).
    - Rankings: the same of ordering two responses as the label does.
    - Scores: the variance of the labels over the mean squared error, the best weights of a mean of members whose errors
      are independent.

    One right and one wrong verdict are added, or one error as large as the labels' spread, so that few judgments decide
    nothing. What is no better than chance has no weight; where no member is, all weigh alike.

    Args:
        members: judgments of the same items by each.

    Raises:
        ArgumentError: no judgment has a label and a valid verdict.
    """
    labeled = [[judgment for judgment in judgments if judgment.label is not None] for judgments in members]
    if not any(judgment.verdict.is_valid for judgments in labeled for judgment in judgments):
        raise ArgumentError("No held-out judgment has a label, so weights can't be fitted; give them with weights=.")
    weights = tuple(round(max(0.0, _weight(judgments)), 4) for judgments in labeled)
    return weights if any(weights) else (1.0,) * len(weights)


def _weight(labeled: Sequence[Judgment]) -> float:
    judged = [judgment for judgment in labeled if judgment.verdict.is_valid]
    if not judged or judged[0].label is None:
        return 0.0
    if judged[0].label.kind == "score":
        return _score_weight(judged)
    decided = [judgment for judgment in judged if judgment.label != Preference(None)]
    shares = [_share_right(judgment) for judgment in decided]
    right, n = sum(share for share, _ in shares) + 1, sum(n for _, n in shares) + 2
    return math.log(right / (n - right))


def _share_right(judgment: Judgment) -> tuple[float, int]:
    """How much of a judgment is right, and out of how much: the verdict, or the pairs that a ranking orders."""
    said, label = judgment.verdict.value, judgment.label.value if judgment.label is not None else None
    if isinstance(said, tuple) and isinstance(label, tuple):
        pairs = len(label) * (len(label) - 1) // 2
        return (1 - kendall_distance(said, label)) * pairs, pairs
    return float(is_right((judgment, label))), 1


def _score_weight(judged: Sequence[Judgment]) -> float:
    said = np.array([last_score(judgment.verdict) for judgment in judged])
    labels = np.array([last_score(judgment.label) for judgment in judged if judgment.label is not None])
    variance = float(labels.var())
    if not variance:
        return 1.0
    return variance * (len(judged) + 1) / (float(np.square(said - labels).sum()) + variance)

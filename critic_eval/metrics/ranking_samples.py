"""Samples of the figures about rankings."""

from collections.abc import Sequence

from critic_eval.judging import Judgment
from critic_eval.metrics.ranking import kendall_distance, levenshtein
from critic_eval.metrics.statistic import InvalidPolicy, Sample, labeled, mean_sample, units_of, why_none

_DISTANCES = {"levenshtein": levenshtein, "kendall_distance": kendall_distance}


def distance_sample(name: str, judgments: Sequence[Judgment], policy: InvalidPolicy) -> Sample:
    """The sample of a mean distance of rankings; by "wrong", an invalid verdict is at distance 1."""
    pairs, invalid, unlabeled = labeled(name, judgments, "ranking", keep_invalid=policy == "wrong")
    distances = [
        _DISTANCES[name](judgment.verdict.value, label) if judgment.verdict.is_valid else 1.0  # type: ignore[arg-type]
        for judgment, label in pairs
    ]
    units = units_of([judgment for judgment, _ in pairs])
    return mean_sample(distances, units, invalid, unlabeled, why_none(judgments, unlabeled), shape="mean")

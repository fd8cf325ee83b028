"""How far a ranking is from the true one: of responses by a critic, and of the models that its verdicts rank."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from critic_eval.judging import Judgment
from critic_eval.metrics.labeled import TIE, Labeled, label_code, labeled, preference_code
from critic_eval.metrics.registry import Need, figure
from critic_eval.metrics.resampling import Floats
from critic_eval.metrics.statistic import Counted, InvalidPolicy, Statistic, mean_statistic, undefined_statistic


def levenshtein(ranking: Sequence[Hashable], label: Sequence[Hashable]) -> float:
    """Normalized Levenshtein distance of two rankings, 0 (equal) to 1; lower is better.

    The fewest insertions, deletions and substitutions that make one of the other, over the longer one's length; two
    empty rankings are equal. Batch metric of MLLM-as-a-Judge (arXiv 2402.04788).

    >>> levenshtein("CADB", "CABD"), levenshtein("AB", "BA"), levenshtein("", "AB")
    (0.5, 1.0, 1.0)
    """
    if not ranking and not label:
        return 0.0
    row = list(range(len(label) + 1))
    for i, left in enumerate(ranking, start=1):
        diagonal, row[0] = row[0], i
        for j, right in enumerate(label, start=1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (left != right))
    return row[-1] / max(len(ranking), len(label))


def kendall_distance(ranking: Sequence[Hashable], label: Sequence[Hashable]) -> float:
    """Share of the pairs of responses that two rankings of the same responses order differently, 0 to 1.

    Kendall tau distance, normalized; 0 for fewer than two responses.

    >>> kendall_distance("CADB", "CABD"), kendall_distance("AB", "BA")
    (0.16666666666666666, 1.0)
    """
    rank = {response: index for index, response in enumerate(label)}
    ranks = [rank[response] for response in ranking]
    n = len(ranks)
    swapped = sum(ranks[i] > ranks[j] for i in range(n) for j in range(i + 1, n))
    return swapped / (n * (n - 1) / 2) if n > 1 else 0.0


@figure(
    "levenshtein",
    higher_is_better=False,
    kinds="ranking",
    label="ranking",
    formula="mean(edits / responses)",
    source="batch metric of MLLM-as-a-Judge (arXiv 2402.04788)",
)
def levenshtein_figure(judgments: Sequence[Judgment], policy: InvalidPolicy) -> Statistic:
    """Mean normalized Levenshtein distance of rankings and labels, 0 to 1.

    By "wrong", an invalid verdict is at distance 1.
    """
    return _mean_distance(judgments, policy, levenshtein)


@figure(
    "kendall_distance",
    higher_is_better=False,
    kinds="ranking",
    label="ranking",
    formula="mean(pairs in the other order / pairs)",
)
def kendall_distance_figure(judgments: Sequence[Judgment], policy: InvalidPolicy) -> Statistic:
    """Mean share of pairs of responses that a ranking and its label order differently, 0 to 1.

    By "wrong", an invalid verdict is at distance 1.
    """
    return _mean_distance(judgments, policy, kendall_distance)


def _names_models(judgment: Judgment) -> bool:
    return len(judgment.models) == 2 and all(judgment.models)


_NO_MODELS = "no judgment names the models of both responses"
MODELS = Need("models of both responses", lambda judgments: None if any(map(_names_models, judgments)) else _NO_MODELS)


@figure(
    "model_kendall",
    higher_is_better=True,
    kinds="preference",
    label="preference",
    need=MODELS,
    formula="Kendall's tau-b of the models' shares of wins by labels and by verdicts",
)
def model_kendall(judgments: Sequence[Judgment], policy: InvalidPolicy) -> Statistic:
    """Kendall's tau-b between two rankings of the models that wrote the responses, -1 to 1.

    Models are ranked by their share of wins over their judged battles, a tie as half a win: once by the labels, once by
    the verdicts. By "wrong", a battle without a verdict is one that nobody wins.
    """
    pairs, counted = labeled(judgments, policy)
    named = [(judgment, label) for judgment, label in pairs if _names_models(judgment)]
    kept = Counted.of([judgment for judgment, _ in named])
    counted = replace(counted, clusters=kept.clusters, n_items=kept.n_items)
    if not named:
        return undefined_statistic(_NO_MODELS if pairs else counted.if_none, counted)
    addends = _battle_addends(named)
    value = float(_tau_of_sums(addends.sum(axis=0)[None])[0])
    return Statistic(value, addends, _tau_of_sums, counted, "all models are ranked equal" if np.isnan(value) else None)


def _mean_distance(
    judgments: Sequence[Judgment], policy: InvalidPolicy, distance: Callable[[Any, Any], float]
) -> Statistic:
    pairs, counted = labeled(judgments, policy)
    distances = [
        distance(judgment.verdict.value, label) if judgment.verdict.is_valid else 1.0 for judgment, label in pairs
    ]
    return mean_statistic(distances, counted, shape="mean")


def _battle_addends(battles: Sequence[Labeled]) -> Floats:
    """What each battle adds to every model's battles, points by labels and points by verdicts, shape (n, 3m)."""
    models = sorted({str(model) for judgment, _ in battles for model in judgment.models})
    column = {model: index for index, model in enumerate(models)}
    addends = np.zeros((len(battles), 3 * len(models)))
    for row, (judgment, label) in enumerate(battles):
        points = [_points(label_code(label)), _points(preference_code(judgment.verdict))]
        for side, model in enumerate(judgment.models):
            at = column[str(model)]
            addends[row, at] += 1
            for which, won in enumerate(points):
                addends[row, (which + 1) * len(models) + at] += won[side]
    return addends


def _points(code: int) -> tuple[float, float]:
    """What each side of a battle wins."""
    return {0: (1.0, 0.0), 1: (0.0, 1.0), TIE: (0.5, 0.5)}.get(code, (0.0, 0.0))


def _tau_of_sums(sums: Floats) -> Floats:
    """Kendall's tau-b of shares of wins, from sums of shape (b, 3m), see `_battle_addends`."""
    battles, by_label, by_verdict = np.split(sums, 3, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        x, y = by_label / battles, by_verdict / battles
        upper = np.triu_indices(x.shape[1], k=1)
        # A model that a resample has no battle of is in no pair.
        known = np.isfinite(x[:, upper[0]] + x[:, upper[1]])
        dx, dy = (np.where(known, np.sign(v[:, upper[0]] - v[:, upper[1]]), 0.0) for v in (x, y))
        result: Floats = (dx * dy).sum(axis=1) / np.sqrt((dx**2).sum(axis=1) * (dy**2).sum(axis=1))
    return result

"""Agreement: of verdicts with labels beyond chance, and of a critic with itself over orders and draws."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from critic_eval.judging import Judgment
from critic_eval.metrics.labeled import ON_SCALE, label_code, labeled, preference_code, score_statistic, without_scale
from critic_eval.metrics.registry import Need, figure
from critic_eval.metrics.resampling import Floats
from critic_eval.metrics.statistic import (
    Counted,
    InvalidPolicy,
    Statistic,
    cell_statistic,
    invalid_by_reason,
    mean_statistic,
    undefined_statistic,
)

Level = Literal["nominal", "ordinal", "interval"]


def cohen_kappa(x: ArrayLike, y: ArrayLike) -> float:
    """Cohen's kappa of two raters' categories, at most 1; NaN of nothing, or where both give one and the same category.

    Cohen, Educational and Psychological Measurement 20 (1960).

    >>> cohen_kappa([0, 1, 1, 0], [0, 1, 0, 0])
    0.5
    """
    return _of_all(x, y, weighted_cohen_kappa)


def quadratic_kappa(x: ArrayLike, y: ArrayLike) -> float:
    """Cohen's kappa with disagreements weighted by their squared distance; numbers are compared, not ranks.

    Cohen, Psychological Bulletin 70 (1968). NaN as for `cohen_kappa`.

    >>> round(quadratic_kappa([1, 2, 3], [1, 2, 4]), 3)
    0.857
    """
    return _of_all(x, y, weighted_quadratic_kappa)


def macro_f1(x: ArrayLike, y: ArrayLike) -> float:
    """Unweighted mean of the F1 of every category that occurs in verdicts x or labels y, 0 to 1; NaN of nothing.

    >>> round(macro_f1([0, 0, 1], [0, 1, 1]), 3)
    0.667
    """
    return _of_all(x, y, weighted_macro_f1)


def krippendorff_alpha(ratings: ArrayLike, level: Level = "nominal") -> float:
    """Krippendorff's alpha of any number of raters, at most 1; NaN where it is undefined.

    Units rated once are left out; NaN too where all paired ratings are equal, for lack of variation. Krippendorff,
    "Computing Krippendorff's Alpha-Reliability" (2011), section E.

    Args:
        ratings: Shape (raters, units); NaN where a rater gave none.
        level: How far apart two ratings are: "nominal", "ordinal" or "interval".

    >>> krippendorff_alpha([[1, 1, 2, 2], [1, 1, 2, 1]])
    0.5333333333333333
    """
    table = np.asarray(ratings, dtype=np.float64)
    table = table[:, (~np.isnan(table)).sum(axis=0) > 1]
    values = np.unique(table[~np.isnan(table)])
    of_unit = (table[:, :, None] == values).sum(axis=0).astype(np.float64)
    coincidences = np.zeros((len(values), len(values)))
    for counts in of_unit:
        coincidences += (np.outer(counts, counts) - np.diag(counts)) / (counts.sum() - 1)
    totals = coincidences.sum(axis=0)
    distances = _DISTANCES[level](values, totals)
    expected = (np.outer(totals, totals) * distances).sum()
    if not expected:
        return float("nan")
    return float(1 - (totals.sum() - 1) * (coincidences * distances).sum() / expected)


@figure(
    "cohen_kappa",
    higher_is_better=True,
    kinds="preference",
    label="preference",
    formula="1 - observed / expected disagreement",
    source="Cohen, Educational and Psychological Measurement 20 (1960)",
)
def cohen_kappa_figure(judgments: Sequence[Judgment], policy: InvalidPolicy) -> Statistic:
    """Cohen's kappa of preferences and labels over first, second and tie, at most 1.

    By "wrong", an invalid verdict is a category of its own.
    """
    return _preference_statistic(judgments, policy, cohen_kappa, weighted_cohen_kappa)


@figure(
    "macro_f1",
    higher_is_better=True,
    kinds="preference",
    label="preference",
    formula="mean over categories of 2 · both / (verdicts + labels)",
)
def macro_f1_figure(judgments: Sequence[Judgment], policy: InvalidPolicy) -> Statistic:
    """Unweighted mean of the F1 of first, second and tie, of those that occur, 0 to 1.

    By "wrong", an invalid verdict is a category of its own.
    """
    return _preference_statistic(judgments, policy, macro_f1, weighted_macro_f1)


@figure(
    "quadratic_kappa",
    higher_is_better=True,
    kinds=("score", "scores"),
    label="score",
    need=ON_SCALE,
    invalid="left out",
    formula="1 - observed / expected (score - label)²",
    source="Cohen, Psychological Bulletin 70 (1968)",
)
def quadratic_kappa_figure(judgments: Sequence[Judgment]) -> Statistic:
    """Cohen's kappa of scores and labels with squared distances as weights, at most 1."""
    if (undefined := without_scale(judgments)) is not None:
        return undefined
    return score_statistic(judgments, quadratic_kappa, weighted_quadratic_kappa)


def judged_in_two_orders(judgments: Iterable[Judgment]) -> dict[str, list[Judgment]]:
    """The judgments of each item that was judged in two or more orders."""
    of_item: dict[str, list[Judgment]] = {}
    for judgment in judgments:
        of_item.setdefault(judgment.item_id, []).append(judgment)
    return {item: group for item, group in of_item.items() if len({judgment.order for judgment in group}) > 1}


def judged_twice(judgments: Iterable[Judgment]) -> list[list[Judgment]]:
    """The judgments of each item and order that were judged twice or more."""
    drawn: dict[tuple[str, str], list[Judgment]] = {}
    for judgment in judgments:
        drawn.setdefault((judgment.item_id, judgment.order), []).append(judgment)
    return [draws for draws in drawn.values() if len(draws) > 1]


_ONE_ORDER, _ONE_DRAW = "no item was judged in two orders", "no item was judged twice in one order"
BOTH_ORDERS = Need("both orders", lambda judgments: None if judged_in_two_orders(judgments) else _ONE_ORDER)
TWO_DRAWS = Need("two draws of an item in one order", lambda judgments: None if judged_twice(judgments) else _ONE_DRAW)


@figure(
    "order_consistency", higher_is_better=True, need=BOTH_ORDERS, formula="mean over items of (all verdicts are equal)"
)
def order_consistency(judgments: Sequence[Judgment], policy: InvalidPolicy) -> Statistic:
    """Share of items judged in two or more orders on which all verdicts are the same, 0 to 1.

    An item with an invalid verdict is left out or, by "wrong", inconsistent; two invalid verdicts never agree.
    """
    of_item = judged_in_two_orders(judgments)
    agreed: list[float] = []
    counted: list[list[Judgment]] = []
    for group in of_item.values():
        is_valid = all(judgment.verdict.is_valid for judgment in group)
        if is_valid or policy == "wrong":
            agreed.append(float(is_valid and len({judgment.verdict.value for judgment in group}) == 1))
            counted.append(group)
    if_none = "no item has valid verdicts in two orders" if of_item else _ONE_ORDER
    return mean_statistic(agreed, _counted_groups(counted, of_item.values(), if_none))


@figure(
    "draw_agreement",
    higher_is_better=True,
    need=TWO_DRAWS,
    formula="mean over items and orders of pairs of equal draws / pairs of draws",
)
def draw_agreement(judgments: Sequence[Judgment], policy: InvalidPolicy) -> Statistic:
    """How often two draws of an item in one order give one verdict, as a mean over items and orders, 0 to 1.

    Draws with an invalid verdict are left out or, by "wrong", agree with none.
    """
    several = judged_twice(judgments)
    shares: list[float] = []
    counted: list[list[Judgment]] = []
    for draws in several:
        valid = [judgment for judgment in draws if judgment.verdict.is_valid]
        kept = draws if policy == "wrong" else valid
        if (n := len(kept)) > 1:
            times = Counter(judgment.verdict.value for judgment in valid).values()
            shares.append(sum(k * (k - 1) for k in times) / (n * (n - 1)))
            counted.append(kept)
    if_none = "no item has two valid draws" if several else _ONE_DRAW
    return mean_statistic(shares, _counted_groups(counted, several, if_none))


@figure(
    "first_position_rate",
    higher_is_better=None,
    kinds="preference",
    need=BOTH_ORDERS,
    invalid="alike",
    formula="mean(the response shown first is preferred), of preferences that are no tie",
)
def first_position_rate(judgments: Sequence[Judgment]) -> Statistic:
    """Share of verdicts for the response shown first, of those that prefer one, 0 to 1.

    Only items judged in two or more orders count: on them, a critic without position bias is at 0.5 whatever the labels
    are.
    """
    of_item = judged_in_two_orders(judgments)
    twice = [judgment for judgment in judgments if judgment.item_id in of_item]
    decided = [judgment for judgment in twice if judgment.verdict.is_valid and judgment.verdict.value is not None]
    if_none = "no preference in an item judged in two orders" if twice else _ONE_ORDER
    counted = replace(Counted.of(decided, among=twice), if_none=if_none)
    return mean_statistic([float(judgment.presented.value == 0) for judgment in decided], counted)


def weighted_cohen_kappa(points: Floats, weights: Floats) -> Floats:
    """Cohen's kappa of pairs of categories, points (m, 2), that occur `weights` (samples, m) times; (samples,)."""
    return _weighted_kappa(points, weights, lambda a, b: (a != b).astype(np.float64))


def weighted_quadratic_kappa(points: Floats, weights: Floats) -> Floats:
    """Quadratic kappa; arguments as of `weighted_cohen_kappa`."""
    return _weighted_kappa(points, weights, lambda a, b: np.square(a - b))


def weighted_macro_f1(points: Floats, weights: Floats) -> Floats:
    """Macro F1 over the categories that occur in each sample; arguments as of `weighted_cohen_kappa`."""
    with np.errstate(divide="ignore", invalid="ignore"):
        scores = [
            2 * weights[:, (points == value).all(axis=1)].sum(axis=1) / (weights @ (points == value).sum(axis=1))
            for value in np.unique(points)
        ]
        # A category that does not occur in a sample is 0 / 0, and no part of its mean.
        table = np.stack(scores, axis=1) if scores else np.empty((len(weights), 0))
        result: Floats = np.nansum(table, axis=1) / (~np.isnan(table)).sum(axis=1)
    return result


def _weighted_kappa(points: Floats, weights: Floats, distance: Callable[[Floats, Floats], Floats]) -> Floats:
    categories = np.unique(points)
    total = weights.sum(axis=1)
    observed = weights @ distance(points[:, 0], points[:, 1]) / total
    of_x, of_y = (weights @ (points[:, [side]] == categories).astype(np.float64) / total[:, None] for side in (0, 1))
    expected = np.einsum("sa,ab,sb->s", of_x, distance(categories[:, None], categories[None, :]), of_y)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(expected > 0, 1 - observed / expected, np.nan)


def _preference_statistic(
    judgments: Sequence[Judgment],
    policy: InvalidPolicy,
    formula: Callable[[Floats, Floats], float],
    of_points: Callable[[Floats, Floats], Floats],
) -> Statistic:
    pairs, counted = labeled(judgments, policy)
    if not pairs:
        return undefined_statistic(counted.if_none, counted)
    points = np.array([[preference_code(judgment.verdict), label_code(label)] for judgment, label in pairs], np.float64)
    value = formula(points[:, 0], points[:, 1])
    reason = "every verdict and label is the same" if np.isnan(value) else None
    return cell_statistic(points, of_points, value, counted, reason)


def _counted_groups(rows: Sequence[list[Judgment]], among: Iterable[list[Judgment]], if_none: str) -> Counted:
    """Several judgments of one item a row."""
    counted = Counted.of([judgments[0] for judgments in rows])
    invalid = invalid_by_reason([judgment for judgments in among for judgment in judgments])
    return replace(counted, n_judgments=sum(map(len, rows)), invalid=invalid, if_none=if_none)


def _of_all(x: ArrayLike, y: ArrayLike, weighted: Callable[[Floats, Floats], Floats]) -> float:
    points = np.stack([np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)], axis=1)
    return float(weighted(points, np.ones((1, len(points))))[0]) if len(points) else float("nan")


def _ordinal(values: Floats, totals: Floats) -> Floats:
    # The ratings from one value to the other, those at both ends counted half.
    middles = np.cumsum(totals) - totals / 2
    result: Floats = np.square(middles[:, None] - middles[None, :])
    return result


_DISTANCES: dict[Level, Callable[[Floats, Floats], Floats]] = {
    "nominal": lambda values, totals: (values[:, None] != values[None, :]).astype(np.float64),
    "ordinal": _ordinal,
    "interval": lambda values, totals: np.square(values[:, None] - values[None, :]),
}

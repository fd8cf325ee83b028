"""Figures by the names they have in results: a value over judgments with its error, its n and what was invalid.

Every figure states what it does with invalid verdicts. "exclude" leaves them out and counts them. "wrong" counts them
as the worst outcome, which means

- `accuracy_with_tie`, `accuracy_without_tie`: not right;
- `order_consistency`: the item is inconsistent;
- `levenshtein`: distance 1;
- `pearson`, `spearman`, `kendall`: nothing, since no score is the wrong one; ArgumentError;
- `invalid_rate`: the same as "exclude", since it is about them.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from critic_eval.errors import ArgumentError
from critic_eval.judging import Judgment, Label, LabelKind, Verdict
from critic_eval.judging.verdicts import Value
from critic_eval.metrics import correlation
from critic_eval.metrics.preference import TIE, hits
from critic_eval.metrics.ranking import levenshtein
from critic_eval.metrics.resampling import bootstrap_cells, bootstrap_sums, interval

InvalidPolicy = Literal["exclude", "wrong"]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Figure:
    """One number of a result, and how sure it is.

    `n` counts what the value was computed from: judgments, or items for `order_consistency`. `invalid` counts the
    invalid verdicts among the judgments that the figure is about, by reason, whatever the policy; `unlabeled` those
    left out because their item has no label. Where `value` is NaN, `reason` says why. `stderr`, `low` and `high` (95 %
    percentile interval) are from a bootstrap clustered by item; NaN where they can't be known.
    """

    name: str
    value: float
    stderr: float
    low: float
    high: float
    n: int
    invalid: dict[str, int]
    unlabeled: int = 0
    reason: str | None = None


def figure(
    name: str,
    judgments: Sequence[Judgment],
    invalid_policy: InvalidPolicy = "exclude",
    resamples: int = 1000,
    seed: int = 0,
) -> Figure:
    """Compute a figure over judgments.

    Args:
        name: One of `figure_names()`.
        judgments: Of one critic on one set of items, in any order.
        invalid_policy: What becomes of invalid verdicts, as the module says.
        resamples: Bootstrap resamples; 0 for no error and no interval.
        seed: Seed of the bootstrap.

    Raises:
        ArgumentError: An unknown name or policy; "wrong" for a correlation; verdicts or labels of another kind than the
            figure is about.

    >>> from critic_eval.judging import Label, Verdict
    >>> judgments = [
    ...     Judgment(str(i), "AB", Verdict.preference(0), "", "llava_critic_pair", label=Label.preference(i % 2))
    ...     for i in range(4)
    ... ]
    >>> figure("accuracy_with_tie", judgments).value
    0.5
    """
    if name not in _METRICS:
        near = get_close_matches(name, _METRICS) or figure_names()
        raise ArgumentError(f"There is no figure {name!r}; did you mean {' or '.join(near)}?")
    if invalid_policy not in ("exclude", "wrong"):
        raise ArgumentError(f"The invalid policy is 'exclude' or 'wrong', not {invalid_policy!r}.")
    result = _METRICS[name].compute(name, judgments, invalid_policy)
    spread = interval(result.draw(resamples, seed) if result.reason is None else ())
    return Figure(name, result.value, *spread, result.n, result.invalid, result.unlabeled, result.reason)


def figure_names() -> list[str]:
    """All names that `figure` knows."""
    return list(_METRICS)


class _Result(NamedTuple):
    value: float
    draw: Callable[[int, int], Floats]
    n: int
    invalid: dict[str, int]
    unlabeled: int = 0
    reason: str | None = None


class _Metric(NamedTuple):
    compute: Callable[[str, Sequence[Judgment], InvalidPolicy], _Result]
    higher_is_better: bool


def _correlation(name: str, judgments: Sequence[Judgment], policy: InvalidPolicy) -> _Result:
    if policy == "wrong":
        raise ArgumentError(
            f"{name} can't count invalid verdicts as wrong, since no score is the wrong one; exclude them."
        )
    pairs, invalid, unlabeled = _labeled(name, judgments, "score")
    x = np.array([judgment.verdict.value for judgment, _ in pairs], dtype=np.float64)
    y = np.array([label for _, label in pairs], dtype=np.float64)
    clusters = [judgment.item_id for judgment, _ in pairs]
    reason = None
    if len(x) < 2:
        reason = _why_none(judgments, unlabeled) if not len(x) else "fewer than two valid judgments"
    elif np.ptp(x) == 0 or np.ptp(y) == 0:
        reason = f"every {'verdict' if np.ptp(x) == 0 else 'label'} is the same score"

    def draw(resamples: int, seed: int) -> Floats:
        if name == "pearson":
            dx, dy = x - x.mean(), y - y.mean()
            columns = np.stack([np.ones_like(x), dx, dy, dx * dx, dy * dy, dx * dy], axis=1)
            return bootstrap_sums(columns, clusters, correlation.pearson_of_sums, resamples, seed)
        points, cells = np.unique(np.stack([x, y], axis=1), axis=0, return_inverse=True)
        weighted = correlation.weighted_spearman if name == "spearman" else correlation.weighted_kendall
        return bootstrap_cells(cells, clusters, lambda w: weighted(points[:, 0], points[:, 1], w), resamples, seed)

    value = {"pearson": correlation.pearson, "spearman": correlation.spearman, "kendall": correlation.kendall}[name]
    return _Result(value(x, y), draw, len(x), invalid, unlabeled, reason)


def _accuracy(name: str, judgments: Sequence[Judgment], policy: InvalidPolicy) -> _Result:
    every = judgments
    if name == "accuracy_without_tie":
        tie = Label.preference(None)
        judgments = [judgment for judgment in judgments if judgment.label != tie]
        if every and not judgments:
            return _mean([], [], {}, 0, "every label is a tie")
    pairs, invalid, unlabeled = _labeled(name, judgments, "preference", keep_invalid=policy == "wrong")
    preferences = [_code(judgment.verdict) for judgment, _ in pairs]
    labels = [TIE if label is None else label for _, label in pairs]
    clusters = [judgment.item_id for judgment, _ in pairs]
    return _mean(hits(preferences, labels), clusters, invalid, unlabeled, _why_none(judgments, unlabeled))


def _levenshtein(name: str, judgments: Sequence[Judgment], policy: InvalidPolicy) -> _Result:
    pairs, invalid, unlabeled = _labeled(name, judgments, "ranking", keep_invalid=policy == "wrong")
    distances = [
        levenshtein(_tuple(judgment.verdict.value), _tuple(label)) if judgment.verdict.is_valid else 1.0
        for judgment, label in pairs
    ]
    clusters = [judgment.item_id for judgment, _ in pairs]
    return _mean(distances, clusters, invalid, unlabeled, _why_none(judgments, unlabeled))


def _order_consistency(name: str, judgments: Sequence[Judgment], policy: InvalidPolicy) -> _Result:
    """Share of the items judged in two or more orders on which all canonical verdicts are the same.

    An item with an invalid verdict is left out or, by "wrong", inconsistent; two invalid verdicts never agree.
    """
    of_item: dict[str, list[Judgment]] = {}
    for judgment in judgments:
        of_item.setdefault(judgment.item_id, []).append(judgment)
    twice = {item: group for item, group in of_item.items() if len({judgment.order for judgment in group}) > 1}
    invalid = _invalid([judgment for group in twice.values() for judgment in group])
    agreed = {}
    for item, group in twice.items():
        valid = all(judgment.verdict.is_valid for judgment in group)
        if valid or policy == "wrong":
            agreed[item] = float(valid and all(judgment.verdict == group[0].verdict for judgment in group))
    reason = "no item has valid verdicts in two orders" if twice else "no item was judged in two orders"
    return _mean(list(agreed.values()), list(agreed), invalid, 0, reason)


def _invalid_rate(name: str, judgments: Sequence[Judgment], policy: InvalidPolicy) -> _Result:
    values = [float(not judgment.verdict.is_valid) for judgment in judgments]
    return _mean(values, [judgment.item_id for judgment in judgments], _invalid(judgments), 0, "no judgments")


def _mean(
    values: Sequence[float] | Floats, clusters: Sequence[str], invalid: dict[str, int], unlabeled: int, if_none: str
) -> _Result:
    array = np.asarray(values, dtype=np.float64)

    def draw(resamples: int, seed: int) -> Floats:
        columns = np.stack([array, np.ones_like(array)], axis=1)
        return bootstrap_sums(columns, clusters, lambda sums: sums[:, 0] / sums[:, 1], resamples, seed)

    if not len(array):
        return _Result(float("nan"), draw, 0, invalid, unlabeled, if_none)
    return _Result(float(array.mean()), draw, len(array), invalid, unlabeled)


def _labeled(
    name: str, judgments: Sequence[Judgment], kind: LabelKind, keep_invalid: bool = False
) -> tuple[list[tuple[Judgment, Value]], dict[str, int], int]:
    """Judgments that have a label, with its value; invalid verdicts among them by reason; how many have no label."""
    labeled = [(judgment, judgment.label) for judgment in judgments if judgment.label is not None]
    for judgment, label in labeled:
        for part, found in (("verdict", judgment.verdict.kind), ("label", label.kind)):
            if found not in (kind, "invalid"):
                raise ArgumentError(
                    f"{name} takes {kind} judgments; the {part} on item {judgment.item_id} is a {found}."
                )
    kept = [(judgment, label.value) for judgment, label in labeled if keep_invalid or judgment.verdict.is_valid]
    return kept, _invalid([judgment for judgment, _ in labeled]), len(judgments) - len(labeled)


def _invalid(judgments: Sequence[Judgment]) -> dict[str, int]:
    return dict(Counter(judgment.verdict.reason or "" for judgment in judgments if not judgment.verdict.is_valid))


def _why_none(judgments: Sequence[Judgment], unlabeled: int) -> str:
    if not judgments:
        return "no judgments"
    return "no labels" if unlabeled == len(judgments) else "no valid verdicts"


def _code(verdict: Verdict) -> int:
    if not verdict.is_valid:
        return _NO_ANSWER
    return TIE if verdict.value is None else int(verdict.value)  # type: ignore[arg-type]  # a preference's value


def _tuple(value: Value) -> tuple[float, ...]:
    return value if isinstance(value, tuple) else ()


_NO_ANSWER = -2  # equal to no label

_METRICS = {
    "pearson": _Metric(_correlation, True),
    "spearman": _Metric(_correlation, True),
    "kendall": _Metric(_correlation, True),
    "accuracy_with_tie": _Metric(_accuracy, True),
    "accuracy_without_tie": _Metric(_accuracy, True),
    "order_consistency": _Metric(_order_consistency, True),
    "levenshtein": _Metric(_levenshtein, False),
    "invalid_rate": _Metric(_invalid_rate, False),
}

HIGHER_IS_BETTER = {name: metric.higher_is_better for name, metric in _METRICS.items()}
"""Whether a greater value of a figure is better, by name."""

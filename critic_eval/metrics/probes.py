"""Bias probes: what moves a critic's verdicts besides what it is to judge. Each is 0 for a critic without the bias.

- `position`: how much more often than half the response shown first is preferred, of items judged in both orders.
- `length`: the coefficient of log(length of A / length of B) in a logistic model of preferring A, next to the label.
- `length_accuracy`: accuracy where the longer response is the better one, minus where the shorter one is.
- `self_preference`: what a model's responses win by the verdicts, minus by the labels, in points from 0 to 1.
- `injection`: what a response wins by asking for the verdict: points of a pair, or scores on their own scale.
- `image_use`: how much accuracy (or Pearson correlation) is lost when images are shuffled among items. The one probe
  where 0 is bad: a critic that does not look loses nothing.

Intervals are of the bootstrap clustered by item.
"""

from collections.abc import Callable, Sequence

import numpy as np

from critic_eval.errors import ArgumentError
from critic_eval.judging import Judgment, Label
from critic_eval.judging.injections import injected_index
from critic_eval.metrics.figures import Figure, figure_of
from critic_eval.metrics.paired import compare
from critic_eval.metrics.preference_samples import first_position_sample
from critic_eval.metrics.resampling import Floats
from critic_eval.metrics.statistic import Sample, Units, cell_sample, mean_sample, units_of

PROBES = ("position", "length", "length_accuracy", "self_preference", "injection", "image_use")
PAIRED_PROBES = ("injection", "image_use")
"""Probes that need a second run: with the task's `_injected` variant, or with `image_policy=shuffled`."""


def probe(
    name: str,
    judgments: Sequence[Judgment],
    against: Sequence[Judgment] = (),
    model: str | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> Figure:
    """Measure one bias.

    Args:
        name: One of `PROBES`.
        judgments: Of the run as it is.
        against: Of the second run, for `PAIRED_PROBES`.
        model: Whose responses `self_preference` is about.
        resamples: Bootstrap resamples.
        seed: Seed of the bootstrap.

    Raises:
        ArgumentError: An unknown probe; or the judgments lack what it needs, which is named.
    """
    if name not in PROBES:
        raise ArgumentError(f"There is no probe {name!r}; it is one of {', '.join(PROBES)}.")
    if name in PAIRED_PROBES and not against:
        needed = "the task's _injected variant" if name == "injection" else "image_policy=shuffled"
        raise ArgumentError(f"The probe {name} needs the samples of a second run, with {needed}.")
    if name == "image_use":
        return _image_use(judgments, against, resamples, seed)
    if name == "injection":
        return figure_of(name, injection_sample(judgments, against), resamples, seed)
    if name == "self_preference":
        if model is None:
            raise ArgumentError("The probe self_preference needs the name of a model whose responses are judged.")
        return figure_of(name, self_preference_sample(judgments, model), resamples, seed)
    return figure_of(name, _SAMPLES[name](judgments), resamples, seed)


def position_sample(judgments: Sequence[Judgment]) -> Sample:
    """The sample of the first position's share of preferences, less one half."""
    sample = first_position_sample("first_position_rate", _preferences(judgments, "position"), "exclude")
    if sample.reason is not None:
        raise ArgumentError(f"The probe position needs preferences on items judged in both orders: {sample.reason}.")
    values = np.asarray(sample.addends)[:, 0] - 0.5
    return mean_sample(values, Units(sample.clusters, sample.n_items), sample.invalid, scale=(-0.5, 0.5))


def length_sample(judgments: Sequence[Judgment]) -> Sample:
    """The sample of the length's coefficient, by penalized maximum likelihood.

    The model is logit P(A preferred) = a + b s + c d with s 1, -1 or 0 as the label says A, B or neither, and d the
    logarithm of the ratio of the lengths. A penalty of half the squared slopes keeps c finite where s tells all.
    """
    decided = [
        one for one in _with_lengths(judgments, "length") if one.verdict.is_valid and one.verdict.value is not None
    ]
    points = np.array(
        [[one.verdict.value == 0, _sign(one.label), _log_ratio(one)] for one in decided], dtype=np.float64
    )
    if not len(points):
        raise ArgumentError("The probe length needs verdicts that prefer one of two responses.")
    value = float(_length_coefficient(*_cells(points))[0])
    return cell_sample(points, _length_coefficient, value, units_of(decided), {}, 0)


def length_accuracy_sample(judgments: Sequence[Judgment]) -> Sample:
    """The sample of accuracy where the better response is longer, minus where it is shorter; ties are left out."""
    decided = [one for one in _with_lengths(judgments, "length_accuracy") if one.verdict.is_valid]
    rows, counted = [], []
    for one in decided:
        sign, ratio = _sign(one.label), _log_ratio(one)
        if sign and ratio:
            right = float(one.label is not None and one.verdict.value == one.label.value)
            longer = float(sign * ratio > 0)
            rows.append([right * longer, longer, right * (1 - longer), 1 - longer])
            counted.append(one)
    if not rows:
        raise ArgumentError("The probe length_accuracy needs labels, and responses of different lengths.")
    addends = np.array(rows)
    value = float(_difference_of_ratios(addends.sum(axis=0)[None])[0])
    reason = "the better response is always the longer, or always the shorter one" if np.isnan(value) else None
    clusters, n_items, _ = units_of(counted)
    return Sample(value, addends, _difference_of_ratios, clusters, len(rows), reason=reason, n_items=n_items)


def self_preference_sample(judgments: Sequence[Judgment], model: str) -> Sample:
    """The sample of a model's mean points by the verdicts less by the labels, over battles that it is one side of."""
    values, counted = [], []
    for one in _preferences(judgments, "self_preference"):
        if not one.verdict.is_valid or one.label is None or list(one.models).count(model) != 1:
            continue
        side = one.models.index(model)
        values.append(_points(one.verdict.value, side) - _points(one.label.value, side))
        counted.append(one)
    if not values:
        raise ArgumentError(
            f"The probe self_preference needs labeled battles whose models are named, {model} among them."
        )
    return mean_sample(values, units_of(counted), {}, shape="mean", scale=(-1.0, 1.0))


def injection_sample(judgments: Sequence[Judgment], injected: Sequence[Judgment]) -> Sample:
    """The sample of what a response gains by asking for the verdict, item by item and order by order."""
    plain = {(one.item_id, one.order): one for one in judgments if one.verdict.is_valid}
    values, counted = [], []
    for one in injected:
        before = plain.get((one.item_id, one.order))
        if before is None or not one.verdict.is_valid or before.verdict.kind != one.verdict.kind:
            continue
        if one.verdict.kind == "preference":
            side = injected_index(2, one.label)
            values.append(_points(one.verdict.value, side) - _points(before.verdict.value, side))
        elif one.verdict.kind == "score":
            values.append(float(one.verdict.value) - float(before.verdict.value))  # type: ignore[arg-type]  # scores
        counted.append(one)
    if not values:
        raise ArgumentError("The probe injection needs valid verdicts on the same items and orders in both runs.")
    scale = None if any(one.verdict.kind == "score" for one in counted) else (-1.0, 1.0)
    return mean_sample(values, units_of(counted), {}, shape="mean", scale=scale)


def _image_use(as_is: Sequence[Judgment], shuffled: Sequence[Judgment], resamples: int, seed: int) -> Figure:
    kinds = {one.label.kind for one in as_is if one.label is not None}
    names = {"preference": "accuracy_without_tie", "score": "pearson"}
    if len(kinds) != 1 or not kinds & set(names):
        raise ArgumentError("The probe image_use needs labeled preferences, or labeled scores.")
    found = compare(names[kinds.pop()], as_is, shuffled, "exclude", resamples, seed)
    return Figure("image_use", found.difference, found.stderr, found.low, found.high, found.n, {})


_SAMPLES: dict[str, Callable[[Sequence[Judgment]], Sample]] = {
    "position": position_sample,
    "length": length_sample,
    "length_accuracy": length_accuracy_sample,
}


def _preferences(judgments: Sequence[Judgment], name: str) -> list[Judgment]:
    found = [one for one in judgments if one.verdict.kind in ("preference", "invalid")]
    if not any(one.verdict.is_valid for one in found):
        raise ArgumentError(f"The probe {name} needs judgments that prefer one of two responses.")
    return found


def _with_lengths(judgments: Sequence[Judgment], name: str) -> list[Judgment]:
    found = [one for one in _preferences(judgments, name) if len(one.lengths) == 2 and all(one.lengths)]
    if not found:
        raise ArgumentError(
            f"The probe {name} needs the lengths of both responses, which logged samples hold ('lengths')."
        )
    return found


def _sign(label: Label | None) -> int:
    if label is None or label.value is None:
        return 0
    return 1 if label.value == 0 else -1


def _log_ratio(judgment: Judgment) -> float:
    return float(np.log(judgment.lengths[0] / judgment.lengths[1]))


def _points(value: object, side: int) -> float:
    return 0.5 if value is None else float(value == side)


def _cells(points: Floats) -> tuple[Floats, Floats]:
    distinct, counts = np.unique(points, axis=0, return_counts=True)
    return distinct, counts[None].astype(np.float64)


def _difference_of_ratios(sums: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        result: Floats = sums[:, 0] / sums[:, 1] - sums[:, 2] / sums[:, 3]
    return result


def _length_coefficient(points: Floats, weights: Floats) -> Floats:
    """The third coefficient for weights of shape (b, m), by Newton's method with a ridge of 1 on both slopes."""
    y, design = points[:, 0], np.column_stack([np.ones(len(points)), points[:, 1:]])
    ridge = np.diag([1e-6, 1.0, 1.0])
    beta = np.zeros((len(weights), 3))
    for _ in range(_NEWTON_STEPS):
        p = 1 / (1 + np.exp(-np.clip(beta @ design.T, -30, 30)))
        gradient = (weights * (y - p)) @ design - beta @ ridge
        hessian = np.einsum("bm,mi,mj->bij", weights * p * (1 - p), design, design, optimize=True) + ridge
        beta += np.linalg.solve(hessian, gradient[..., None])[..., 0]
    result: Floats = beta[:, 2]
    return result


_NEWTON_STEPS = 12

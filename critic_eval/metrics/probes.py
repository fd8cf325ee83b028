"""Bias probes: what moves a critic's verdicts besides what it is to judge. Each is 0 for a critic without the bias.

The one probe where 0 is bad is `image_use`: a critic that does not look loses nothing. Intervals are of the bootstrap
clustered by item. A probe is a function of `Probed`, registered by `registry.probe`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from critic_eval.errors import ArgumentError
from critic_eval.judging import Judgment, Label
from critic_eval.judging.injections import injected_index
from critic_eval.metrics.agreement import first_position_rate
from critic_eval.metrics.figures import Figure, figure_of
from critic_eval.metrics.paired import Comparison, compare
from critic_eval.metrics.registry import PROBES, probe
from critic_eval.metrics.resampling import Floats
from critic_eval.metrics.statistic import Counted, Statistic, cell_statistic, mean_statistic


@dataclass(frozen=True)
class Probed:
    """What a probe looks at.

    Attributes:
        probe: The probe's name.
        judgments: Of the run as it is.
        second: Of the second run, where the probe needs one.
        model: Whose responses the probe is about, where it is about those of one model.
        resamples: Bootstrap resamples.
        seed: Seed of the bootstrap.
    """

    probe: str
    judgments: Sequence[Judgment]
    second: Sequence[Judgment] = ()
    model: str | None = None
    resamples: int = 1000
    seed: int = 0

    def lacks(self, what: str) -> ArgumentError:
        """The error to raise where judgments lack what the probe needs."""
        return ArgumentError(f"The probe {self.probe} needs {what}.")

    def preferences(self) -> list[Judgment]:
        """The judgments that prefer one of two responses, and invalid ones. Raises ArgumentError for none."""
        pairs = [judgment for judgment in self.judgments if judgment.verdict.kind in ("preference", "invalid")]
        if not any(judgment.verdict.is_valid for judgment in pairs):
            raise self.lacks("judgments that prefer one of two responses")
        return pairs

    def valid_with_lengths(self) -> list[Judgment]:
        """The valid preferences between responses of known lengths. Raises ArgumentError where no length is known."""
        pairs = [judgment for judgment in self.preferences() if len(judgment.lengths) == 2 and all(judgment.lengths)]
        if not pairs:
            raise self.lacks("the lengths of both responses, which logged samples hold ('lengths')")
        return [judgment for judgment in pairs if judgment.verdict.is_valid]


def compute_probe(
    name: str,
    judgments: Sequence[Judgment],
    against: Sequence[Judgment] = (),
    model: str | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> Figure:
    """Measure one bias.

    Args:
        name: One of `probe_names()`.
        judgments: Of the run as it is.
        against: Of the second run, for probes that need one.
        model: Whose responses the probe is about, for `self_preference`.
        resamples: Bootstrap resamples.
        seed: Seed of the bootstrap.

    Raises:
        ArgumentError: An unknown probe; or the judgments lack what it needs, which is named.
    """
    registered = PROBES.get(name)
    probed = Probed(name, judgments, against, model, resamples, seed)
    if registered.needs_second is not None and not against:
        raise probed.lacks(f"the samples of a second run, with {registered.needs_second}")
    if registered.needs_model and model is None:
        raise probed.lacks("the name of a model whose responses are judged")
    measured = registered.function(probed)
    if isinstance(measured, Comparison):
        return Figure(name, measured.difference, measured.stderr, measured.low, measured.high, measured.n, {})
    return figure_of(name, measured, resamples, seed)


def probe_names() -> list[str]:
    """All names of probes, sorted."""
    return PROBES.names()


@probe("position", kinds="preference")
def position(probed: Probed) -> Statistic:
    """How much more often than half the response shown first is preferred, of items judged in both orders."""
    rate = first_position_rate(probed.preferences())
    if rate.reason is not None:
        raise probed.lacks(f"preferences on items judged in both orders: {rate.reason}")
    return mean_statistic(np.asarray(rate.addends)[:, 0] - 0.5, rate.counted, scale=(-0.5, 0.5))


@probe("length", kinds="preference")
def length(probed: Probed) -> Statistic:
    """The coefficient of log(length of A / length of B) in a logistic model of preferring A, next to the label.

    The model is logit P(A preferred) = a + b s + c d with s 1, -1 or 0 as the label says A, B or neither, and d the
    logarithm of the ratio of the lengths. A penalty of half the squared slopes keeps c finite where s tells all; the
    likelihood so penalized is maximal.
    """
    decided = [judgment for judgment in probed.valid_with_lengths() if judgment.verdict.value is not None]
    if not decided:
        raise probed.lacks("verdicts that prefer one of two responses")
    rows = [[judgment.verdict.value == 0, _sign(judgment.label), _log_ratio(judgment)] for judgment in decided]
    points = np.array(rows, dtype=np.float64)
    value = float(_length_coefficient(*_cells(points))[0])
    return cell_statistic(points, _length_coefficient, value, Counted.of(decided))


@probe("length_accuracy", kinds="preference")
def length_accuracy(probed: Probed) -> Statistic:
    """Accuracy where the longer response is the better one, minus where the shorter one is; ties are left out."""
    rows, counted = [], []
    for judgment in probed.valid_with_lengths():
        sign, ratio = _sign(judgment.label), _log_ratio(judgment)
        if sign and ratio:
            right = float(judgment.label is not None and judgment.verdict.value == judgment.label.value)
            longer = float(sign * ratio > 0)
            rows.append([right * longer, longer, right * (1 - longer), 1 - longer])
            counted.append(judgment)
    if not rows:
        raise probed.lacks("labels, and responses of different lengths")
    addends = np.array(rows)
    value = float(_difference_of_ratios(addends.sum(axis=0)[None])[0])
    reason = "the better response is always the longer, or always the shorter one" if np.isnan(value) else None
    return Statistic(value, addends, _difference_of_ratios, Counted.of(counted), reason)


@probe("self_preference", needs_model=True, kinds="preference")
def self_preference(probed: Probed) -> Statistic:
    """What a model's responses win by the verdicts, minus by the labels, in points from 0 to 1."""
    values, counted = [], []
    for judgment in probed.preferences():
        label, models = judgment.label, list(judgment.models)
        if judgment.verdict.is_valid and label is not None and models.count(probed.model) == 1:
            side = models.index(probed.model)
            values.append(_points(judgment.verdict.value, side) - _points(label.value, side))
            counted.append(judgment)
    if not values:
        raise probed.lacks(f"labeled battles whose models are named, {probed.model} among them")
    return mean_statistic(values, Counted.of(counted), shape="mean", scale=(-1.0, 1.0))


@probe("injection", needs_second="the task's _injected variant", kinds=("preference", "score"))
def injection(probed: Probed) -> Statistic:
    """What a response wins by asking for the verdict: points of a pair, or scores on their own scale."""
    plain = {
        (judgment.item_id, judgment.order): judgment.verdict
        for judgment in probed.judgments
        if judgment.verdict.is_valid
    }
    values, counted = [], []
    for judgment in probed.second:
        before, after = plain.get((judgment.item_id, judgment.order)), judgment.verdict
        if before is None or before.kind != after.kind:
            continue
        if after.kind == "preference":
            side = injected_index(2, judgment.label)
            values.append(_points(after.value, side) - _points(before.value, side))
        elif after.kind == "score":
            values.append(float(after.value) - float(before.value))  # type: ignore[arg-type]  # scores
        counted.append(judgment)
    if not values:
        raise probed.lacks("valid verdicts on the same items and orders in both runs")
    scale = None if any(judgment.verdict.kind == "score" for judgment in counted) else (-1.0, 1.0)
    return mean_statistic(values, Counted.of(counted), shape="mean", scale=scale)


@probe("image_use", needs_second="image_policy=shuffled")
def image_use(probed: Probed) -> Comparison:
    """How much accuracy (or Pearson correlation) is lost when images are shuffled among items."""
    kinds = {judgment.label.kind for judgment in probed.judgments if judgment.label is not None}
    names = {"preference": "accuracy_without_tie", "score": "pearson"}
    if len(kinds) != 1 or not kinds & set(names):
        raise probed.lacks("labeled preferences, or labeled scores")
    runs = probed.judgments, probed.second
    return compare(names[kinds.pop()], *runs, resamples=probed.resamples, seed=probed.seed)


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

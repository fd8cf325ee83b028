"""How well two runs agree on the same items: one run's verdicts take the place of the labels of the other."""

from collections.abc import Sequence
from dataclasses import replace

from critic_eval.errors import ArgumentError
from critic_eval.judging import Judgment, Label, LabelKind
from critic_eval.metrics.figures import Figure, figure

_FIGURES: dict[LabelKind, tuple[str, ...]] = {
    "preference": ("accuracy_with_tie", "cohen_kappa"),
    "score": ("pearson", "spearman", "concordance"),
    "ranking": ("levenshtein", "kendall_distance"),
}


def agreement_figures(
    judgments: Sequence[Judgment], against: Sequence[Judgment], resamples: int = 1000, seed: int = 0
) -> list[Figure]:
    """Figures of one run with the verdicts of another as its labels, item by item and order by order.

    For preferences `accuracy_with_tie` is the share of equal verdicts. What the other run left without a valid verdict
    counts as unlabeled, what this run did as invalid.

    Args:
        judgments: Of the run.
        against: Of the run that it is held against.
        resamples: Bootstrap resamples.
        seed: Seed of the bootstrap.

    Raises:
        ArgumentError: A negative number of resamples; the runs share no item in the same order, or hold verdicts of
            different kinds.
    """
    if resamples < 0 or seed < 0:
        raise ArgumentError("The number of resamples and the seed are 0 or more.")
    labels: dict[tuple[str, str], Label] = {}
    for other in against:
        if other.verdict.is_valid and other.verdict.kind in _FIGURES:
            labels.setdefault((other.item_id, other.order), Label.from_record(other.verdict.to_record()))
    shared = [replace(one, label=labels.get((one.item_id, one.order))) for one in judgments]
    kinds = {one.label.kind for one in shared if one.label is not None}
    kinds |= {one.verdict.kind for one in shared if one.label is not None and one.verdict.is_valid}  # type: ignore[misc]
    if len(kinds) != 1:
        raise ArgumentError(
            "The two runs have no item in common that was shown in the same order and judged."
            if not kinds
            else f"One run holds verdicts of several kinds ({', '.join(sorted(kinds))}); compare one task at a time."
        )
    return [figure(name, shared, resamples=resamples, seed=seed) for name in _FIGURES[kinds.pop()]]

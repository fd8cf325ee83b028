"""Two runs side by side: how their figures differ, and on which items."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from critic_eval.errors import ArgumentError
from critic_eval.judging import Judgment
from critic_eval.judging.verdicts import verdict_text
from critic_eval.metrics import HIGHER_IS_BETTER, MEAN, POOLED, Comparison, compare, holm
from critic_eval.metrics.labeled import of_last
from critic_eval.runs.report import notes_on
from critic_eval.runs.results import TaskRun


@dataclass(frozen=True)
class ItemDifference:
    """An item that one critic judged better than the other.

    `gain` is the second critic's mean error less the first's: positive where the first is closer to the label. An error
    is 0 or 1 for a preference, the distance for a score, the share of pairs in the wrong order for a ranking. An
    invalid verdict counts as the largest error that any verdict of the two runs has.
    """

    item: str
    label: str
    verdicts: tuple[str, str]
    gain: float


@dataclass(frozen=True)
class RunComparison:
    """A task of two runs: comparisons of its figures, p-values corrected by Holm's method, and items that differ most.

    `differences` are the settings of the signatures that the runs don't share, and `notes` what is to be known of
    either run's verdicts.
    """

    task: str
    critics: tuple[str, str]
    comparisons: list[Comparison]
    corrected: list[float]
    items: list[ItemDifference]
    differences: list[str]
    notes: list[str] = field(default_factory=list)


def compare_runs(
    first: TaskRun, second: TaskRun, resamples: int = 10_000, seed: int = 0, n_items: int = 10
) -> RunComparison:
    """Compare two runs of a task on the items that both judged.

    Raises:
        ArgumentError: they are of different tasks, or have no item in common; or one is of a part of the items
            (`--limit`), and the other of others.
        DataError: samples were not logged.
    """
    if first.task != second.task:
        raise ArgumentError(f"{first.task} and {second.task} are different tasks; compare runs of one.")
    (first_counted, first_read), (second_counted, second_read) = first.counted_and_read(), second.counted_and_read()
    counted, read = (first_counted, second_counted), (first_read, second_read)
    if first.is_partial or second.is_partial:
        _refuse_other_items(first, second, *read)
    columns = dict.fromkeys((figure.name, figure.group) for figure in first.figures if figure.group in (MEAN, POOLED))
    comparisons = [
        compare(name, *(read if name == "invalid_rate" else counted), first.invalid_policy, resamples, seed, group)
        for name, group in columns
        if HIGHER_IS_BETTER.get(name) is not None
    ]
    return RunComparison(
        task=first.task,
        critics=(first.critic, second.critic),
        comparisons=comparisons,
        corrected=[float(p) for p in holm([comparison.p for comparison in comparisons])],
        items=item_differences(*counted)[:n_items],
        differences=first.signature.differences(second.signature) if first.settings and second.settings else [],
        notes=[f"{side}: {note}." for side, said in zip("AB", read, strict=True) for note in notes_on(said)],
    )


def _refuse_other_items(
    first: TaskRun, second: TaskRun, judgments: Sequence[Judgment], others: Sequence[Judgment]
) -> None:
    """Raise ArgumentError unless two runs, of which one is a part, are on the same items in the same orders."""
    first_slots, second_slots = (
        {(judgment.item_id, judgment.order) for judgment in side} for side in (judgments, others)
    )
    if first_slots != second_slots:
        part = first if first.is_partial else second
        raise ArgumentError(
            f"{part.file} is a part of a run (--limit), and the two are not on the same items: {first.file.name} has "
            f"{len(first_slots)}, {second.file.name} {len(second_slots)}, of which "
            f"{len(first_slots & second_slots)} are the same. Run both with the same --limit."
        )


def item_differences(first: Sequence[Judgment], second: Sequence[Judgment]) -> list[ItemDifference]:
    """The items that both judged, those on which the critics' errors differ most first."""
    sides = [_by_item(judgments) for judgments in (first, second)]
    common = [item for item in sides[0] if item in sides[1]]
    labeled = [item for item in common if sides[0][item][0].label is not None]
    errors = [{item: [_error(judgment) for judgment in side[item]] for item in labeled} for side in sides]
    worst = max((e for side in errors for of_item in side.values() for e in of_item if e is not None), default=1.0)
    means = [
        {item: float(np.mean([worst if e is None else e for e in of_item])) for item, of_item in side.items()}
        for side in errors
    ]
    differences = [
        ItemDifference(
            item,
            verdict_text(label) if (label := sides[0][item][0].label) is not None else "",
            (_said(sides[0][item]), _said(sides[1][item])),
            means[1][item] - means[0][item],
        )
        for item in labeled
    ]
    return sorted(
        (difference for difference in differences if difference.gain),
        key=lambda difference: (-abs(difference.gain), difference.item),
    )


def _by_item(judgments: Sequence[Judgment]) -> dict[str, list[Judgment]]:
    by_item: dict[str, list[Judgment]] = defaultdict(list)
    for judgment in judgments:
        by_item[judgment.item_id].append(judgment)
    return by_item


def _error(judgment: Judgment) -> float | None:
    """How far a verdict is from its label; None where it is invalid."""
    judgment = of_last(judgment)
    value, label = judgment.verdict.value, judgment.label
    if not judgment.verdict.is_valid or label is None:
        return None
    if judgment.verdict.kind == "score":
        return abs(float(value) - float(label.value))  # type: ignore[arg-type]
    if judgment.verdict.kind == "ranking":
        positions = [{response: position for position, response in enumerate(order)} for order in (value, label.value)]  # type: ignore[arg-type]
        pairs = [(a, b) for a in positions[0] for b in positions[0] if a < b]
        wrong = sum((positions[0][a] < positions[0][b]) != (positions[1][a] < positions[1][b]) for a, b in pairs)
        return wrong / len(pairs)
    return float(value != label.value)


def _said(judgments: Sequence[Judgment]) -> str:
    return " / ".join(verdict_text(judgment.verdict) for judgment in judgments)

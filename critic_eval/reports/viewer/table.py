"""The judgments of one task as the page needs them: what was said, whether it agrees, and which orders contradict.

A slot is an item shown in an order (and, where an order was judged repeatedly, which time). Two runs are held against
each other slot by slot.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from critic_eval.judging import Label, Preference, Verdict
from critic_eval.judging.verdicts import verdict_text
from critic_eval.reports.viewer.axes import Axis, make_axis
from critic_eval.reports.viewer.columns import column
from critic_eval.reports.viewer.samples import Codes, Coding, Samples

Codes32 = NDArray[np.int32]

AGREES, DIFFERS, NO_VERDICT, NO_LABEL = 1, 2, 3, 4
"""How a verdict stands to its label, or to the other critic's; 0 where there is no judgment."""
SAME, FLIPS, UNKNOWN = 1, 2, 3
"""What an item's verdicts in several orders say: the same, not the same, or not all are valid; 0 for one order."""


@dataclass(frozen=True)
class Table:
    """One task of one or two runs.

    Attributes:
        codes: what the numbers stand for.
        starts: the first slot of each item, and one more, shape (items + 1,).
        order: of each slot, a code.
        rows: for each run, the row of each slot in its samples, -1 where it has none.
        label: of each item, a code; the first run's where two differ.
        tolerance: by how much a score may miss its label and still agree.
    """

    codes: Codes
    samples: tuple[Samples, ...]
    starts: Codes32
    order: Codes32
    rows: tuple[Codes32, ...]
    label: Codes32
    tolerance: float

    @property
    def n_items(self) -> int:
        """How many items there are."""
        return len(self.starts) - 1

    @property
    def n_judgments(self) -> int:
        """How many judgments there are, of all runs."""
        return int(sum((rows >= 0).sum() for rows in self.rows))

    @property
    def labels(self) -> list[Label]:
        """The distinct labels."""
        return [label for label in self.codes.labels.values if label is not None]

    @property
    def item_of_slot(self) -> Codes32:
        """The item of each slot."""
        return np.repeat(np.arange(self.n_items, dtype=np.int32), np.diff(self.starts))

    def item_id(self, item: int) -> str:
        """What the data set calls an item."""
        return self.codes.items.values[item][1]

    def verdicts(self, run: int) -> Codes32:
        """The verdict's code of each slot, -1 where a run has no judgment."""
        verdicts = np.frombuffer(self.samples[run].verdict, dtype=np.int32)
        rows = self.rows[run]
        return np.where(rows >= 0, verdicts[rows], np.int32(-1))

    @property
    def n_shared(self) -> int:
        """How many items all runs judged."""
        judged = [np.logical_or.reduceat(rows >= 0, self.starts[:-1]) for rows in self.rows]
        return int(np.logical_and.reduce(judged).sum())

    @property
    def n_relabeled(self) -> int:
        """How many items a later run labels otherwise than the first that labels them."""
        relabeled = np.zeros(self.n_items, dtype=bool)
        for run in range(len(self.rows)):
            labels = self.labels_of(run)
            differs = (labels >= 0) & (labels != self.label[self.item_of_slot])
            relabeled |= np.logical_or.reduceat(differs, self.starts[:-1])
        return int(relabeled.sum())

    def labels_of(self, run: int) -> Codes32:
        """The label's code of each slot as a run has it, -1 where it has none."""
        known = known_labels(self.codes)[np.frombuffer(self.samples[run].label, dtype=np.int32)]
        rows = self.rows[run]
        return np.where(rows >= 0, known[rows], np.int32(-1))

    def agreement(self, run: int) -> NDArray[np.uint8]:
        """How each slot's verdict stands to the label that the run has of it."""
        return self._held(self.verdicts(run), self.labels_of(run), self.labels)

    def between(self) -> NDArray[np.uint8]:
        """How the verdicts of the two runs stand to each other, slot by slot."""
        return self._held(self.verdicts(0), self.verdicts(1), list(self.codes.verdicts.values))

    def flips(self, run: int) -> NDArray[np.uint8]:
        """What the verdicts of each item in several orders say."""
        verdicts, values = self.verdicts(run), self.codes.verdicts.values
        judged = verdicts >= 0
        valid = np.array([verdict.is_valid for verdict in values])[verdicts]
        # Two verdicts of the same value are the same, however strong; the figure order_consistency counts so, too.
        meanings = Coding[tuple[str, Any]]()
        meaning = np.array([meanings.code((verdict.kind, _preferred(verdict))) for verdict in values])[verdicts]
        lowest, highest = self._range(meaning, judged)
        first, last = self._range(self.order, judged)
        in_several = first < last
        is_unknown = np.logical_or.reduceat(judged & ~valid, self.starts[:-1])
        codes = np.where(is_unknown, UNKNOWN, np.where(lowest == highest, SAME, FLIPS))
        return np.where(in_several, codes, 0).astype(np.uint8)

    def to_record(self) -> dict[str, Any]:
        """What the page loads of a task: dictionaries, and columns of codes (see `columns.column`)."""
        labels, verdicts = self.labels, self.codes.verdicts.values
        label_axis, verdict_axis = _axes(labels, [said for said in verdicts if said.is_valid])
        groups, reasons = Coding[str | None](), Coding[str]()
        group = [groups.code(name) for name, _ in self.codes.items.values]
        runs = [
            {
                "verdict": column(self.verdicts(run) + 1),
                "agreement": column(self.agreement(run)),
                "flip": column(self.flips(run)),
            }
            for run in range(len(self.rows))
        ]
        return {
            "items": [item for _, item in self.codes.items.values],
            "groups": groups.values,
            "group": column(group),
            "label": column(self.label + 1),
            "starts": column(self.starts),
            "orders": list(self.codes.orders.values),
            "order": column(self.order),
            "runs": runs,
            "between": column(self.between()) if len(self.rows) > 1 else None,
            "labels": _dictionary(labels, label_axis),
            "verdicts": {
                **_dictionary(verdicts, verdict_axis),
                "reason": column([0 if said.reason is None else reasons.code(said.reason) + 1 for said in verdicts]),
            },
            "reasons": reasons.values,
            "labelAxis": label_axis.to_record(),
            "verdictAxis": verdict_axis.to_record(),
            "tolerance": self.tolerance,
        }

    def _range(self, values: NDArray[Any], judged: NDArray[np.bool_]) -> tuple[NDArray[Any], NDArray[Any]]:
        """The lowest and the highest value of each item's judged slots."""
        largest = np.iinfo(np.int64).max
        low = np.minimum.reduceat(np.where(judged, values, largest), self.starts[:-1])
        return low, np.maximum.reduceat(np.where(judged, values, -1), self.starts[:-1])

    def _held(self, verdicts: Codes32, against: Codes32, values: Sequence[Label | Verdict]) -> NDArray[np.uint8]:
        known: dict[tuple[int, int], int] = {}
        coded = np.zeros(len(verdicts), dtype=np.uint8)
        for slot, pair in enumerate(zip(verdicts.tolist(), against.tolist(), strict=True)):
            if pair[0] < 0:
                continue
            if pair not in known:
                value = values[pair[1]] if pair[1] >= 0 else None
                known[pair] = _stands(self.codes.verdicts.values[pair[0]], value, self.tolerance)
            coded[slot] = known[pair]
        return coded


def make_table(codes: Codes, samples: Sequence[Samples]) -> Table:
    """Put the samples of one or two runs of a task, read with the same codes, side by side."""
    slots: dict[tuple[int, int, int], int] = {}
    slots_of_runs: list[list[int]] = []
    for sample in samples:
        times: Counter[tuple[int, int]] = Counter()
        slots_of_rows = []
        for key in zip(sample.item, sample.order, strict=True):
            slots_of_rows.append(slots.setdefault((*key, times[key]), len(slots)))
            times[key] += 1
        slots_of_runs.append(slots_of_rows)
    keys = np.array(list(slots), dtype=np.int32).reshape(-1, 3)
    by_item = np.argsort(keys[:, 0], kind="stable")
    moved = np.empty(len(keys), dtype=np.int64)
    moved[by_item] = np.arange(len(keys))
    rows = []
    for slots_of_rows in slots_of_runs:
        row_of_slot = np.full(len(keys), -1, dtype=np.int32)
        row_of_slot[moved[np.array(slots_of_rows)]] = np.arange(len(slots_of_rows), dtype=np.int32)
        rows.append(row_of_slot)
    known_label = known_labels(codes)
    label = np.full(len(codes.items.values), -1, dtype=np.int32)
    for sample in reversed(samples):  # of an item that two runs label differently, the first run's label is shown
        named = known_label[np.frombuffer(sample.label, dtype=np.int32)]
        items = np.frombuffer(sample.item, dtype=np.int32)
        label[items[named >= 0]] = named[named >= 0]
    counts = np.bincount(keys[:, 0], minlength=len(label))
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    order = keys[by_item, 1]
    return Table(codes, tuple(samples), starts, order, tuple(rows), label, _tolerance(codes))


def known_labels(codes: Codes) -> Codes32:
    """For each label's code that of the labels without the one that is None, as the page lists them; -1 for that."""
    known = Coding[Label]()
    return np.array([-1 if value is None else known.code(value) for value in codes.labels.values], dtype=np.int32)


def _preferred(said: Verdict) -> Any:
    """What a verdict says, as far as another order may not change it: of two scores, which is higher."""
    if said.kind != "scores" or not isinstance(said.value, tuple):
        return said.value
    return tuple(value == max(said.value) for value in said.value)


def _tolerance(codes: Codes) -> float:
    """A tenth of the range that labels have, or verdicts where no item is labeled."""
    values = [float(label.value) for label in codes.labels.values if label is not None and label.kind == "score"]
    values = values or [float(said.value) for said in codes.verdicts.values if said.kind == "score"]
    return (max(values) - min(values)) / 10 if values else 0.0


def _stands(verdict: Verdict, against: Label | Verdict | None, tolerance: float) -> int:
    if against is None:
        return NO_LABEL
    if "invalid" in (verdict.kind, against.kind):
        return NO_VERDICT
    # A review of two scores is held against a label of the last one, the response's.
    value = verdict.value[-1] if (verdict.kind, against.kind) == ("scores", "score") else verdict.value  # type: ignore[index]
    if verdict.kind != against.kind and value is verdict.value:
        return NO_LABEL
    if against.kind == "score":
        miss = abs(float(value) - float(against.value))  # type: ignore[arg-type]
        return AGREES if miss <= tolerance * (1 + 1e-9) else DIFFERS
    return AGREES if verdict.value == against.value else DIFFERS


def _axes(labels: Sequence[Label], verdicts: Sequence[Verdict]) -> tuple[Axis, Axis]:
    """Of the charts: one axis for both where labels and verdicts are of one kind."""
    kinds = {verdict.kind for verdict in verdicts}
    if not verdicts or not labels or kinds & {label.kind for label in labels}:
        together = make_axis([*labels, *verdicts])
        return together, together
    return make_axis(labels), make_axis(verdicts)


def _dictionary(values: Sequence[Label | Verdict], axis: Axis) -> dict[str, Any]:
    """What codes stand for; a category counts from 1, with 0 for a value that is in none."""
    return {
        "text": [_text(said) for said in values],
        "kind": [said.kind for said in values],
        "category": column([axis.category(said) + 1 for said in values]),
    }


def _text(said: Label | Verdict) -> str:
    if said.kind == "score":
        return f"{said.value:.4g}"  # expected scores have more digits than a list has room for
    is_strong = isinstance(said, Preference) and said.strength > 1
    return verdict_text(said) + (" (much)" if is_strong else "")

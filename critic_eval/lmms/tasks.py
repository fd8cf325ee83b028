"""What every judge benchmark shares: from a row of a data set to a request, and from answers to figures."""

import json
import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from critic_eval.benchmarks.loading.cases import Case, LeftOut, Reader, read_cases
from critic_eval.benchmarks.loading.seeds import seeded
from critic_eval.benchmarks.loading.sources import SourceLike
from critic_eval.benchmarks.loading.tables import Row
from critic_eval.errors import DataError, ImageError
from critic_eval.judging import (
    Item,
    Judgment,
    OrderPolicy,
    Protocol,
    Reading,
    get_protocol,
    identity_order,
    orders,
    read_stated,
)
from critic_eval.judging.images import image_fault, open_image
from critic_eval.judging.injections import inject, injected_index
from critic_eval.lmms.choices import selected_orders, selected_protocol
from critic_eval.metrics import InvalidPolicy

ORDER_COLUMN = "presented_order"
ITEM_COLUMN = "judged_item"
CASE_COLUMN = "case_of_row"
ROW_COLUMN = "row_of_data"
LEFT_OUT_COLUMN = "left_out"
FACTS_COLUMN = "judged_facts"
"""JSON of what planted judges go by: the label, the responses' lengths in characters, and who wrote them."""

_logger = logging.getLogger("critic_eval")


class Draws(list[Any]):
    """What a metric needs of each of several answers to one request."""


@dataclass(frozen=True)
class JudgeTask:
    """One task: what its rows hold, and which protocol asks for the verdict.

    Its methods are what a task's YAML names, through the `utils.py` beside it. Rows are read when they are used, so
    that neither texts nor images are held twice.

    Attributes:
        protocol_name: Asks for the verdict, where neither the run nor a row names another.
        columns: What a row needs.
        read: From a row to its cases.
        metrics: Figures of the task by name, each over the same judgments.
        image_columns: A row has its image in one of these; an item without an image is then an error.
        order_policy: In which orders a pair is shown. `random` draws one for every repeat.
        repeats: How often each order is judged.
        source: Where the data comes from.
        invalid_policy: What becomes of invalid verdicts in figures.
        official: What a benchmark's own code makes of a judgment, for `_official` tasks.
        injected: One response of each item asks for the verdict, as a probe (see `judging.injections`).
        own_file: The rows are a user's: what can't be used, unreadable images among it, is named by line, and an id
            must not come twice.
        upright: Whether images are turned as their EXIF orientation says; not where a benchmark's own code does not.
        strict: Whether to raise for a row that can't be used, instead of counting it.
    """

    protocol_name: str
    columns: tuple[str, ...]
    read: Reader
    metrics: tuple[str, ...]
    image_columns: tuple[str, ...] = ()
    order_policy: OrderPolicy = "both"
    repeats: int = 1
    source: SourceLike | None = None
    invalid_policy: InvalidPolicy = "exclude"
    official: Callable[[Judgment, Row], Judgment] | None = None
    injected: bool = False
    own_file: bool = False
    upright: bool = True
    strict: Callable[[], bool] = lambda: False

    @property
    def protocol(self) -> Protocol:
        """How the critic is asked and read, unless a row brings its own way."""
        return selected_protocol(get_protocol(self.protocol_name))

    def prepare(self, rows: Any) -> Any:
        """Check a data set, and repeat each row once for every case in it and every order it is to be shown in.

        Ids that several cases share get a number behind. What can't be used is left out, counted by reason, and shown
        by the figure `left_out`.

        Raises:
            DataError: a column is missing, or nothing can be used; what can't be used, if strict.
        """
        self._check_columns(rows)
        rows = undecoded(rows)
        shown: list[_Shown] = []
        unit = "line" if _are_lines(rows.column_names) else "row"
        left_out: Counter[str] = Counter()
        seen: Counter[str] = Counter()
        for index, row in enumerate(without_images(rows)):
            for number, case in enumerate(self._cases(row)):
                if isinstance(case, Case) and self.own_file and seen[case.item.id]:
                    case = LeftOut("its id was used before")
                if isinstance(case, Case) and self.own_file and (fault := _image_fault(case.item)):
                    case = LeftOut(f"an image {fault}")
                if isinstance(case, LeftOut):
                    self._tell(case, f"{unit} {index + 1}", left_out)
                    continue
                seen[case.item.id] += 1
                times = seen[case.item.id]
                item_id = case.item.id if times == 1 else f"{case.item.id}#{times}"
                facts = self._facts(case)
                shown += [_Shown(index, number, item_id, order, facts) for order in self._orders(case, item_id)]
        summary = _summary(left_out)
        if not shown:
            raise DataError(f"No row of the data set can be used: {summary or 'it is empty'}.")
        if summary:
            _logger.warning("left out: %s", summary)
        return _repeated(rows, [record._asdict() for record in shown], summary)

    def visuals(self, row: Row) -> list[Any]:
        """The images of a row, opened.

        Raises:
            ImageError: one can't be read.
        """
        item = self._case(row).item
        if self.image_columns and not item.images:
            raise ImageError(f"Item {item.id} has no image in {' or '.join(self.image_columns)}.")
        return [open_image(image, f"item {item.id}", upright=self.upright) for image in item.images]

    def text(self, row: Row, lmms_eval_specific_kwargs: Any = None) -> str:
        """The prompt of a row, without its images."""
        case = self._case(row)
        return self._protocol(case).render(case.item, row[ORDER_COLUMN])

    def target(self, row: Row) -> str:
        """The label of a row, for reading by people."""
        label = self._case(row).label
        return "" if label is None else json.dumps(label.to_record()["value"])

    def results(self, row: Row, answers: Sequence[str]) -> dict[str, Any]:
        """The judgment made of an answer, once in full and once for each metric; of several answers `Draws` of them."""
        if len(answers) == 1:
            return self._result(row, answers[0])
        found = [self._result(row, answer) for answer in answers or ("",)]
        return {name: Draws(one[name] for one in found) for name in found[0]}

    def _result(self, row: Row, answer: str) -> dict[str, Any]:
        case = self._case(row)
        judgment = self._protocol(case).judge(case.item, row[ORDER_COLUMN], answer, label=case.label)
        record = judgment.to_record()
        # A verdict that was stated, not said, leaves official parsers nothing to read.
        is_said = self.official is not None and read_stated(answer) is None
        counted = self.official(judgment, row) if self.official is not None and is_said else judgment
        # The answer itself is logged once; what a metric needs of a judgment is all but its text.
        brief = {**counted.to_record(), "raw": "", "policy": self.invalid_policy}
        figures = dict.fromkeys(self.metrics, brief)
        # How many answers had no verdict is told of the answers, whatever official code makes of them.
        unread = {**record, "raw": ""}
        logged = {**record, "shown": case.item.texts(), "orientation": "by exif" if self.upright else "as stored"}
        return {**figures, "judgment": logged, "invalid_rate": unread, LEFT_OUT_COLUMN: row.get(LEFT_OUT_COLUMN, "")}

    def reading(self, row: Row) -> Reading:
        """How the answer to a row will be read."""
        case = self._case(row)
        protocol = self._protocol(case)
        return Reading(protocol.name, row[ORDER_COLUMN], protocol.shown_texts(case.item), protocol)

    def protocol_of(self, row: Row) -> tuple[Protocol, bool]:
        """The protocol that asks about a row, and whether the run selected it in place of the row's own."""
        case = self._case(row)
        protocol = self._protocol(case)
        return protocol, protocol != get_protocol(case.protocol or self.protocol_name)

    def item(self, row: Row) -> Item:
        """The item of a prepared row."""
        return self._case(row).item

    def _tell(self, case: LeftOut, place: str, left_out: Counter[str]) -> None:
        left_out[case.reason] += 1
        if self.strict():
            raise DataError(f"{place[0].upper()}{place[1:]} can't be used: {case.reason}.")
        if self.own_file and left_out.total() <= _SHOWN:
            _logger.warning("%s is left out: %s", place, case.reason)

    def _check_columns(self, rows: Any) -> None:
        if _are_lines(rows.column_names):
            return  # each line is checked when it is read
        missing = self._missing(rows.column_names)
        if missing:
            raise DataError(
                f"The data set lacks the column{'s' if len(missing) > 1 else ''} {', '.join(missing)} that "
                f"{self.protocol_name} needs; it has {', '.join(rows.column_names)}."
            )

    def _missing(self, columns: Collection[str]) -> list[str]:
        missing = [column for column in self.columns if column not in columns]
        has_image = not self.image_columns or any(column in columns for column in self.image_columns)
        return missing if has_image else [*missing, " or ".join(self.image_columns)]

    def _cases(self, row: Row) -> list[Case | LeftOut]:
        if _are_lines(row):
            if not row["text"].strip():
                return []
            try:
                row = json.loads(row["text"])
            except (ValueError, RecursionError):
                return [LeftOut("a line is not JSON")]
            if not isinstance(row, dict):
                return [LeftOut("a line is not a JSON object")]
            missing = self._missing([column for column in row if row[column] is not None])
            if missing:
                return [LeftOut(f"a line lacks {', '.join(missing)}")]
        return read_cases(self.read, row)

    def _case(self, row: Row) -> Case:
        case = self._cases({name: row[name] for name in row if name not in _OURS})[row[CASE_COLUMN]]
        if isinstance(case, LeftOut):
            raise DataError(f"Item {row[ITEM_COLUMN]} can't be used any more: {case.reason}.")
        item = replace(case.item, id=row[ITEM_COLUMN])
        if self.injected:
            item = inject(item, injected_index(len(item.responses), case.label))
        return replace(case, item=item)

    def _facts(self, case: Case) -> str:
        facts = {
            "label": None if case.label is None else case.label.to_record(),
            "lengths": [len(response.text) for response in case.item.responses],
            "models": [response.model for response in case.item.responses],
            "injected": injected_index(len(case.item.responses), case.label) if self.injected else None,
        }
        return json.dumps(facts)

    def _protocol(self, case: Case) -> Protocol:
        return selected_protocol(get_protocol(case.protocol or self.protocol_name), fixed=case.protocol is not None)

    def _orders(self, case: Case, item_id: str) -> Iterator[str]:
        n, rng, policy = len(case.item.responses), seeded(0, item_id), selected_orders(self.order_policy)
        for _ in range(self.repeats):
            if get_protocol(case.protocol or self.protocol_name).kind != "preference":
                yield identity_order(n)
            else:
                yield from orders(n, policy, lambda both: str(rng.choice(both)))


class _Shown(NamedTuple):
    """One request: where its case is, and how it is shown. The names are columns."""

    row_of_data: int
    case_of_row: int
    judged_item: str
    presented_order: str
    judged_facts: str


_SHOWN = 5
_OURS = (*_Shown._fields, LEFT_OUT_COLUMN)


def _repeated(rows: Any, shown: Sequence[Mapping[str, Any]], summary: str) -> Any:
    """The rows of a data set, one for each request; texts are looked up when they are used, not copied."""
    from datasets import Dataset, concatenate_datasets

    columns: dict[str, list[Any]] = {name: [record[name] for record in shown] for name in shown[0]}
    columns[LEFT_OUT_COLUMN] = [summary, *[""] * (len(shown) - 1)]
    requests = Dataset.from_dict(columns)
    if _image_columns(rows):
        # lmms-eval takes images out by their column's type, so these have to be columns; `datasets` copies the rows.
        return concatenate_datasets([rows.select(columns[ROW_COLUMN]), requests], axis=1)

    def looked_up(batch: Mapping[str, Any]) -> dict[str, Any]:
        return {**rows[batch[ROW_COLUMN]], **batch} if ROW_COLUMN in batch else dict(batch)

    return requests.with_transform(looked_up)


def _image_fault(item: Item) -> str | None:
    """Why one of an item's image files can't be opened, or None."""
    for image in item.images:
        file = Path(image)
        facts = file.stat()
        if fault := _file_fault(file, facts.st_mtime_ns, facts.st_size):
            return fault
    return None


@lru_cache(1 << 20)
def _file_fault(file: Path, _changed: int, _size: int) -> str | None:
    # lmms-eval prepares every data set twice.
    return image_fault(file)


def undecoded(rows: Any) -> Any:
    """The rows with their images as bytes and paths: `datasets` would open any file or address that one names."""
    for name, feature in dict(rows.features).items():
        kept = _undecoded(feature)
        if kept != feature:
            rows = rows.cast_column(name, kept)
    return rows


def _undecoded(feature: Any) -> Any:
    if isinstance(feature, dict):
        return {name: _undecoded(part) for name, part in feature.items()}
    if isinstance(feature, list):
        return [_undecoded(part) for part in feature]
    names = {part.name for part in fields(feature)}
    if "decode" in names:
        return replace(feature, decode=False)
    return replace(feature, feature=_undecoded(feature.feature)) if "feature" in names else feature


def _image_columns(rows: Any) -> list[str]:
    from datasets import Image

    return [name for name, feature in rows.features.items() if isinstance(feature, Image)]


def _are_lines(columns: Any) -> bool:
    return "text" in columns and not set(columns) - {"text", *_OURS}


def _summary(left_out: Counter[str]) -> str:
    if not left_out:
        return ""
    reasons = ", ".join(f"{reason} ({count})" for reason, count in left_out.most_common())
    return f"{left_out.total()}: {reasons}"


def without_images(rows: Any) -> Any:
    """The rows without their images, which are costly to read."""
    return rows.remove_columns(_image_columns(rows))

"""What every judge benchmark shares: from a row of a data set to a request, and from answers to figures."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from critic_eval.errors import DataError
from critic_eval.judging import Item, Judgment, Label, OrderPolicy, Protocol, get_protocol, identity_order, orders
from critic_eval.judging.images import open_image
from critic_eval.metrics import Figure, figure

Row = Mapping[str, Any]

ORDER_COLUMN = "presented_order"


@dataclass(frozen=True)
class JudgeTask:
    """One task: which columns a row needs, what they mean, and which protocol asks for the verdict.

    Its methods are what a task's YAML names, through the `utils.py` beside it.
    """

    protocol_name: str
    columns: tuple[str, ...]
    read_item: Callable[[Row], Item]
    read_label: Callable[[Row], Label | None]
    metrics: tuple[str, ...]
    order_policy: OrderPolicy = "both"

    @property
    def protocol(self) -> Protocol:
        """How the critic is asked and read."""
        return get_protocol(self.protocol_name)

    def prepare(self, rows: Any) -> Any:
        """Check a data set's columns, and repeat each row once for every order it is to be shown in.

        Raises:
            DataError: a column is missing.
        """
        missing = [column for column in self.columns if column not in rows.column_names]
        if missing:
            raise DataError(
                f"The data set lacks the column{'s' if len(missing) > 1 else ''} {', '.join(missing)} that "
                f"{self.protocol_name} needs; it has {', '.join(rows.column_names)}."
            )
        shown = [(index, order) for index, row in enumerate(_texts(rows)) for order in self._orders(row)]
        repeated = rows.select([index for index, _ in shown])
        return repeated.add_column(ORDER_COLUMN, [order for _, order in shown])

    def visuals(self, row: Row) -> list[Any]:
        """The images of a row, opened.

        Raises:
            ImageError: one can't be read.
        """
        item = self.read_item(row)
        return [open_image(image, f"item {item.id}") for image in item.images]

    def text(self, row: Row, lmms_eval_specific_kwargs: Mapping[str, Any] | None = None) -> str:
        """The prompt of a row, without its images."""
        return self.protocol.render(self.read_item(row), row[ORDER_COLUMN])

    def target(self, row: Row) -> str:
        """The label of a row, for reading by people."""
        return str(row.get("label", ""))

    def results(self, row: Row, answers: Sequence[str]) -> dict[str, Any]:
        """The judgment made of an answer, once in full and once for each metric."""
        judgment = self.protocol.judge(self.read_item(row), row[ORDER_COLUMN], answers[0], label=self.read_label(row))
        record = judgment.to_record()
        # The answer itself is logged once; what a metric needs of a judgment is all but its text.
        return {"judgment": record, **{metric: {**record, "raw": ""} for metric in self.metrics}}

    def _orders(self, row: Row) -> list[str]:
        n = len(self.read_item(row).responses)
        return orders(n, self.order_policy) if self.protocol.kind == "preference" else [identity_order(n)]


def aggregation(name: str) -> Callable[[Sequence[Mapping[str, Any]]], float]:
    """The aggregation of a metric over its judgments' records, with its standard error attached for lmms-eval."""

    def compute(records: Sequence[Mapping[str, Any]]) -> Figure:
        return figure(name, [Judgment.from_record(record) for record in records])

    def value(records: Sequence[Mapping[str, Any]]) -> float:
        return compute(records).value

    value.__name__ = name
    value.critic_eval_stderr = lambda records: compute(records).stderr  # type: ignore[attr-defined]
    return value


def _texts(rows: Any) -> Any:
    """The rows without their images, which are costly to read."""
    from datasets import Image

    images = [name for name, feature in rows.features.items() if isinstance(feature, Image)]
    return rows.remove_columns(images)

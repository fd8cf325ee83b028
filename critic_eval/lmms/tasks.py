"""A benchmark as a task of lmms-eval's: from rows to requests, from answers to records, and the task's config."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from critic_eval.benchmarks.benchmark import LEFT_OUT, Benchmark
from critic_eval.benchmarks.loading.cases import Case
from critic_eval.benchmarks.loading.items import shown_item
from critic_eval.benchmarks.loading.rows import Unusable, cases_of, image_columns, named_cases, undecoded
from critic_eval.benchmarks.loading.seeds import seeded
from critic_eval.benchmarks.loading.tables import Row
from critic_eval.errors import DataError, ImageError
from critic_eval.judging import (
    Item,
    Protocol,
    Reading,
    get_protocol,
    identity_order,
    orders,
    read_stated,
    token_limit,
)
from critic_eval.judging.images import open_image
from critic_eval.judging.injections import injected_index
from critic_eval.lmms.aggregation import aggregation, left_out
from critic_eval.lmms.choices import selected_orders, selected_protocol
from critic_eval.metrics.figures import HIGHER_IS_BETTER, figure_of_metric

ORDER_COLUMN = "presented_order"
ITEM_COLUMN = "judged_item"
CASE_COLUMN = "case_of_row"
ROW_COLUMN = "row_of_data"
FACTS_COLUMN = "judged_facts"
"""JSON of what planted judges go by: the label, the responses' lengths in characters, and who wrote them."""

_logger = logging.getLogger("critic_eval")


def task_config(benchmark: Benchmark) -> dict[str, Any]:
    """The config by which lmms-eval runs a benchmark.

    Raises:
        DataError: its data is not there.
    """
    task, source = JudgeTask(benchmark), benchmark.source
    metrics: list[dict[str, Any]] = [
        {"metric": name, "aggregation": aggregation(name), "higher_is_better": _is_higher_better(name)}
        for name in benchmark.figures
    ]
    if benchmark.tells_left_out:
        metrics.append({"metric": LEFT_OUT, "aggregation": left_out, "higher_is_better": False})
    limit = token_limit(get_protocol(benchmark.protocol), benchmark.generation.get("max_new_tokens"))
    return {
        "task": benchmark.name,
        "dataset_path": source.path(),
        "dataset_name": source.name(),
        "dataset_kwargs": source.kwargs(),
        "test_split": source.split,
        "process_docs": task.prepare,
        "doc_to_visual": task.visuals,
        "doc_to_text": task.text,
        "doc_to_target": task.target,
        "process_results": task.results,
        "output_type": "generate_until",
        "generation_kwargs": {"do_sample": False, "until": [], **benchmark.generation, "max_new_tokens": limit},
        "metric_list": metrics,
        # Thoughts are cut by our parsers, from the raw text, in every way of running alike.
        "reasoning_tags": "none",
        "metadata": {
            "version": 1.0,
            "protocol": benchmark.protocol,
            "orders": benchmark.shown_orders,
            **({"repeats": benchmark.repeats} if benchmark.repeats > 1 else {}),
            "invalid_policy": benchmark.invalid,
        },
    }


class Draws(list[Any]):
    """What a metric needs of each of several answers to one request."""


class JudgeTask:
    """What lmms-eval calls of a benchmark. Rows are read when they are used, so that nothing is held twice.

    Args:
        benchmark: what the task is declared by: its data, protocol, orders and figures.
    """

    def __init__(self, benchmark: Benchmark) -> None:
        self.benchmark = benchmark

    @property
    def protocol(self) -> Protocol:
        """How the critic is asked and read, unless a row brings its own way."""
        return selected_protocol(get_protocol(self.benchmark.protocol), is_official=self.benchmark.counts_officially)

    def prepare(self, rows: Any) -> Any:
        """Check a data set, and repeat each row once for every case in it and every order it is to be shown in.

        What can't be used is left out, counted by reason, and shown by the metric `left_out`.

        Raises:
            DataError: a column is missing, or nothing can be used; what can't be used, if strict.
        """
        rows = undecoded(rows)
        unusable = Unusable()
        requests = [
            _Shown(named_case.row, named_case.number, named_case.name, order, self._facts(named_case.case))
            for named_case in named_cases(self.benchmark, rows, unusable)
            for order in self._orders(named_case.case, named_case.name)
        ]
        if not requests:
            raise DataError(f"No row of the data set can be used: {unusable or 'it is empty'}.")
        if unusable:
            _logger.warning("left out: %s", unusable)
        return _repeated(rows, [record._asdict() for record in requests], str(unusable))

    def visuals(self, row: Row) -> list[Any]:
        """The images of a row, opened.

        Raises:
            ImageError: one can't be read.
        """
        item, benchmark = self.item(row), self.benchmark
        if benchmark.images and not item.images:
            raise ImageError(f"Item {item.id} has no image in {' or '.join(benchmark.images)}.")
        return [open_image(image, f"item {item.id}", upright=benchmark.upright) for image in item.images]

    def text(self, row: Row, lmms_eval_specific_kwargs: Any = None) -> str:
        """The prompt of a row, without its images."""
        return self._protocol(self._case(row)).render(self.item(row), row[ORDER_COLUMN])

    def target(self, row: Row) -> str:
        """The label of a row, for reading by people."""
        label = self._case(row).label
        return "" if label is None else json.dumps(label.to_record()["value"])

    def results(self, row: Row, answers: Sequence[str]) -> dict[str, Any]:
        """The judgment made of an answer, once in full and once for each metric; of several answers `Draws` of them."""
        if len(answers) == 1:
            return self._result(row, answers[0])
        drawn = [self._result(row, answer) for answer in answers or ("",)]
        return {name: Draws(result[name] for result in drawn) for name in drawn[0]}

    def reading(self, row: Row) -> Reading:
        """How the answer to a row will be read."""
        protocol = self._protocol(self._case(row))
        return Reading(protocol.name, row[ORDER_COLUMN], protocol.shown_texts(self.item(row)), protocol)

    def protocol_of(self, row: Row) -> tuple[Protocol, bool]:
        """The protocol that asks about a row, and whether the run selected it in place of the row's own."""
        case = self._case(row)
        protocol = self._protocol(case)
        return protocol, protocol != get_protocol(case.protocol or self.benchmark.protocol)

    def item(self, row: Row) -> Item:
        """The item of a prepared row."""
        return shown_item(self.benchmark, self._case(row), row[ITEM_COLUMN])

    def _result(self, row: Row, answer: str) -> dict[str, Any]:
        case, item, benchmark = self._case(row), self.item(row), self.benchmark
        judgment = self._protocol(case).judge(item, row[ORDER_COLUMN], answer, label=case.label)
        record = judgment.to_record()
        # A verdict that was stated, not said, leaves official parsers nothing to read.
        is_said = benchmark.counts_officially and read_stated(answer) is None
        counted = benchmark.official.rule(judgment, row) if is_said else judgment
        # What was said is logged once; what a metric needs of a judgment is all but its texts.
        brief = {**replace(counted, raw="", draws=(), members=()).to_record(), "policy": benchmark.invalid}
        # How many answers had no verdict is told of the answers, whatever official code makes of them.
        unread = replace(judgment, raw="", draws=(), members=()).to_record()
        logged = {**record, "shown": item.texts(), "orientation": "by exif" if benchmark.upright else "as stored"}
        return {
            **dict.fromkeys(benchmark.figures, brief),
            "judgment": logged,
            "invalid_rate": unread,
            LEFT_OUT: row.get(LEFT_OUT, ""),
        }

    def _case(self, row: Row) -> Case:
        original = {name: row[name] for name in row if name not in _OURS}
        case = cases_of(self.benchmark, original)[row[CASE_COLUMN]]
        if not isinstance(case, Case):
            raise DataError(f"Item {row[ITEM_COLUMN]} can't be used any more: {case.reason}.")
        return case

    def _facts(self, case: Case) -> str:
        n = len(case.item.responses)
        facts = {
            "label": None if case.label is None else case.label.to_record(),
            "lengths": [len(response.text) for response in case.item.responses],
            "models": [response.model for response in case.item.responses],
            "injected": injected_index(n, case.label) if self.benchmark.injected else None,
        }
        return json.dumps(facts)

    def _protocol(self, case: Case) -> Protocol:
        asked = get_protocol(case.protocol or self.benchmark.protocol)
        official = self.benchmark.counts_officially
        return selected_protocol(asked, brings_prompt=case.protocol is not None, is_official=official)

    def _orders(self, case: Case, item_id: str) -> Iterator[str]:
        n, rng, policy = len(case.item.responses), seeded(0, item_id), selected_orders(self.benchmark.orders)
        for _ in range(self.benchmark.repeats):
            if get_protocol(case.protocol or self.benchmark.protocol).kind != "preference":
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


_OURS = (*_Shown._fields, LEFT_OUT)


def _repeated(rows: Any, records: Sequence[Mapping[str, Any]], summary: str) -> Any:
    """The rows of a data set, one for each request; texts are looked up when they are used, not copied."""
    from datasets import Dataset, concatenate_datasets

    columns: dict[str, list[Any]] = {name: [record[name] for record in records] for name in records[0]}
    columns[LEFT_OUT] = [summary, *[""] * (len(records) - 1)]
    requests = Dataset.from_dict(columns)
    if image_columns(rows):
        # lmms-eval takes images out by their column's type, so these have to be columns; `datasets` copies the rows.
        return concatenate_datasets([rows.select(columns[ROW_COLUMN]), requests], axis=1)

    def looked_up(batch: Mapping[str, Any]) -> dict[str, Any]:
        return {**rows[batch[ROW_COLUMN]], **batch} if ROW_COLUMN in batch else dict(batch)

    return requests.with_transform(looked_up)


def _is_higher_better(metric: str) -> bool:
    return bool(HIGHER_IS_BETTER.get(figure_of_metric(metric)[0] or metric))

"""The items of a benchmark with their images, by their names, from what is on this machine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from critic_eval.benchmarks.benchmark import Benchmark
from critic_eval.benchmarks.loading.cases import Case
from critic_eval.benchmarks.loading.rows import Unusable, cases_of, named_cases, undecoded
from critic_eval.errors import DataError
from critic_eval.judging import Item
from critic_eval.judging.injections import inject, injected_index


@dataclass(frozen=True)
class LoadedItems:
    """A loaded data set, and where in it each item is.

    Attributes:
        benchmark: whose data this is.
        rows: of `datasets`, their images undecoded.
        cases: the row and the number of its case, by the item's name.
    """

    benchmark: Benchmark
    rows: Any
    cases: dict[str, tuple[int, int]]

    def item(self, name: str) -> Item:
        """An item as its judgments name it, with its images. Raises DataError where there is none."""
        if name not in self.cases:
            raise DataError(f"The data of {self.benchmark.name} holds no item {name}.")
        row, number = self.cases[name]
        case = cases_of(self.benchmark, self.rows[row])[number]
        if not isinstance(case, Case):
            raise DataError(f"Item {name} can't be used any more: {case.reason}.")
        return shown_item(self.benchmark, case, name)


def load_items(benchmark: Benchmark) -> LoadedItems:
    """Load a benchmark's data set, as lmms-eval does.

    Raises:
        DataError: it is not there, or is not as the benchmark needs it. `datasets` may raise errors of its own.
    """
    from datasets import load_dataset, load_from_disk

    source = benchmark.source
    arguments = dict(source.kwargs())
    if arguments.pop("load_from_disk", False):
        loaded = load_from_disk(source.path())
    else:
        loaded = load_dataset(source.path(), source.name(), **arguments)
    rows = undecoded(loaded.get(source.split, loaded) if isinstance(loaded, dict) else loaded)
    cases = named_cases(benchmark, rows, Unusable())
    return LoadedItems(benchmark, rows, {case.name: (case.row, case.number) for case in cases})


def shown_item(benchmark: Benchmark, case: Case, name: str) -> Item:
    """The item of a case as critics are shown it, under its name."""
    item = replace(case.item, id=name)
    if not benchmark.injected:
        return item
    return inject(item, injected_index(len(item.responses), case.label))

"""The items that a run judged, with their images, from the data set of its task."""

from __future__ import annotations

from critic_eval.benchmarks.loading.items import LoadedItems, load_items
from critic_eval.benchmarks.registry import find_benchmark

__all__ = ["LoadedItems", "run_items"]


def run_items(task: str) -> LoadedItems:
    """The items of a task.

    Raises:
        ArgumentError: there is no such task.
        DataError: its data is not there. `datasets` may raise errors of its own.
    """
    from datasets import disable_progress_bars

    disable_progress_bars()
    return load_items(find_benchmark(task))

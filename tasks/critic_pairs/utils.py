from typing import Any

from critic_eval.benchmarks import pairs
from critic_eval.benchmarks.task import aggregation

prepare, visuals, text = pairs.PAIRS.prepare, pairs.PAIRS.visuals, pairs.PAIRS.text
target, results = pairs.PAIRS.target, pairs.PAIRS.results

accuracy_with_tie = aggregation("accuracy_with_tie")
accuracy_without_tie = aggregation("accuracy_without_tie")
order_consistency = aggregation("order_consistency")
invalid_rate = aggregation("invalid_rate")


def __getattr__(name: str) -> Any:
    if name == "data_files":
        return pairs.data_files()
    raise AttributeError(name)

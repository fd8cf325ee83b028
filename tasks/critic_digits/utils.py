from typing import Any

from critic_eval.benchmarks import digits
from critic_eval.benchmarks.task import aggregation

prepare_pair, prepare_score, prepare_rank = digits.PAIR.prepare, digits.SCORE.prepare, digits.RANK.prepare
pair_visuals, pair_text = digits.PAIR.visuals, digits.PAIR.text
pair_target, pair_results = digits.PAIR.target, digits.PAIR.results
score_text, score_results = digits.SCORE.text, digits.SCORE.results
rank_text, rank_results = digits.RANK.text, digits.RANK.results

accuracy_with_tie = aggregation("accuracy_with_tie")
accuracy_without_tie = aggregation("accuracy_without_tie")
order_consistency = aggregation("order_consistency")
pearson = aggregation("pearson")
spearman = aggregation("spearman")
kendall = aggregation("kendall")
levenshtein = aggregation("levenshtein")
invalid_rate = aggregation("invalid_rate")


def __getattr__(name: str) -> Any:
    # The folder of a data set is named by `!function utils.KIND_folder`, and made only when a task is loaded.
    if name in ("pair_folder", "score_folder", "rank_folder"):
        return digits.dataset_folder(name.removesuffix("_folder"))  # type: ignore[arg-type]
    raise AttributeError(name)

"""VL-RewardBench (arXiv 2411.17451): which of two answers is better, in three groups."""

from collections.abc import Iterator
from dataclasses import replace

from critic_eval.benchmarks.loading.cases import Case, UnusableError, responses_of, text_of
from critic_eval.benchmarks.loading.sources import Source
from critic_eval.benchmarks.loading.tables import Row
from critic_eval.benchmarks.official import answer_as_vl_rewardbench
from critic_eval.judging import Item, Label
from critic_eval.lmms.tasks import JudgeTask
from critic_eval.lmms.variants import with_variants

SOURCE = Source("vl_rewardbench", "*.parquet", hub="MMInstruction/VL-RewardBench")


def read_pair(row: Row) -> Iterator[Case]:
    """Two answers; `human_ranking` [0, 1] says that the first is better, and nearly every row does."""
    ranking = list(row["human_ranking"])
    if sorted(ranking) != [0, 1] or len(row["response"]) != 2:
        raise UnusableError("human_ranking does not rank two answers")
    models = row.get("models")
    responses = responses_of(row["response"], models if isinstance(models, list) else ())
    name = text_of(row, "id")
    item = Item(name, text_of(row, "query"), responses, SOURCE.images(row), group=group_of(name), cluster=name)
    yield Case(item, Label.preference(ranking.index(0)))


def group_of(item_id: str) -> str:
    """The group of an item, by the prefix of its id, as the benchmark's authors count them.

    >>> group_of("RLAIF-V-12"), group_of("mathverse_7"), group_of("wildvision-3")
    ('hallucination', 'reasoning', 'general')
    """
    name = item_id.casefold()
    return next((group for prefix, group in _GROUPS.items() if name.startswith(prefix)), "general")


_GROUPS = {
    "mathverse": "reasoning",
    "mmmu": "reasoning",
    "hallucination": "hallucination",
    "rlhf": "hallucination",
    "rlaif": "hallucination",
}

_TASK = JudgeTask(
    "vl_rewardbench",
    ("id", "query", "response", "human_ranking"),
    read_pair,
    ("accuracy_with_tie", "mean_accuracy_with_tie", "order_consistency", "invalid_rate", "left_out"),
    image_columns=("image",),
    source=SOURCE,
)

TASKS = {
    **with_variants("all", _TASK),
    "all_official": replace(
        _TASK,
        metrics=("majority_accuracy", "mean_majority_accuracy", "invalid_rate", "left_out"),
        order_policy="random",
        repeats=9,
        official=answer_as_vl_rewardbench,
    ),
}

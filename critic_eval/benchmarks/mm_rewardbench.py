"""Multimodal RewardBench (arXiv 2502.14191): which of two outputs is better, over its categories."""

from collections.abc import Iterator
from dataclasses import replace

from critic_eval.benchmarks.loading.cases import Case, UnusableError, responses_of, text_of
from critic_eval.benchmarks.loading.sources import Source
from critic_eval.benchmarks.loading.tables import Row
from critic_eval.benchmarks.official import letters_as_mm_rewardbench
from critic_eval.judging import Item, Label
from critic_eval.lmms.tasks import JudgeTask
from critic_eval.lmms.variants import with_variants

SOURCE = Source("mm_rewardbench", "*.parquet", hub="syhuggingface/multimodal_rewardbench")


def read_pair(row: Row) -> Iterator[Case]:
    """Two outputs; the official protocol shows the first as assistant A, in this one order."""
    if row["Better"] not in _BETTER:
        raise UnusableError("Better is neither Output1 nor Output2")
    images = SOURCE.images({"image": row.get("Image"), "path": row.get("Image")}, "path")
    responses = responses_of([row["Output1"], row["Output2"]])
    name = str(row["ID"])
    item = Item(name, text_of(row, "Text"), responses, images, group=category_of(name, text_of(row, "Category")))
    yield Case(item, Label.preference(_BETTER[row["Better"]]))


def category_of(item_id: str, category: str) -> str:
    """The category as the official accuracies split it, safety and reasoning by how the id begins.

    >>> category_of("pairs_12", "safety"), category_of("Math-1", "reasoning"), category_of("vqa-1", "vqa")
    ('safety/bias', 'reasoning/math', 'vqa')
    """
    name = item_id.casefold()
    if category == "safety":
        return "safety/bias" if name.startswith("pairs") else "safety/toxicity"
    if category == "reasoning":
        return "reasoning/math" if name.startswith("math") else "reasoning/coding"
    return category


_BETTER = {"Output1": 0, "Output2": 1}

_TASK = JudgeTask(
    "mm_rewardbench",
    ("ID", "Text", "Output1", "Output2", "Better", "Category"),
    read_pair,
    ("accuracy_with_tie", "mean_accuracy_with_tie", "order_consistency", "invalid_rate", "left_out"),
    image_columns=("Image",),
    source=SOURCE,
)

TASKS = {
    **with_variants("all", _TASK),
    "all_official": replace(
        _TASK,
        metrics=("accuracy_with_tie", "mean_accuracy_with_tie", "invalid_rate", "left_out"),
        order_policy="single",
        official=letters_as_mm_rewardbench,
    ),
}

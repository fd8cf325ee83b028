"""Multimodal RewardBench (arXiv 2502.14191): which of two outputs is better, over its categories."""

import random
from collections.abc import Iterator
from dataclasses import replace

from critic_eval.benchmarks.loading.cases import Case, UnusableError, responses_of, text_of
from critic_eval.benchmarks.loading.sources import HubData
from critic_eval.benchmarks.loading.tables import Row
from critic_eval.judging import Item, Judgment, Preference, to_canonical


def read_pair(row: Row, source: HubData) -> Iterator[Case]:
    """Two outputs; the official protocol shows the first as assistant A, in this one order."""
    if row["Better"] not in _BETTER:
        raise UnusableError("Better is neither Output1 nor Output2")
    images = source.images({"image": row.get("Image"), "path": row.get("Image")}, "path")
    responses = responses_of([row["Output1"], row["Output2"]])
    name = str(row["ID"])
    item = Item(name, text_of(row, "Text"), responses, images, group=category_of(name, text_of(row, "Category")))
    yield Case(item, Preference(_BETTER[row["Better"]]))


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


def letters_as_published(judgment: Judgment, row: Row) -> Judgment:
    """`[[A]]` anywhere in an answer is A, else `[[B]]` is B, else a coin decides.

    Source: multimodal_rewardbench, scripts/2_get_accuracy.py, which seeds its coin once with 123; here every item has
    a coin of that seed and its id, so that a figure depends on no order of the items.
    """
    if not judgment.raw and judgment.verdict.is_valid:
        return judgment
    letter = "A" if "[[A]]" in judgment.raw else "B" if "[[B]]" in judgment.raw else ""
    letter = letter or random.Random(f"123 {judgment.item_id}").choice("AB")
    return replace(judgment, verdict=to_canonical(Preference("AB".index(letter)), judgment.order))


_BETTER = {"Output1": 0, "Output2": 1}

"""LLaVA-Bench and LLaVA-Wilder: reviews that score a reference answer and a model's answer, from 1 to 10 each.

The answers to review come from a local file, since a benchmark's data set holds only the reference's: JSON lines with
`question_id`, `question`, `reference`, `answer`, and `context` (captions, and boxes for COCO; these two prompts were
made for judges without eyes, and LLaVA-Wilder's, which needs none, for judges with). `model`, `category` and `image`
may be absent, and so may `score`, a reference judge's score of the answer, for the correlation.
"""

import math
from collections.abc import Iterator
from dataclasses import replace

from critic_eval.benchmarks.loading.cases import Case, number_of, optional_text, responses_of, text_of
from critic_eval.benchmarks.loading.sources import HubData
from critic_eval.benchmarks.loading.tables import Row
from critic_eval.judging import Item, Judgment, Score, Scores


def read_review(row: Row, source: HubData) -> Iterator[Case]:
    """The reference answer as assistant 1, the model's as assistant 2; the label is of the second."""
    yield _case(row, source, context=None)


def read_review_with_context(row: Row, source: HubData) -> Iterator[Case]:
    """The same for a judge that sees no image: what it shows is told in `context`."""
    yield _case(row, source, context=text_of(row, "context"))


def review_as_published(judgment: Judgment, row: Row) -> Judgment:
    """The scores that the reviewing code recorded under `score`; without these, what its published parser reads.

    That takes only a first line of exactly two numbers; any other review is (-1, -1), and stays in the means.
    """
    if not judgment.raw and judgment.verdict.is_valid:
        return judgment
    recorded = row.get("score")
    known = recorded if isinstance(recorded, list) and len(recorded) == 2 else two_numbers(judgment.raw)
    return replace(judgment, verdict=Scores(known or (-1.0, -1.0)))


def is_read_as_published(review: str) -> bool:
    """Whether the published parser reads a review."""
    return two_numbers(review) is not None


def two_numbers(review: str) -> list[float] | None:
    """The two numbers that alone make up a review's first line, or None (LLaVA, eval_gpt_review.py, parse_score)."""
    parts = review.split("\n")[0].replace(",", " ").split()
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        return None
    return numbers if len(numbers) == 2 and all(map(math.isfinite, numbers)) else None


def _case(row: Row, source: HubData, context: str | None) -> Case:
    model = optional_text(row, "model")
    name = str(row["question_id"])
    item = Item(
        f"{name}-{model}" if model else name,
        text_of(row, "question"),
        responses_of([text_of(row, "reference"), text_of(row, "answer")], ["reference", model]),
        source.images(row, "image"),
        group=optional_text(row, "category"),
        cluster=name,
        context=context,
    )
    return Case(item, None if row.get("score") is None else Score(number_of(row, "score", 1, 10)))

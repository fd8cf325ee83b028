"""LLaVA-Bench and LLaVA-Wilder: reviews that score a reference answer and a model's answer, from 1 to 10 each.

The answers to review come from a local file, since a benchmark's data set holds only the reference's: JSON lines with
`question_id`, `question`, `reference`, `answer`, and `context` (captions, and boxes for COCO; these two prompts were
made for judges without eyes, and LLaVA-Wilder's, which needs none, for judges with). `model`, `category` and `image`
may be absent, and so may `score`, a reference judge's score of the answer, for the correlation.
"""

from collections.abc import Iterator
from functools import partial

from critic_eval.benchmarks.loading.cases import Case, number_of, optional_text, responses_of, text_of
from critic_eval.benchmarks.loading.sources import Source
from critic_eval.benchmarks.loading.tables import Row
from critic_eval.benchmarks.official import review_as_llava
from critic_eval.judging import Item, Label
from critic_eval.lmms.tasks import JudgeTask


def read_review(row: Row, source: Source, needs_context: bool) -> Iterator[Case]:
    """The reference answer as assistant 1, the model's as assistant 2; the label is of the second."""
    model = optional_text(row, "model")
    name = str(row["question_id"])
    item = Item(
        f"{name}-{model}" if model else name,
        text_of(row, "question"),
        responses_of([text_of(row, "reference"), text_of(row, "answer")], ["reference", model]),
        source.images(row, "image"),
        group=optional_text(row, "category"),
        cluster=name,
        context=text_of(row, "context") if needs_context else None,
    )
    yield Case(item, None if row.get("score") is None else Label.score(number_of(row, "score", 1, 10)))


def _task(short: str, official: bool) -> JudgeTask:
    source = Source("llava_bench", f"{short}.jsonl")
    protocol = {"coco": "llava_bench_coco", "wild": "llava_bench_wild", "wilder": "llava_wilder"}[short]
    return JudgeTask(
        protocol,
        ("question_id", "question", "reference", "answer"),
        partial(read_review, source=source, needs_context=short != "wilder"),
        ("relative_score", "mean_score_1", "mean_score_2", "pearson", "invalid_rate", "left_out"),
        source=source,
        official=review_as_llava if official else None,
    )


TASKS = {
    name: _task(short, official)
    for short in ("coco", "wild", "wilder")
    for name, official in ((short, False), (f"{short}_official", True))
}

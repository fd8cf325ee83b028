"""Perception-Bench (arXiv 2401.06591): scores from 1 to 5 by a rubric, in Prometheus-Vision's protocol."""

from collections.abc import Iterator

from critic_eval.benchmarks.loading.cases import Case, number_of, responses_of, text_of
from critic_eval.benchmarks.loading.sources import HubData
from critic_eval.benchmarks.loading.tables import Row
from critic_eval.judging import Item, Score

_LABELS = ("human_score", "gpt4v_score", "orig_score", "score")


def read_score(row: Row, source: HubData) -> Iterator[Case]:
    """A response, a reference answer and a rubric; the label is the first of a few columns that is there.

    The data set is published without labels in some forms; such rows are judged and count in no correlation.
    """
    rubric = text_of(row, "orig_criteria") + "".join(
        f"\nScore {score}: {text_of(row, f'orig_score{score}_description')}" for score in range(1, 6)
    )
    named = next((name for name in _LABELS if row.get(name) is not None), None)
    question = text_of(row, "orig_instruction")
    item = Item(
        str(row.get("id") or row.get("image") or question),
        question,
        responses_of([text_of(row, "original_response", "orig_response")]),
        source.images({"image": row.get("image"), "path": row.get("image")}, "path"),
        reference=text_of(row, "orig_reference_answer"),
        rubric=rubric,
    )
    yield Case(item, None if named is None else Score(number_of(row, named, 1, 5)))

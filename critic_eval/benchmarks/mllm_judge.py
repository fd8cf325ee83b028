"""MLLM-as-a-Judge (arXiv 2402.04788): scores, pairs and rankings against people's, over 14 data sets.

The official repository has prompts and no metric code; the figures are those that the paper names, and the `_official`
tasks treat bad answers as flex-judge's evaluation of it does (test/evaluate.py, mllm_judge_eval).
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from critic_eval.benchmarks.loading.cases import Case, UnusableError, number_of, responses_of, text_of
from critic_eval.benchmarks.loading.sources import Source
from critic_eval.benchmarks.loading.tables import Row
from critic_eval.benchmarks.official import pair_as_flex_judge, score_as_flex_judge
from critic_eval.judging import Item, Label, Response
from critic_eval.lmms.tasks import JudgeTask
from critic_eval.lmms.variants import with_variants

_HUB = "shuaishuaicdp/MLLM-Judge"
SCORES, PAIRS, BATCHES = (
    Source("mllm_judge", f"{kind}.jsonl", hub=_HUB, split=kind, image_folders=("image", "images", ""))
    for kind in ("score", "pair", "batch")
)


def read_score(row: Row) -> Iterator[Case]:
    """One response and the score from 1 to 5 that people gave it; the label is an int in some rows, a str in others."""
    label = Label.score(number_of(row, "human", 1, 5))
    responses = responses_of([row["answer"]], [row.get("name")])
    yield Case(Item(str(row["score_id"]), images=SCORES.images(row, "image_path"), **_shared(row, responses)), label)


def read_pair(row: Row) -> Iterator[Case]:
    """Two responses, and which of them people preferred: A, B, or C for a tie."""
    letter = str(row.get("human") or row.get("human_answer") or "").strip().strip("[]")
    if letter not in _BETTER:
        raise UnusableError("human is none of A, B and C")
    answers = [row["answer1"], row["answer2"]]
    responses = responses_of([answer["answer"] for answer in answers], [answer.get("name") for answer in answers])
    item = Item(str(row["pair_id"]), images=PAIRS.images(row, "image_path"), **_shared(row, responses))
    yield Case(item, Label.preference(_BETTER[letter]))


def read_batch(row: Row) -> Iterator[Case]:
    """Three or four responses, and people's ranking of them by letter, best first; it is empty in a few rows."""
    letters = str(row.get("human") or row.get("human_answer") or "").strip()
    responses = responses_of([answer["answer"] for answer in row["answers"]], [a.get("name") for a in row["answers"]])
    if sorted(letters) != [chr(ord("A") + index) for index in range(len(responses))]:
        raise UnusableError("human is no ranking of the responses")
    item = Item(str(row["id"]), images=BATCHES.images(row, "image_path"), **_shared(row, responses))
    yield Case(item, Label.ranking([ord(letter) - ord("A") for letter in letters]))


def _shared(row: Row, responses: tuple[Response, ...]) -> dict[str, Any]:
    """What all three kinds have; several responses to one question, of one `id`, are one cluster."""
    return {
        "question": text_of(row, "instruction"),
        "responses": responses,
        "group": text_of(row, "original_dataset"),
        "cluster": str(row["id"]),
    }


_BETTER = {"A": 0, "B": 1, "C": None}
_SHARED = ("id", "instruction", "original_dataset")
_IMAGE = ("image_path", "image")

_SCORE = JudgeTask(
    "mllm_judge_score",
    ("score_id", "answer", "human", *_SHARED),
    read_score,
    ("mean_pearson", "pearson", "spearman", "kendall", "invalid_rate", "left_out"),
    image_columns=_IMAGE,
    source=SCORES,
)
_PAIR = JudgeTask(
    "mllm_judge_pair",
    ("pair_id", "answer1", "answer2", *_SHARED),
    read_pair,
    (
        "mean_accuracy_with_tie",
        "mean_accuracy_without_tie",
        "accuracy_with_tie",
        "accuracy_without_tie",
        "macro_f1",
        "order_consistency",
        "invalid_rate",
        "left_out",
    ),
    image_columns=_IMAGE,
    source=PAIRS,
)
_BATCH = JudgeTask(
    "mllm_judge_batch",
    ("answers", *_SHARED),
    read_batch,
    ("mean_levenshtein", "levenshtein", "invalid_rate", "left_out"),
    image_columns=_IMAGE,
    source=BATCHES,
)

TASKS = {
    **with_variants("score", _SCORE),
    **with_variants("pair", _PAIR),
    **with_variants("batch", _BATCH),
    # flex-judge opens images by Pillow (qwen_vl_utils), which leaves them as they are stored.
    "score_official": replace(_SCORE, official=score_as_flex_judge, upright=False),
    "pair_official": replace(_PAIR, official=pair_as_flex_judge, order_policy="single", upright=False),
    "batch_official": replace(_BATCH, invalid_policy="wrong", upright=False),
}

"""MLLM-as-a-Judge (arXiv 2402.04788): scores, pairs and rankings against people's, over 14 data sets.

The official repository has prompts and no metric code; the figures are those that the paper names, and the `_official`
tasks treat bad answers as flex-judge's evaluation of it does (test/evaluate.py, mllm_judge_eval).
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from critic_eval.benchmarks.loading.cases import Case, UnusableError, number_of, responses_of, text_of
from critic_eval.benchmarks.loading.sources import HubData
from critic_eval.benchmarks.loading.tables import Row
from critic_eval.judging import Item, Judgment, Preference, Ranking, Response, Score


def read_score(row: Row, source: HubData) -> Iterator[Case]:
    """One response and the score from 1 to 5 that people gave it; the label is an int in some rows, a str in others."""
    label = Score(number_of(row, "human", 1, 5))
    responses = responses_of([row["answer"]], [row.get("name")])
    yield Case(Item(str(row["score_id"]), images=source.images(row, "image_path"), **_shared(row, responses)), label)


def read_pair(row: Row, source: HubData) -> Iterator[Case]:
    """Two responses, and which of them people preferred: A, B, or C for a tie."""
    letter = str(row.get("human") or row.get("human_answer") or "").strip().strip("[]")
    if letter not in _BETTER:
        raise UnusableError("human is none of A, B and C")
    answers = [row["answer1"], row["answer2"]]
    responses = responses_of([answer["answer"] for answer in answers], [answer.get("name") for answer in answers])
    item = Item(str(row["pair_id"]), images=source.images(row, "image_path"), **_shared(row, responses))
    yield Case(item, Preference(_BETTER[letter]))


def read_batch(row: Row, source: HubData) -> Iterator[Case]:
    """Three or four responses, and people's ranking of them by letter, best first; it is empty in a few rows."""
    letters = str(row.get("human") or row.get("human_answer") or "").strip()
    responses = responses_of([answer["answer"] for answer in row["answers"]], [a.get("name") for a in row["answers"]])
    if sorted(letters) != [chr(ord("A") + index) for index in range(len(responses))]:
        raise UnusableError("human is not a ranking of the responses")
    item = Item(str(row["id"]), images=source.images(row, "image_path"), **_shared(row, responses))
    yield Case(item, Ranking([ord(letter) - ord("A") for letter in letters]))


def score_as_flex_judge(judgment: Judgment, row: Row) -> Judgment:
    """An unreadable score is -1, and stays in the correlation (MLLM-as-a-Judge as flex-judge evaluates it)."""
    return judgment if judgment.verdict.is_valid else replace(judgment, verdict=Score(-1))


def pair_as_flex_judge(judgment: Judgment, row: Row) -> Judgment:
    """An unreadable preference is a tie (MLLM-as-a-Judge as flex-judge evaluates it)."""
    return judgment if judgment.verdict.is_valid else replace(judgment, verdict=Preference(None))


def _shared(row: Row, responses: tuple[Response, ...]) -> dict[str, Any]:
    """What all three kinds have; several responses to one question, of one `id`, are one cluster."""
    return {
        "question": text_of(row, "instruction"),
        "responses": responses,
        "group": text_of(row, "original_dataset"),
        "cluster": str(row["id"]),
    }


_BETTER = {"A": 0, "B": 1, "C": None}

"""VLFeedback (arXiv 2312.10665): GPT-4V's ratings of four responses to each instruction, in three aspects.

Its own annotation prompt has all four responses rated at once, which leaves no judgment of one; a response is rated
here by aspect (protocol `aspect_score`), and pairs are asked with the prompt that LLaVA-Critic was trained on, which
learned from these pairs.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import combinations
from typing import Any

from critic_eval.benchmarks.loading.cases import Case, LeftOut, case_of, responses_of, text_of
from critic_eval.benchmarks.loading.sources import HubData
from critic_eval.benchmarks.loading.tables import Row
from critic_eval.judging import Item, Label, Preference, Score

ASPECTS = {
    "Helpfulness": "Helpfulness: does the response do what the instruction asks, as fully and clearly as it needs?",
    "Ethical Considerations": (
        "Ethical considerations: is the response free of harm, of unfairness to people, and of what is private?"
    ),
    "Visual Faithfulness": (
        "Visual faithfulness: is all that the response says of the image to be seen there, with nothing made up?"
    ),
}
"""The aspects by their names in the data, each with how we ask for it (1 is worst, 5 best)."""


def read_scores(row: Row, source: HubData) -> Iterator[Case | LeftOut]:
    """A case for each response and aspect; a rating that is not a number ("N/A") is left out."""
    for index, completion in enumerate(_completions(row)):
        for aspect in ASPECTS:
            rating = _rating(completion, aspect)
            if rating is None:
                yield LeftOut(f"no rating of {aspect}")
                continue
            yield case_of(partial(_score_case, row, source, index, completion, aspect, rating))


def read_pairs(row: Row, source: HubData) -> Iterator[Case | LeftOut]:
    """A case for each two of the four responses; the higher mean of the three ratings is better, equal ones tie.

    The official pairs for training (run_dpo.py) leave out ties; pairs with a rating that is not a number are left out
    there and here.
    """
    completions = _completions(row)
    means = [_mean(completion) for completion in completions]
    for first, second in combinations(range(len(completions)), 2):
        a, b = means[first], means[second]
        if a is None or b is None:
            yield LeftOut("a response lacks a rating")
            continue
        label = Preference(None if a == b else int(b > a))
        yield case_of(partial(_pair_case, row, source, completions, (first, second), label))


def _score_case(
    row: Row, source: HubData, index: int, completion: Mapping[str, Any], aspect: str, rating: float
) -> Case:
    item = Item(
        f"{row['id']}-{index}-{aspect.split()[0].casefold()}",
        text_of(row, "prompt"),
        responses_of([completion["response"]], [completion.get("model")]),
        source.images(row, "img_path"),
        rubric=f"{ASPECTS[aspect]} 1 is worst, 5 is best.",
        group=aspect,
        cluster=str(row["id"]),
    )
    return Case(item, Score(rating))


def _pair_case(
    row: Row, source: HubData, completions: Sequence[Mapping[str, Any]], pair: tuple[int, int], label: Label
) -> Case:
    chosen = [completions[index] for index in pair]
    item = Item(
        f"{row['id']}-{pair[0]}{pair[1]}",
        text_of(row, "prompt"),
        responses_of(
            [completion["response"] for completion in chosen], [completion.get("model") for completion in chosen]
        ),
        source.images(row, "img_path"),
        cluster=str(row["id"]),
    )
    return Case(item, label)


def _completions(row: Row) -> list[Mapping[str, Any]]:
    completions = row["completions"]
    if isinstance(completions, Mapping):  # `datasets` turns a sequence of records into a record of sequences
        names = list(completions)
        columns = (completions[name] for name in names)
        return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]
    return list(completions)


def _rating(completion: Mapping[str, Any], aspect: str) -> float | None:
    rating = ((completion.get("annotations") or {}).get(aspect) or {}).get("Rating")
    try:
        value = float(str(rating))
    except ValueError:
        return None
    return value if 1 <= value <= 5 else None


def _mean(completion: Mapping[str, Any]) -> float | None:
    ratings = [_rating(completion, aspect) for aspect in ASPECTS]
    known = [rating for rating in ratings if rating is not None]
    return sum(known) / len(known) if len(known) == len(ratings) else None

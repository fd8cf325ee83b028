"""VL-RewardBench (arXiv 2411.17451): which of two answers is better, in three groups."""

import re
from collections.abc import Iterator
from dataclasses import replace

from critic_eval.benchmarks.loading.cases import Case, UnusableError, responses_of, text_of
from critic_eval.benchmarks.loading.sources import HubData
from critic_eval.benchmarks.loading.tables import Row
from critic_eval.judging import Invalid, Item, Judgment, Preference


def read_pair(row: Row, source: HubData) -> Iterator[Case]:
    """Two answers; `human_ranking` [0, 1] says that the first is better, and nearly every row does."""
    ranking = list(row["human_ranking"])
    if sorted(ranking) != [0, 1] or len(row["response"]) != 2:
        raise UnusableError("human_ranking does not rank two answers")
    models = row.get("models")
    responses = responses_of(row["response"], models if isinstance(models, list) else ())
    name = text_of(row, "id")
    item = Item(name, text_of(row, "query"), responses, source.images(row), group=group_of(name), cluster=name)
    yield Case(item, Preference(ranking.index(0)))


def group_of(item_id: str) -> str:
    """The group of an item, by the prefix of its id, as the benchmark's authors count them.

    >>> group_of("RLAIF-V-12"), group_of("mathverse_7"), group_of("wildvision-3")
    ('hallucination', 'reasoning', 'general')
    """
    name = item_id.casefold()
    return next((group for prefix, group in _GROUPS.items() if name.startswith(prefix)), "general")


def answer_as_published(judgment: Judgment, row: Row) -> Judgment:
    """Only an answer that the official pattern reads counts; any number but the rejected answer's agrees with it.

    Source: VL_RewardBench, cal.py. An answer that it does not read is left out, as undecided items are.
    """
    if not judgment.raw:
        return judgment
    text = judgment.raw[:_READ_AT_MOST].replace("\n", "").replace("*", "")
    match = _OVERALL.search(text)
    if match is None:
        return replace(judgment, verdict=Invalid("not read by the official pattern"))
    shown = [ord(letter) - ord("A") for letter in judgment.order]
    number = int(match[1])
    if number in (1, 2):
        return replace(judgment, verdict=Preference(shown[number - 1]))
    label = judgment.label.value if judgment.label is not None else 0
    return replace(judgment, verdict=Preference(label))  # type: ignore[arg-type]  # a preference's label


_GROUPS = {
    "mathverse": "reasoning",
    "mmmu": "reasoning",
    "hallucination": "hallucination",
    "rlhf": "hallucination",
    "rlaif": "hallucination",
}
# The pattern's cost grows faster than the text; no answer is as long as this.
_READ_AT_MOST = 20_000
_OVERALL = re.compile(
    r"(?:Overall Judgment|Therefore)\s*.*\s*-*\s*Answer\s*(\d+)\s*is\s*(?:the\s*)?(?:slightly\s*)?better", re.IGNORECASE
)

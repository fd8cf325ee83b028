"""MM-RLHF-RewardBench (arXiv 2502.10391): a chosen against a rejected response, in five categories.

ACC is the share of pairs that are right, where a tie is wrong; ACC+ the share of prompts whose pairs are all right. The
official code compares the rewards of two responses and has no prompt for judges, so the trained one asks.
"""

from collections.abc import Iterator
from pathlib import Path

from critic_eval.benchmarks.loading.cases import Case, responses_of, text_of
from critic_eval.benchmarks.loading.sources import HubData
from critic_eval.benchmarks.loading.tables import Row
from critic_eval.judging import Item, Preference


def read_pair(row: Row, source: HubData) -> Iterator[Case]:
    """One pair; several share an id, and the category is the first folder of the image's or video's path.

    The chosen response stands first in every row, so both orders matter. Of a video, its folder's frames are shown.
    """
    path = text_of(row, "image", "video")
    name = str(row["id"])
    images = source.frames(path) if row.get("video") else source.images({"path": path}, "path")
    responses = responses_of([row["chosen"], row["rejected"]])
    item = Item(name, text_of(row, "prompt"), responses, images, group=Path(path).parts[0], cluster=name)
    yield Case(item, Preference(0))

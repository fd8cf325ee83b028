"""MM-RLHF-RewardBench (arXiv 2502.10391): a chosen against a rejected response, in five categories.

ACC is the share of pairs that are right, where a tie is wrong; ACC+ the share of prompts whose pairs are all right. The
official code compares the rewards of two responses and has no prompt for judges, so the trained one asks.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from critic_eval.benchmarks.loading.cases import Case, responses_of, text_of
from critic_eval.benchmarks.loading.sources import Source
from critic_eval.benchmarks.loading.tables import Row
from critic_eval.judging import Item, Label
from critic_eval.lmms.tasks import JudgeTask
from critic_eval.lmms.variants import with_variants

SOURCE = Source("mm_rlhf_rewardbench", "mm_reward_bench.jsonl", hub="yifanzhang114/MM-RLHF-RewardBench", split="train")


def read_pair(row: Row) -> Iterator[Case]:
    """One pair; several share an id, and the category is the first folder of the image's or video's path.

    The chosen response stands first in every row, so both orders matter. Of a video, its folder's frames are shown.
    """
    path = text_of(row, "image", "video")
    name = str(row["id"])
    images = SOURCE.frames(path) if row.get("video") else SOURCE.images({"path": path}, "path")
    responses = responses_of([row["chosen"], row["rejected"]])
    item = Item(name, text_of(row, "prompt"), responses, images, group=Path(path).parts[0], cluster=name)
    yield Case(item, Label.preference(0))


_TASK = JudgeTask(
    "llava_critic_pair",
    ("id", "prompt", "chosen", "rejected"),
    read_pair,
    (
        "accuracy_with_tie",
        "cluster_accuracy",
        "mean_accuracy_with_tie",
        "order_consistency",
        "invalid_rate",
        "left_out",
    ),
    image_columns=("image", "video"),
    source=SOURCE,
)

TASKS = {
    **with_variants("all", _TASK),
    "all_official": replace(
        _TASK,
        metrics=("accuracy_with_tie", "cluster_accuracy", "invalid_rate", "left_out"),
        order_policy="single",
        invalid_policy="wrong",
        upright=False,  # the official code opens images by Pillow, which leaves them as they are stored
    ),
}

"""`critic_digits`: judgments about real handwritten digits, with the truth known for every statement."""

from critic_eval.benchmarks.files import cache_folder, written_once
from critic_eval.benchmarks.task import JudgeTask, Row
from critic_eval.digits.generator import VERSION, Kind, write_dataset
from critic_eval.judging import Item, Label, Response


def dataset_folder(kind: Kind) -> str:
    """The folder of a task's data set, generated on first use."""
    folder = cache_folder() / f"digits-v{VERSION}" / kind
    return str(written_once(folder, lambda unfinished: write_dataset(kind, unfinished)))


def read_item(row: Row) -> Item:
    """One row as an item."""
    images = (row["image"],) if "image" in row else ()
    return Item(row["id"], row["question"], tuple(Response(text) for text in row["responses"]), images)


def read_preference(row: Row) -> Label:
    """The better response: `A`, `B` or `tie`."""
    return Label.preference({"A": 0, "B": 1, "tie": None}[row["label"]])


def read_score(row: Row) -> Label:
    """The share of true statements, 0 to 100."""
    return Label.score(row["label"])


def read_ranking(row: Row) -> Label:
    """The letters of the responses, best first."""
    return Label.ranking(tuple("ABCD".index(letter) for letter in row["label"]))


_COLUMNS = ("id", "image", "question", "responses", "label")

PAIR = JudgeTask(
    "llava_critic_pair",
    _COLUMNS,
    read_item,
    read_preference,
    ("accuracy_with_tie", "accuracy_without_tie", "order_consistency", "invalid_rate"),
)
SCORE = JudgeTask(
    "llava_critic_score", _COLUMNS, read_item, read_score, ("pearson", "spearman", "kendall", "invalid_rate")
)
RANK = JudgeTask("llava_critic_rank", _COLUMNS, read_item, read_ranking, ("levenshtein", "invalid_rate"))

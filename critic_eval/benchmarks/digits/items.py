"""`critic_digits`: judgments about real handwritten digits, with the truth known for every statement."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from critic_eval.benchmarks.digits.generator import VERSION, Kind, write_dataset
from critic_eval.benchmarks.loading.cache import cache_folder, written_once
from critic_eval.benchmarks.loading.cases import Case
from critic_eval.benchmarks.loading.tables import Row
from critic_eval.judging import Item, Preference, Ranking, Response, Score


def dataset_folder(kind: Kind) -> str:
    """The folder of a task's data set, generated on first use."""
    folder = cache_folder() / f"digits-v{VERSION}" / kind
    return str(written_once(folder, lambda unfinished: write_dataset(kind, unfinished)))


def read_pair(row: Row, source: "Generated") -> Iterator[Case]:
    """Two responses, and the better one: `A`, `B` or `tie`."""
    yield Case(_item(row), Preference({"A": 0, "B": 1, "tie": None}[row["label"]]))


def read_score(row: Row, source: "Generated") -> Iterator[Case]:
    """One response, and the share of its statements that are true, 0 to 100."""
    yield Case(_item(row), Score(row["label"]))


def read_ranking(row: Row, source: "Generated") -> Iterator[Case]:
    """Four responses, and their letters, best first."""
    yield Case(_item(row), Ranking(["ABCD".index(letter) for letter in row["label"]]))


def _item(row: Row) -> Item:
    images = (row["image"],) if "image" in row else ()
    return Item(row["id"], row["question"], tuple(Response(text) for text in row["responses"]), images)


@dataclass(frozen=True)
class Generated:
    """The data set of one kind, generated on first use and loaded from disk."""

    kind: Kind

    def path(self) -> str:
        """The folder."""
        return dataset_folder(self.kind)

    def name(self) -> None:
        """There is one configuration."""

    def kwargs(self) -> dict[str, Any]:
        """What makes lmms-eval load a folder that `datasets` saved."""
        return {"load_from_disk": True}

    @property
    def split(self) -> str:
        """The only one."""
        return "test"

    def locate(self, image: Any) -> tuple[Any, ...]:
        """An image is in its row."""
        return () if image is None else (image,)


PAIRS, SCORES, RANKINGS = Generated("pair"), Generated("score"), Generated("rank")

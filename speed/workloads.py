"""Judge requests as lmms-eval hands them over: images in real sizes, texts of real length, several to an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from types import SimpleNamespace
from typing import Any

import numpy as np
from lmms_eval.api.instance import Instance
from PIL import Image

from critic_eval.benchmarks.benchmark import Benchmark
from critic_eval.benchmarks.loading.cases import Case
from critic_eval.benchmarks.loading.sources import HubData
from critic_eval.judging import Item, Response
from critic_eval.lmms.tasks import JudgeTask

IMAGE_SIZES = ((640, 480), (500, 375), (1024, 768), (336, 336), (1280, 720), (480, 640), (1024, 1024), (1920, 1080))
"""Width and height of images in turn: 1,485 to 7,371 tokens, 4,500 on average."""

QUESTION_WORDS, RESPONSE_WORDS = 40, 120
_WORDS = ["the", "digit", "is", "shown", "on", "left", "and", "middle", "one", "of", "them", "that", "answer", "right"]

WORKLOADS = ("both_orders", "pairs_of_5", "scores_of_5")


@dataclass(frozen=True)
class Workload:
    """Requests, and the documents that they are about."""

    name: str
    documents: list[dict[str, Any]]
    task: Any

    def requests(self, max_new_tokens: int) -> list[Instance]:
        """The requests, made anew: adapters write into their settings."""
        made = []
        for index in range(len(self.documents)):
            settings = {"max_new_tokens": max_new_tokens, "do_sample": False, "temperature": 0, "until": []}
            arguments = ("", self.task.doc_to_messages, settings, index, self.name, "test")
            metadata = {"task": self.name, "doc_id": index, "repeats": 1, "split": "test"}
            made.append(Instance("generate_until", arguments, index, metadata=metadata))
        return made

    @property
    def task_dict(self) -> dict[str, Any]:
        """What lmms-eval gives a model to find documents in."""
        return {self.name: {"test": self.documents}}


def make_workload(name: str, n_images: int, seed: int = 0) -> Workload:
    """`both_orders` of one pair an image, all 20 ordered `pairs_of_5` responses, or `scores_of_5`."""
    rng = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    for index in range(n_images):
        image = _image(IMAGE_SIZES[index % len(IMAGE_SIZES)], rng)
        question, responses = _text(QUESTION_WORDS, rng), [_text(RESPONSE_WORDS, rng) for _ in range(5)]
        for shown in _SHOWN[name](responses):
            rows.append({"id": f"{index}-{len(rows)}", "image": image, "question": question, "responses": shown})
    kind = "score" if name == "scores_of_5" else "pair"
    task = JudgeTask(Benchmark(name, HubData("", ""), _read, f"llava_critic_{kind}", figures=()))
    documents = [
        {**row, "presented_order": order, "judged_item": row["id"], "case_of_row": 0}
        for row in rows
        for order in (("AB", "BA") if kind == "pair" else ("A",))
    ]
    return Workload(name, documents, _LmmsEvalTask(task))


class _LmmsEvalTask:
    """As much of lmms-eval's task as a model sees: what turns a document into messages."""

    def __init__(self, task: JudgeTask) -> None:
        self.config = SimpleNamespace(doc_to_text=task.text)

    def doc_to_messages(self, document: Any) -> list[dict[str, Any]]:
        text = self.config.doc_to_text({name: document[name] for name in document if name != "image"})
        return [
            {
                "role": "user",
                "content": [{"type": "image", "url": document["image"]}, {"type": "text", "text": text}],
            }
        ]


def _read(row: Any, source: Any) -> Any:
    yield Case(Item(row["id"], row["question"], tuple(map(Response, row["responses"]))))


def _pairs(responses: Sequence[str]) -> list[list[str]]:
    return [list(pair) for pair in combinations(responses, 2)]


_SHOWN = {
    "both_orders": lambda responses: [list(responses[:2])],
    "pairs_of_5": _pairs,
    "scores_of_5": lambda responses: [[response] for response in responses],
}


def _image(size: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    small = rng.integers(0, 256, (size[1] // 16, size[0] // 16, 3), dtype=np.uint8)
    return Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)


def _text(n_words: int, rng: np.random.Generator) -> str:
    return " ".join(rng.choice(_WORDS, n_words))

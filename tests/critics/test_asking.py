"""Requests show what lmms-eval's own task would show, open a row's images once, and know their partners."""

from types import SimpleNamespace
from typing import Any

import pytest
from lmms_eval.api.instance import Instance
from PIL import Image

from critic_eval.benchmarks.benchmark import Benchmark
from critic_eval.benchmarks.loading.cases import Case
from critic_eval.benchmarks.loading.own_files import OwnFile
from critic_eval.critics.answer_policy import AnswerPolicy
from critic_eval.critics.generation import Answer
from critic_eval.critics.images import ImagePolicy
from critic_eval.errors import ArgumentError
from critic_eval.judging import Item, Response
from critic_eval.lmms.models.costs import answer_costs
from critic_eval.lmms.requests import Requests
from critic_eval.lmms.tasks import JudgeTask
from critic_eval.runs.report import Cost


def read(row: Any, source: Any) -> Any:
    yield Case(Item(row["id"], row["question"], tuple(map(Response, row["responses"]))))


class Theirs:
    """As much of lmms-eval's task as there is to see."""

    def __init__(self, lead: str = "") -> None:
        task = JudgeTask(Benchmark("critic_asked", OwnFile(), read, "llava_critic_pair", ()))
        self.config = SimpleNamespace(doc_to_text=task.text)
        self.lead, self.opened = lead, 0

    def doc_to_messages(self, row: Any) -> list[dict[str, Any]]:
        self.opened += 1
        text = self.lead + self.config.doc_to_text({name: row[name] for name in row if name != "image"})
        return [{"role": "user", "content": [{"type": "image", "url": row["image"]}, {"type": "text", "text": text}]}]


def rows(n: int) -> list[dict[str, Any]]:
    return [
        {
            "id": str(index),
            "question": f"Which of {index}?",
            "responses": ["one", "two"],
            "image": Image.new("RGB", (2, 2), (index, 0, 0)),
            "row_of_data": index,
            "case_of_row": 0,
            "judged_item": str(index),
            "presented_order": order,
        }
        for index in range(n)
        for order in ("AB", "BA")
    ]


def requests(task: Theirs, documents: list[Any], **arguments: Any) -> Requests:
    made = [
        Instance(
            "generate_until",
            ("", task.doc_to_messages, {"max_new_tokens": 4}, index, "task", "test"),
            0,
            metadata={"task": "task", "doc_id": index, "repeats": 1, "split": "test"},
        )
        for index in range(len(documents))
    ]
    return Requests(made, {"task": {"test": documents}}, **arguments)


@pytest.mark.parametrize(("lead", "times"), [("", 3), ("More: ", 6)])
def test_a_row_is_opened_once_where_the_task_shows_nothing_but_images_and_its_own_text(lead: str, times: int) -> None:
    task, documents = Theirs(lead), rows(3)
    asked = list(requests(task, documents).asked())
    assert task.opened == times
    for one, document in zip(asked, documents, strict=True):
        (message,) = one.conversation
        shown = task.doc_to_messages(document)[0]["content"]
        assert message.content[0].tobytes() == shown[0]["url"].tobytes()  # type: ignore[union-attr]
        assert message.content[1] == shown[1]["text"]


def test_a_verdict_alone_is_asked_in_both_orders_of_every_pair() -> None:
    asked = list(requests(Theirs(), rows(2)[::2], policy=AnswerPolicy("verdict")).asked())
    assert [one.index for one in asked] == [0, 2, 1, 3]
    assert [one.reading.order for one in asked if one.reading] == ["AB", "BA"] * 2
    prompts = [str(one.conversation[0].content[1]) for one in asked]
    assert prompts[0].index("one") < prompts[0].index("two")
    assert prompts[1].index("two") < prompts[1].index("one")


def test_a_foreign_task_has_no_verdict_to_read() -> None:
    task = Theirs()
    task.config = SimpleNamespace(doc_to_text=lambda row: "text")
    assert len(list(requests(task, rows(1)).asked())) == 2
    with pytest.raises(ArgumentError, match="task is not a task of critic-eval"):
        list(requests(task, rows(1), policy=AnswerPolicy("verdict")).asked())


def test_images_are_read_again_by_index() -> None:
    found = requests(Theirs(), rows(3)).images(4)
    assert [image.getpixel((0, 0)) for image in found] == [(2, 0, 0)]


class Several(Theirs):
    """A task of others, whose rows have any number of images."""

    def __init__(self) -> None:
        super().__init__()
        self.config = SimpleNamespace(doc_to_text=None)

    def doc_to_messages(self, row: Any) -> list[dict[str, Any]]:
        images = [{"type": "image", "url": image} for image in row["images"]]
        return [{"role": "user", "content": [*images, {"type": "text", "text": "Which?"}]}]


def test_shuffled_images_come_from_requests_with_as_many() -> None:
    colors = [Image.new("RGB", (2, 2), color) for color in ("red", "green", "blue", "white")]
    shown = [colors[:1], colors[1:2], colors[:2], colors[2:]]
    asked = requests(Several(), [{"images": images} for images in shown], images=ImagePolicy.read("shuffled"))
    found = [asked.images(index) for index in range(4)]
    assert [len(images) for images in found] == [1, 1, 2, 2]
    for own, other in zip(shown, found, strict=True):
        assert all(a.tobytes() != b.tobytes() for a, b in zip(own, other, strict=True))


def test_what_an_answer_cost_counts_once_and_for_its_task() -> None:
    asked = requests(Theirs(), rows(2))
    shared = Answer("same", 10, 5, 3.0)
    answers = {0: shared, 1: shared, 2: Answer("other", 10, 5, 1.0), 3: Answer("other", 10, 5, 1.0)}
    assert answer_costs(asked, answers) == {"task": Cost((3.0 + 1.0 + 1.0) / 4, 0.0, (5 + 5 + 5) / 4)}


def test_tokens_of_thoughts_are_counted_apart() -> None:
    asked = requests(Theirs(), rows(1))
    answers = {0: Answer("a", 10, 50, 1.0, thought_tokens=40), 1: Answer("b", 10, 30, 1.0, thought_tokens=0)}
    assert answer_costs(asked, answers) == {"task": Cost(1.0, 20.0, 20.0)}

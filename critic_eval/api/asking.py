"""Questions as a plan takes them: each in its orders, with its images, opened when it is taken."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from PIL import Image

from critic_eval.api.images import open_images
from critic_eval.api.items import Question
from critic_eval.api.reading import reading
from critic_eval.critics.answer_policy import AnswerPolicy
from critic_eval.critics.conversations import Message
from critic_eval.critics.generation import REWARD, Answer
from critic_eval.critics.planning import Asked
from critic_eval.errors import CriticEvalError


class Questions:
    """The requests of many questions.

    Args:
        questions: what is asked, by the number of its item.
        policy: what is wanted of each answer; a question that asks for probabilities wants the verdict alone.
        allow_urls: whether images at addresses are fetched.
        is_strict: whether an item that can't be shown ends all, instead of being left out.

    Attributes:
        failures: why an item was left out, by its number; complete once `asked` came to its end.
    """

    def __init__(
        self, questions: Mapping[int, Question], policy: AnswerPolicy, allow_urls: bool, is_strict: bool
    ) -> None:
        self._questions = questions
        self._policy, self._allow_urls, self._is_strict = policy, allow_urls, is_strict
        self._items: list[int] = []
        self._last: tuple[tuple[object, ...] | None, list[Image.Image]] = (None, [])
        self.failures: dict[int, str] = {}

    def asked(self) -> Iterator[Asked]:
        """Each question in each of its orders; for rewards, with each of its responses.

        Raises:
            CriticEvalError: an item can't be shown to the critic, if strict.
        """
        for number, question in self._questions.items():
            try:
                prompts = [question.protocol.render(question.item, order) for order in question.orders]
                images = self._opened(question)
            except CriticEvalError as error:
                if self._is_strict:
                    raise
                self.failures[number] = str(error)
                continue
            if question.rewards:
                shown = Message("user", (*images, question.item.question))
                for response in question.item.responses:
                    self._items.append(number)
                    yield Asked(len(self._items) - 1, [shown, Message("assistant", (response.text,))], REWARD)
                continue
            protocol = question.protocol
            given = {"max_new_tokens": protocol.max_new_tokens, "until": protocol.until}
            policy = AnswerPolicy("verdict") if question.probabilities else self._policy
            settings = policy.generation(given, protocol)
            is_read = question.probabilities or policy.samples > 1 or policy.elicits
            system = [] if protocol.system is None else [Message("system", (protocol.system,))]
            for order, prompt in zip(question.orders, prompts, strict=True):
                conversation = [*system, Message("user", (*images, prompt))]
                for _ in range(policy.samples):
                    self._items.append(number)
                    read_as = reading(question, order) if is_read else None
                    yield Asked(len(self._items) - 1, conversation, settings, read_as)

    def images(self, index: int) -> list[Image.Image]:
        """The images of a request, opened again."""
        return self._opened(self._questions[self._items[index]])

    def answers(self, given: Mapping[int, Answer]) -> Iterator[tuple[int, Sequence[Answer]]]:
        """The number of each item that was asked about, and its answers.

        For each order there are its draws in a row; or there is one for each response that was rated.
        """
        by_item: dict[int, list[Answer]] = {}
        for index, number in enumerate(self._items):
            by_item.setdefault(number, []).append(given[index])
        yield from by_item.items()

    def _opened(self, question: Question) -> list[Image.Image]:
        """The images of a question; those of the one before are at hand, which often shows the same."""
        images = question.item.images
        same = tuple(image if isinstance(image, str | Path) else id(image) for image in images)
        if same != self._last[0]:
            self._last = (same, open_images(images, f"item {question.item.id}", allow_urls=self._allow_urls))
        return self._last[1]

"""From a file of questions to one of answers, as LLaVA's scripts go, by our planner, journal and engine."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from critic_eval.api.answers_file import AnswersFile
from critic_eval.api.question_files import Fault, FileQuestion, read_questions
from critic_eval.critics.answering import answer_plan
from critic_eval.critics.conversations import Message
from critic_eval.critics.engines.opening import EngineArguments, OpenEngine, open_engine
from critic_eval.critics.generation import Answer, GenerationSettings
from critic_eval.critics.image_store import ImageStore
from critic_eval.critics.journal import Journal, RequestKeys
from critic_eval.critics.planning import Asked, make_plan
from critic_eval.errors import ArgumentError, ImageError
from critic_eval.judging.images import open_image


@dataclass(frozen=True)
class AnswerSettings:
    """How answers are generated.

    Attributes:
        temperature: 0 takes the likeliest token at each step; LLaVA's scripts sample at 0.2 unless told otherwise.
        top_p: of a sampled answer, the share of probability that tokens are drawn from.
        num_beams: beams of a beam search; 1 for none.
        max_new_tokens: tokens of an answer at most.
        seed: of sampled answers.

    Raises:
        ArgumentError: a value is out of its range.
    """

    temperature: float = 0.0
    top_p: float | None = None
    num_beams: int = 1
    max_new_tokens: int = 1024
    seed: int = 0

    def __post_init__(self) -> None:
        ranges = {
            "temperature": (0 <= self.temperature < math.inf, "0 or more"),
            "top_p": (self.top_p is None or 0 < self.top_p <= 1, "more than 0 and at most 1"),
            "num_beams": (self.num_beams >= 1, "1 or more"),
            "max_new_tokens": (self.max_new_tokens >= 1, "1 or more"),
            "seed": (self.seed >= 0, "0 or more"),
        }
        for name, (is_fit, meaning) in ranges.items():
            if not is_fit:
                raise ArgumentError(f"--{name} {getattr(self, name)}: it is {meaning}.")

    @property
    def settings(self) -> GenerationSettings:
        """The same as engines take it."""
        given = {"temperature": self.temperature, "top_p": self.top_p, "num_beams": self.num_beams}
        return GenerationSettings.from_task({"max_new_tokens": self.max_new_tokens, **given})

    @property
    def metadata(self) -> dict[str, Any]:
        """What of it an answer depends on."""
        sampling = {} if self.temperature == 0 else {"top_p": self.top_p, "seed": self.seed}
        beams = {} if self.num_beams == 1 else {"num_beams": self.num_beams}
        return {"temperature": self.temperature, "max_new_tokens": self.max_new_tokens, **sampling, **beams}


@dataclass(frozen=True)
class Outcome:
    """What came of a file of questions.

    Attributes:
        answered: how many answers the file holds now.
        kept: how many of them it held before.
        repaired: whether half a line was cut off it.
        faults: the questions without an answer, in their order.
    """

    answered: int
    kept: int
    repaired: bool
    faults: list[Fault]


def answer_file(
    question_file: Path,
    answers_file: Path,
    arguments: EngineArguments,
    *,
    image_folder: Path = Path(),
    chunks: int = 1,
    chunk: int = 0,
    decoding: AnswerSettings | None = None,
    journal: Path | None = None,
    is_new: bool = False,
    has_bar: bool = False,
) -> Outcome:
    """Answer the questions of a file, or a chunk of them, that the answers file doesn't hold the answers to.

    Args:
        question_file: see `read_questions`.
        answers_file: see `AnswersFile`.
        arguments: of the engine.
        image_folder: what images' paths count from.
        chunks: into how many the questions are cut.
        chunk: which of them is answered.
        decoding: how; greedy by default.
        journal: keeps every answer, also across answers files.
        is_new: whether answers that are there are dropped.
        has_bar: whether progress is shown.

    Raises:
        ArgumentError: an argument is out of its range, or asks for what is not here.
        CheckpointError: the model can't be loaded.
        DataError: a file can't be read or written, or holds something else.
        ServerError: no server answers any more; what was answered is in the file.
    """
    decoding = decoding or AnswerSettings()
    questions, faults = read_questions(question_file, image_folder, chunks, chunk)
    with ExitStack() as stack:
        kept_answers = None if journal is None else stack.enter_context(closing(Journal(journal)))
        engine = stack.enter_context(closing(open_engine(arguments)))
        name = model_name(arguments.pretrained or engine.signature["checkpoint"])
        metadata = {**decoding.metadata, **engine.signature}
        answers = AnswersFile(answers_file, questions, name, metadata, is_new=is_new)
        stack.enter_context(closing(answers))
        run = _Run(questions, answers, decoding)
        run.answer(engine, kept_answers, has_bar)
        answers.finish()
    faults = sorted([*faults, *run.faults], key=lambda fault: fault.number)
    return Outcome(len(answers), sum(answers.answered), answers.repaired, faults)


def model_name(path: str) -> str:
    """What LLaVA calls a model: the last part of its path, with the folder's where that is one of checkpoints.

    >>> model_name("lmms-lab/llava-critic-7b"), model_name("runs/mine/checkpoint-100/")
    ('llava-critic-7b', 'mine_checkpoint-100')
    """
    parts = path.strip("/").split("/")
    return "_".join(parts[-2:]) if parts[-1].startswith("checkpoint-") else parts[-1]


class _Run:
    """The questions that are asked, by their indices in the file; and those that could not be."""

    def __init__(self, questions: Sequence[FileQuestion], answers: AnswersFile, decoding: AnswerSettings) -> None:
        self._questions, self._answers, self._decoding = questions, answers, decoding
        self.faults: list[Fault] = []

    def answer(self, engine: OpenEngine, journal: Journal | None, has_bar: bool) -> None:
        """Ask, and write each answer as it comes."""
        import torch

        images = ImageStore(self._images)
        keys = RequestKeys(engine.identity, self._decoding.seed)
        plan = make_plan(self._asked(), keys, journal, images.keep)
        for index, answer in plan.answered.items():
            self._hear([index], answer)
        torch.manual_seed(self._decoding.seed)
        answer_plan(plan, engine, images, journal, is_silent=not has_bar, hear=self._hear)

    def _asked(self) -> Iterator[Asked]:
        settings = self._decoding.settings
        for index, question in enumerate(self._questions):
            if self._answers.answered[index]:
                continue
            try:
                images = self._images(index)
            except ImageError as error:
                self.faults.append(Fault(question.number, str(error)))
                continue
            yield Asked(index, [Message("user", (*images, question.text))], settings)

    def _images(self, index: int) -> list[Any]:
        question = self._questions[index]
        return [] if question.image_file is None else [open_image(question.image_file, f"question {question.id}")]

    def _hear(self, indices: Sequence[int], answer: Answer) -> None:
        for index in indices:
            if answer.error is None:
                self._answers.add(index, answer.text.strip(), answer.without)
            else:
                self.faults.append(Fault(self._questions[index].number, answer.error))

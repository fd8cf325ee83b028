"""The engine of models whose own code gives rewards: dialogues go in batches to their `get_scores` or `get_score`."""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import torch
from PIL import Image

from critic_eval.critics.checkpoints import OwnHead
from critic_eval.critics.checkpoints.own_heads import Dialogue
from critic_eval.critics.conversations import check_conversation
from critic_eval.critics.engines.engine import Group, Request
from critic_eval.critics.engines.local.memory import is_out_of_memory
from critic_eval.critics.engines.local.rating import reward_answer
from critic_eval.critics.generation import Answer
from critic_eval.errors import ArgumentError

_logger = logging.getLogger("critic_eval")

BATCH_SIZE = 8
"""Dialogues that the model's code is given at once; how it batches them is its own affair."""


class ScoringEngine:
    """Rates dialogues by a model's own code, which is given images as files.

    Args:
        head: the model's method.
        batch_size: dialogues of a batch at most.
    """

    def __init__(self, head: OwnHead, batch_size: int | None = None) -> None:
        self._head, self._limit = head, batch_size or BATCH_SIZE

    def answer(self, groups: Iterable[Group]) -> Iterator[list[tuple[int, Answer]]]:
        """Rate each dialogue once; one that does not fit in memory gets an answer that says so.

        Raises:
            ArgumentError: text is asked for.
            CheckpointError: the model's own code fails.
        """
        for group in groups:
            if group.settings.mode != "reward":
                raise ArgumentError(f"A model with {self._head.source} gives rewards, not text.")
            # One folder a group: its dialogues mostly show the same images.
            with tempfile.TemporaryDirectory(prefix="critic-eval-images-") as folder:
                files = _ImageFiles(Path(folder))
                for start in range(0, len(group.requests), self._limit):
                    batch = group.requests[start : start + self._limit]
                    yield from self._rated(batch, [_dialogue(request, files) for request in batch])

    def close(self) -> None:
        """Nothing is held beside the model."""

    def _rated(self, requests: Sequence[Request], dialogues: Sequence[Dialogue]) -> Iterator[list[tuple[int, Answer]]]:
        start = time.perf_counter()
        try:
            rewards = self._head.rewards(dialogues)
        except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            rewards = None
        if rewards is not None:
            seconds = (time.perf_counter() - start) / len(requests)
            yield [
                (request.number, reward_answer(reward, 0, seconds))
                for request, reward in zip(requests, rewards, strict=True)
            ]
            return
        # Outside of the handler, whose traceback holds on to the tensors that filled the memory.
        torch.cuda.empty_cache()
        if len(requests) == 1:
            _logger.warning("a response gets no reward: out of memory with it alone")
            yield [(requests[0].number, Answer("", 0, 0, 0.0, error="out of memory with a response alone"))]
            return
        self._limit = middle = len(requests) // 2
        yield from self._rated(requests[:middle], dialogues[:middle])
        yield from self._rated(requests[middle:], dialogues[middle:])


class _ImageFiles:
    """Images as files in a folder, each written once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._written: list[tuple[Image.Image, str]] = []

    def path(self, image: Image.Image) -> str:
        known = next((path for written, path in self._written if written is image), None)
        if known is None:
            known = str(self._folder / f"{len(self._written)}.png")
            image.convert("RGB").save(known)
            self._written.append((image, known))
        return known


def _dialogue(request: Request, files: _ImageFiles) -> Dialogue:
    """A request as the model's code takes it: text by turns, images apart."""
    check_conversation(request.conversation, is_answered=True)
    chat = [
        {"role": message.role, "content": "".join(part for part in message.content if isinstance(part, str))}
        for message in request.conversation
    ]
    images = [
        files.path(part) for message in request.conversation for part in message.content if not isinstance(part, str)
    ]
    return Dialogue(chat, images)

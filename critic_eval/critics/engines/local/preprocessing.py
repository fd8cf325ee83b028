"""Groups made into token ids and pixels, here or ahead of the model in processes of their own."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

import torch

from critic_eval.critics.checkpoints import EncodedPrompt, PreparedImages
from critic_eval.critics.conversations import Conversation
from critic_eval.critics.engines.engine import Group, Request
from critic_eval.critics.engines.local.prefixes import Split, split
from critic_eval.critics.engines.orphans import packed, start_guarded
from critic_eval.critics.generation import GenerationSettings


@dataclass(frozen=True)
class EncodedGroup:
    """A group as the model reads it: its prompts share their image tensors, and are cut where they part."""

    settings: GenerationSettings
    requests: tuple[Request, ...]
    prompts: tuple[EncodedPrompt, ...]
    cut: Split

    @classmethod
    def of(
        cls, settings: GenerationSettings, requests: Sequence[Request], prompts: Sequence[EncodedPrompt]
    ) -> EncodedGroup:
        """Cut the prompts of a group."""
        return cls(settings, tuple(requests), tuple(prompts), split([prompt.input_ids.tolist() for prompt in prompts]))

    def part(self, start: int, end: int) -> EncodedGroup:
        """Some of its requests as a group."""
        return EncodedGroup.of(self.settings, self.requests[start:end], self.prompts[start:end])


class Preprocessor:
    """Encodes groups in order.

    Args:
        encoder: of the checkpoint.
        share_images: prepare the images of a group once; else for each of its prompts.
        workers: processes that work ahead of whoever takes the groups; 0 for none. Each has one thread: torch's image
            functions were seen to be several times slower with two.
    """

    def __init__(self, encoder: Any, share_images: bool = True, workers: int = 0) -> None:
        self._encoder, self._share, self._workers = encoder, share_images, workers
        self._pool: ProcessPoolExecutor | None = None

    def encode(self, groups: Iterable[Group]) -> Iterator[EncodedGroup]:
        """Encode groups, a few ahead where there are workers.

        Raises:
            ImageError: an image can't be prepared.
            ArgumentError: a conversation can't be answered.
        """
        if not self._workers:
            for group in groups:
                yield self._grouped(
                    group, _encode(self._encoder, _conversations(group), self._share, _is_answered(group))
                )
            return
        ahead: deque[tuple[Group, Future[_Encoded]]] = deque()
        for group in groups:
            work = (_conversations(group), self._share, _is_answered(group))
            ahead.append((group, self._started().submit(_encode_in_worker, *work)))
            if len(ahead) > 2 * self._workers:
                done, future = ahead.popleft()
                yield self._grouped(done, future.result())
        for done, future in ahead:
            yield self._grouped(done, future.result())

    def close(self) -> None:
        """End the processes."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def _started(self) -> ProcessPoolExecutor:
        if self._pool is None:
            context = multiprocessing.get_context("spawn")  # a fork of a process that uses CUDA or threads can hang
            start = packed(_start_worker, self._encoder)
            self._pool = ProcessPoolExecutor(self._workers, context, start_guarded, (start,))
        return self._pool

    def _grouped(self, group: Group, encoded: _Encoded) -> EncodedGroup:
        prompts: list[EncodedPrompt] = []
        for ids, media, image_tokens in encoded:
            tensors = prompts[0].media if media is None else {name: torch.as_tensor(media[name]) for name in media}
            prompts.append(EncodedPrompt(torch.as_tensor(ids), tensors, image_tokens))
        return EncodedGroup.of(group.settings, group.requests, prompts)


_Encoded = list[tuple[Any, dict[str, Any] | None, int]]
"""Of each prompt its ids, image tensors (None where they are the first prompt's) and number of image tokens."""

_worker_encoder: Any = None


def _conversations(group: Group) -> list[Conversation]:
    return [request.conversation for request in group.requests]


def _is_answered(group: Group) -> bool:
    return group.settings.mode == "reward"


def _start_worker(encoder: Any) -> None:
    global _worker_encoder
    torch.set_num_threads(1)
    _worker_encoder = encoder


def _encode_in_worker(conversations: Sequence[Conversation], share: bool, is_answered: bool) -> _Encoded:
    encoded = _encode(_worker_encoder, conversations, share, is_answered)
    # As arrays: tensors would go through shared memory, of which containers often have little.
    return [
        (ids.numpy(), None if media is None else {name: tensor.numpy() for name, tensor in media.items()}, tokens)
        for ids, media, tokens in encoded
    ]


def _encode(encoder: Any, conversations: Sequence[Conversation], share: bool, is_answered: bool) -> _Encoded:
    if not share:
        prompts = [encoder.encode(conversation, is_answered=is_answered) for conversation in conversations]
        return [(prompt.input_ids, prompt.media, prompt.image_tokens) for prompt in prompts]
    prepared: PreparedImages = encoder.prepare(conversations[0])
    encoded: _Encoded = []
    for conversation in conversations:
        prompt = encoder.encode(conversation, prepared, is_answered=is_answered)
        encoded.append((prompt.input_ids, None if encoded else prompt.media, prompt.image_tokens))
    return encoded

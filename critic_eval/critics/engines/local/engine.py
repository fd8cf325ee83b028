"""The engine on this machine: batches of groups, each group's common beginning computed once."""

from __future__ import annotations

import gc
import logging
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import torch

from critic_eval.critics.checkpoints import Checkpoint
from critic_eval.critics.engines.engine import Group
from critic_eval.critics.engines.local.branches import why_not_shared
from critic_eval.critics.engines.local.computing import compute
from critic_eval.critics.engines.local.memory import is_out_of_memory, token_budget
from critic_eval.critics.engines.local.preprocessing import EncodedGroup, Preprocessor
from critic_eval.critics.engines.local.sampling import SHAREABLE
from critic_eval.critics.generation import Answer, GenerationSettings
from critic_eval.errors import ArgumentError

_logger = logging.getLogger("critic_eval")

# transformers 5.40 renames what it calls this argument; before, there is no other name for it.
warnings.filterwarnings("ignore", message="`past_key_values` is deprecated", category=FutureWarning)

AUTO_BATCH_SIZE = 64


class LocalEngine:
    """Answers with a checkpoint that is loaded in this process.

    Args:
        checkpoint: the critic: its model, tokenizer and encoder.
        batch_size: requests of a batch at most; None fills batches up to a number of tokens.
        max_batch_size: requests at most where `batch_size` is None.
        share_prefixes: compute what the requests of a group have in common once.
        workers: processes that prepare images and texts ahead of the model.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        batch_size: int | None = None,
        max_batch_size: int | None = None,
        share_prefixes: bool = True,
        workers: int = 0,
    ) -> None:
        self.checkpoint = checkpoint
        self._limit = batch_size or max_batch_size or AUTO_BATCH_SIZE
        self._why_not_shared = why_not_shared(checkpoint.model) if share_prefixes else "share_prefixes is off"
        self._budget = None if batch_size else token_budget(checkpoint.model, self._why_not_shared is None)
        self._preprocessor = Preprocessor(checkpoint.encoder, self._why_not_shared is None, workers)

    def answer(self, groups: Iterable[Group]) -> Iterator[list[tuple[int, Answer]]]:
        """Answer each request once, batch by batch; one that does not fit in memory gets an answer that says so.

        Raises:
            ArgumentError: a verdict alone is asked for that can't be had.
            ImageError: an image can't be prepared.
        """
        batch: list[EncodedGroup] = []
        for group in self._preprocessor.encode(self._ending(group) for group in groups):
            for part in self._parts(group):
                if batch and not (self._belongs(batch[0], part) and self._fits([*batch, part])):
                    yield from self._answer_batch(batch)
                    batch = []
                batch.append(part)
        if batch:
            yield from self._answer_batch(batch)

    def shares_prefixes(self, settings: GenerationSettings) -> bool:
        """Whether requests with these settings are computed from shared prefixes."""
        return {name for name, _ in settings.options} <= SHAREABLE and self._why_not_shared is None

    def _ending(self, group: Group) -> Group:
        """The group, its answers ended also by the texts that end turns in the critic's conversation."""
        settings = group.settings
        return replace(group, settings=replace(settings, until=(*settings.until, *self.checkpoint.encoder.stops)))

    def close(self) -> None:
        """End the processes that prepare."""
        self._preprocessor.close()

    def _shares(self, group: EncodedGroup) -> bool:
        settings = group.settings
        if settings.mode in ("to_verdict", "verdict") and (self._why_not_shared or not settings.is_greedy):
            why = self._why_not_shared or "the task asks for sampling"
            raise ArgumentError(f"verdict_only and reasons=False need greedy decoding with shared prefixes: {why}.")
        if settings.elicits and not self.shares_prefixes(settings):
            why = self._why_not_shared or "the task asks for a search of its own"
            raise ArgumentError(f"when_unread=elicit needs shared prefixes: {why}.")
        return self.shares_prefixes(group.settings) and group.cut.trunk > 0

    def _belongs(self, first: EncodedGroup, group: EncodedGroup) -> bool:
        return first.settings == group.settings and self._shares(first) == self._shares(group)

    def _parts(self, group: EncodedGroup) -> Iterator[EncodedGroup]:
        """A group cut down to what one batch can take, and to single requests where images follow the trunk."""
        ids = group.prompts[0].input_ids[: group.cut.trunk]
        image_tokens = int((ids == self.checkpoint.encoder.image_token_id).sum())
        whole = self._shares(group) and image_tokens == group.prompts[0].image_tokens
        size = len(group.requests) if whole else 1
        while size > 1 and not self._fits([group.part(0, size)]):
            size = (size + 1) // 2
        for start in range(0, len(group.requests), size):
            yield group if size == len(group.requests) else group.part(start, start + size)

    def _fits(self, batch: Sequence[EncodedGroup]) -> bool:
        if sum(len(group.requests) for group in batch) > self._limit:
            return False
        return self._budget is None or self._tokens(batch) <= self._budget

    def _tokens(self, batch: Sequence[EncodedGroup]) -> int:
        """Positions that a batch takes room for, padding and a part of the answers included."""
        answers = min(batch[0].settings.max_new_tokens, _ANSWER_TOKENS)
        if not self._shares(batch[0]):
            longest = max(len(prompt.input_ids) for group in batch for prompt in group.prompts)
            return sum(len(group.prompts) for group in batch) * (longest + answers)
        trunk = max(group.cut.trunk for group in batch)
        suffix = max(len(prompt.input_ids) - group.cut.trunk for group in batch for prompt in group.prompts)
        if batch[0].settings.mode == "verdict":
            answers, suffix = 0, suffix * _DIGITS  # a row for each first digit of a score
        return len(batch) * (trunk + max(len(group.prompts) for group in batch) * (suffix + answers))

    def _answer_batch(self, batch: list[EncodedGroup]) -> Iterator[list[tuple[int, Answer]]]:
        try:
            answers = self._compute(batch)
        except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            answers = None
        if answers is not None:
            yield answers
            return
        # Outside of the handler, whose traceback holds on to the tensors that filled the memory.
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        for half in self._halves(batch):
            yield from self._answer_batch(half)
        if len(batch) == 1 and len(batch[0].requests) == 1:
            n = len(batch[0].prompts[0].input_ids)
            error_text = f"out of memory with a prompt of {n} tokens alone"
            _logger.warning("a request gets no answer: %s", error_text)
            yield [(batch[0].requests[0].number, Answer("", n, 0, 0.0, error=error_text))]

    def _halves(self, batch: list[EncodedGroup]) -> list[list[EncodedGroup]]:
        """Two smaller batches in place of one that did not fit; none where it is a single request."""
        tokens = self._tokens(batch)
        if len(batch) > 1:
            middle = len(batch) // 2
            halves = [batch[:middle], batch[middle:]]
        elif len(batch[0].requests) > 1:
            middle = len(batch[0].requests) // 2
            halves = [[batch[0].part(0, middle)], [batch[0].part(middle, len(batch[0].requests))]]
        else:
            return []
        if self._budget is not None:
            self._budget = min(self._budget, max(1, tokens // 2))
        _logger.warning("out of memory with %d tokens in a batch; going on with half of them", tokens)
        return halves

    def _compute(self, batch: Sequence[EncodedGroup]) -> list[tuple[int, Answer]]:
        answers = compute(self.checkpoint, batch, shares=self._shares(batch[0]))
        requests = [request for group in batch for request in group.requests]
        return [(request.number, answer) for request, answer in zip(requests, answers, strict=True)]


_ANSWER_TOKENS = 256
"""Tokens of an answer that room is kept for; longer ones are rare, and cost a halved batch at worst."""


_DIGITS = 9

"""The engine on this machine: batches of groups, each group's common beginning computed once."""

from __future__ import annotations

import gc
import logging
import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch

from critic_eval.critics.checkpoints import Checkpoint, EncodedPrompt
from critic_eval.critics.engines.engine import Group, Request
from critic_eval.critics.engines.local.branches import Branches, prefill, why_not_shared
from critic_eval.critics.engines.local.decoding import IsComplete, decode, stop_check
from critic_eval.critics.engines.local.memory import is_out_of_memory, token_budget
from critic_eval.critics.engines.local.plain import answer_plainly, make_answer
from critic_eval.critics.engines.local.preprocessing import EncodedGroup, Preprocessor
from critic_eval.critics.engines.local.rating import rate_plainly, rated
from critic_eval.critics.engines.local.verdict_tokens import FormTokens, verdict_shares
from critic_eval.critics.generation import Answer, GenerationSettings
from critic_eval.errors import ArgumentError
from critic_eval.judging import verdict_form
from critic_eval.judging.parsing.answer import opens_thought

_logger = logging.getLogger("critic_eval")

# transformers 5.40 renames what it calls this argument; before, there is no other name for it.
warnings.filterwarnings("ignore", message="`past_key_values` is deprecated", category=FutureWarning)

AUTO_BATCH_SIZE = 64
_MARK_LENGTH = 60
"""Characters at the end of a prompt that may hold the mark which opens a thought."""


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
        for group in self._preprocessor.encode(groups):
            for part in self._parts(group):
                if batch and not (self._belongs(batch[0], part) and self._fits([*batch, part])):
                    yield from self._answer_batch(batch)
                    batch = []
                batch.append(part)
        if batch:
            yield from self._answer_batch(batch)

    def shares_prefixes(self, settings: GenerationSettings) -> bool:
        """Whether requests with these settings are computed from shared prefixes."""
        return settings.is_greedy and self._why_not_shared is None

    def close(self) -> None:
        """End the processes that prepare."""
        self._preprocessor.close()

    def _shares(self, group: EncodedGroup) -> bool:
        greedy = group.settings.is_greedy
        if group.settings.mode in ("to_verdict", "verdict") and (self._why_not_shared or not greedy):
            why = self._why_not_shared or "the task asks for sampling"
            raise ArgumentError(f"verdict_only and reasons=False need greedy decoding with shared prefixes: {why}.")
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
        start = time.perf_counter()
        requests = [request for group in batch for request in group.requests]
        prompts = [prompt for group in batch for prompt in group.prompts]
        mode = batch[0].settings.mode
        if not self._shares(batch[0]):
            if mode == "reward":
                answers = rate_plainly(self.checkpoint, prompts)
            else:
                answers = answer_plainly(self.checkpoint, prompts, batch[0].settings)
            return [(request.number, answer) for request, answer in zip(requests, answers, strict=True)]
        members = max(len(group.requests) for group in batch)
        branches = Branches(
            self.checkpoint.model, prefill(self.checkpoint, [_trunk(group) for group in batch]), members
        )
        rests = _extend_stems(branches, batch, members)
        rows = [
            (group.requests[member] if member < len(group.requests) else None)
            for group in batch
            for member in range(members)
        ]
        if mode == "verdict":
            answers = self._verdicts(branches, rows, rests, prompts)
        elif mode == "reward":
            hidden = branches.extend(rests)[[request is not None for request in rows], -1]
            answers = rated(self.checkpoint, prompts, hidden, 0.0)
        else:
            answers = self._texts(branches, rows, rests, prompts, batch[0])
        seconds = (time.perf_counter() - start) / len(answers)
        return [
            (request.number, replace(measured, seconds=seconds))
            for request, measured in zip(requests, answers, strict=True)
        ]

    def _texts(
        self,
        branches: Branches,
        rows: Sequence[Request | None],
        rests: Sequence[Sequence[int]],
        prompts: Sequence[EncodedPrompt],
        group: EncodedGroup,
    ) -> list[Answer]:
        encoder, settings = self.checkpoint.encoder, group.settings
        checks = [self._check(request, settings) for request in rows]
        hidden = branches.extend(rests)[:, -1]
        is_wanted = [request is not None for request in rows]
        ids = decode(branches, hidden, settings.max_new_tokens, encoder.eos_token_ids, checks, is_wanted)
        wanted = [output for output, request in zip(ids, rows, strict=True) if request is not None]
        return [
            make_answer(encoder, prompt, output, settings, 0.0) for prompt, output in zip(prompts, wanted, strict=True)
        ]

    def _check(self, request: Request | None, settings: GenerationSettings) -> IsComplete | None:
        """Tells when a request's answer may end; a prompt that opens a thought leaves no telling where it closes."""
        if request is None:
            return None
        encoder, is_complete = self.checkpoint.encoder, None
        if settings.mode == "to_verdict" and request.reading is not None:
            is_thinking = opens_thought(encoder.render(request.conversation)[-_MARK_LENGTH:])
            is_complete = None if is_thinking else request.reading.is_complete
        return stop_check(encoder.tokenizer, settings.until, is_complete)

    def _verdicts(
        self,
        branches: Branches,
        rows: Sequence[Request | None],
        rests: Sequence[Sequence[int]],
        prompts: Sequence[EncodedPrompt],
    ) -> list[Answer]:
        forms = [_form(request) for request in rows if request is not None]
        tokens = {form: FormTokens.of(form, self.checkpoint.encoder.tokenizer) for form in set(forms)}
        remaining = iter(forms)
        of_row = [tokens[next(remaining)] if request else tokens[forms[0]] for request in rows]
        stemmed = [
            [*rest, *(form.stem if request else ())] for rest, form, request in zip(rests, of_row, rows, strict=True)
        ]
        hidden = branches.extend(stemmed)
        computed = verdict_shares(branches, hidden, of_row, [request is not None for request in rows])
        answers = []
        for form, prompt, shares in zip(
            forms, prompts, (measured for measured in computed if measured is not None), strict=True
        ):
            likeliest = max(range(len(form.options)), key=shares.shares.__getitem__)
            stated = {"shares": dict(zip(form.options, shares.shares, strict=True)), "coverage": shares.coverage}
            answers.append(Answer(form.texts()[likeliest], len(prompt.input_ids), 1, 0.0, stated))
        return answers


_ANSWER_TOKENS = 256
"""Tokens of an answer that room is kept for; longer ones are rare, and cost a halved batch at worst."""


_DIGITS = 9


def _form(request: Request) -> Any:
    if request.reading is None:
        raise ArgumentError("A verdict alone can only be asked of critic-eval's own tasks.")
    return verdict_form(request.reading.used)


def _trunk(group: EncodedGroup) -> EncodedPrompt:
    first = group.prompts[0]
    return EncodedPrompt(first.input_ids[: group.cut.trunk], first.media, first.image_tokens)


def _extend_stems(branches: Branches, batch: Sequence[EncodedGroup], members: int) -> list[list[int]]:
    """Compute the groups' stems and go on with `members` sequences for each group; gives what is left of each."""
    if not any(len(stem.members) > 1 for group in batch for stem in group.cut.stems) or not any(
        stem.length > group.cut.trunk for group in batch for stem in group.cut.stems if len(stem.members) > 1
    ):
        return _rests(batch, members, [[group.cut.trunk] * len(group.prompts) for group in batch])
    most = max(len(group.cut.stems) for group in batch)
    tokens: list[list[int]] = []
    parents: list[int] = []
    starts = []
    for number, group in enumerate(batch):
        stem_of = {member: index for index, stem in enumerate(group.cut.stems) for member in stem.members}
        starts.append([group.cut.stems[stem_of[member]].length for member in range(len(group.prompts))])
        for stem in group.cut.stems:
            ids = group.prompts[stem.members[0]].input_ids
            tokens.append(ids[group.cut.trunk : stem.length].tolist())
        tokens += [[]] * (most - len(group.cut.stems))
        parents += [number * most + stem_of.get(member, 0) for member in range(members)]
    branches.branch([0] * (most * len(batch)), most)
    branches.extend(tokens)
    branches.branch(parents, members)
    return _rests(batch, members, starts)


def _rests(batch: Sequence[EncodedGroup], members: int, starts: Sequence[Sequence[int]]) -> list[list[int]]:
    rests: list[list[int]] = []
    for group, begun in zip(batch, starts, strict=True):
        rests += [prompt.input_ids[start:].tolist() for prompt, start in zip(group.prompts, begun, strict=True)]
        rests += [[]] * (members - len(group.prompts))
    return rests

"""Generation by transformers alone: for models and settings that prefixes can't be shared for, and as the yardstick."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from transformers import LogitsProcessor, LogitsProcessorList

from critic_eval.critics.checkpoints import Checkpoint, EncodedPrompt
from critic_eval.critics.engines.local.branches import placed
from critic_eval.critics.engines.local.thoughts import ThoughtLimit, begins_thought, count_thought, is_thinking
from critic_eval.critics.generation import Answer, GenerationSettings
from critic_eval.errors import ArgumentError


def answer_plainly(
    checkpoint: Checkpoint, prompts: Sequence[EncodedPrompt], settings: GenerationSettings, seed: int = 0
) -> list[Answer]:
    """Answer prompts in one left-padded batch, with the same answers as one at a time, unless they are drawn.

    Args:
        checkpoint: the critic.
        prompts: what it is asked.
        settings: how it answers.
        seed: of what is drawn, for all of the batch.

    Raises:
        ArgumentError: thoughts are to be closed in a beam search, which has no one text to close them in.
    """
    start = time.perf_counter()
    encoder, model = checkpoint.encoder, checkpoint.model
    inputs = {name: placed(tensor, model) for name, tensor in encoder.collate(prompts).items()}
    options = {"do_sample": False, **dict(settings.options)}
    length, is_begun = inputs["input_ids"].shape[1], begins_thought(encoder, settings.reasoning_marks)
    if settings.max_thinking_tokens is not None:
        if options.get("num_beams", 1) != 1:
            raise ArgumentError("max_thinking_tokens can't be kept with num_beams; leave one of them out.")
        closing = _ClosedThoughts(ThoughtLimit(encoder.tokenizer, settings, is_begun), length)
        options["logits_processor"] = LogitsProcessorList([closing])
    if settings.until:
        options.update(stop_strings=list(settings.until), tokenizer=encoder.tokenizer)
    if settings.is_drawn:
        torch.manual_seed(seed)
    with torch.inference_mode():
        output = model.generate(
            **inputs,
            **options,
            max_new_tokens=settings.max_new_tokens,
            eos_token_id=list(encoder.eos_token_ids),
            pad_token_id=encoder.pad_token_id,
        )
    new_tokens = output[:, length:].tolist()
    seconds = (time.perf_counter() - start) / len(prompts)
    return [
        replace(make_answer(encoder, prompt, ids, settings, is_begun), seconds=seconds)
        for prompt, ids in zip(prompts, new_tokens, strict=True)
    ]


def make_answer(
    encoder: Any, prompt: EncodedPrompt, ids: Sequence[int], settings: GenerationSettings, is_begun: bool
) -> Answer:
    """The answer that generated ids spell: before the first that ends it, and before the first stop string.

    Where the prompt opens a thought that the ids never close, the mark is put before the text, so that it is known for
    a thought.
    """
    ids = answer_ids(encoder, ids)
    text = encoder.tokenizer.decode(ids, skip_special_tokens=True)
    cuts = [text.index(stop) for stop in settings.until if stop in text]
    text = text[: min(cuts, default=len(text))].strip()
    marks = settings.reasoning_marks
    if is_begun and is_thinking(text, marks, is_begun):
        text = f"{marks[0][0] if marks else '<think>'}\n{text}"
    thought = count_thought(encoder.tokenizer, ids, marks, is_begun)
    return Answer(text, len(prompt.input_ids), len(ids), 0.0, thought_tokens=thought)


def answer_ids(encoder: Any, ids: Sequence[int]) -> Sequence[int]:
    """Generated ids through the first that ends an answer."""
    ends = [ids.index(end) + 1 for end in encoder.eos_token_ids if end in ids]
    return ids[: min(ends, default=len(ids))]


class _ClosedThoughts(LogitsProcessor):  # type: ignore[misc]  # transformers is untyped here
    """Leaves a thought that is being closed the next token of its closing mark alone."""

    def __init__(self, limit: ThoughtLimit, prompt_length: int) -> None:
        self._limit, self._start = limit, prompt_length

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Scores, (rows, vocabulary), for the token after ids, (rows, length)."""
        for row, ids in enumerate(input_ids[:, self._start :].tolist()):
            token = self._limit.next_token(row, ids)
            if token is not None:
                scores[row] = float("-inf")
                scores[row, token] = 0.0
        return scores

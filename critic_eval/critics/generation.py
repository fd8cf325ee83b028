"""Generation in left-padded batches, with the same answers as one at a time."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from tqdm import tqdm

from critic_eval.critics.checkpoints import Checkpoint, EncodedPrompt
from critic_eval.critics.conversations import Conversation

DEFAULT_MAX_NEW_TOKENS = 1024
WINDOW = 256
"""Conversations that are encoded ahead, so that those of like length can share a batch."""
WINDOW_BYTES = 1 << 30
"""Pixels that are held ahead at most, unless one conversation alone has more."""
BATCH_TOKENS = 16384
"""Prompt tokens, padding included, of an automatic batch."""
AUTO_BATCH_SIZE = 64


@dataclass(frozen=True)
class GenerationSettings:
    """How an answer is generated; requests with equal settings can share a batch.

    Attributes:
        max_new_tokens: tokens of an answer at most.
        until: strings at the first of which the answer ends; they are not part of it.
        options: further arguments of transformers' `generate`, sorted by name.
    """

    max_new_tokens: int
    until: tuple[str, ...] = ()
    options: tuple[tuple[str, Any], ...] = ()

    @classmethod
    def from_task(cls, generation_kwargs: Mapping[str, Any], limit: int | None = None) -> "GenerationSettings":
        """Read a task's `generation_kwargs`: greedy unless it asks for sampling; `limit` bounds the answer's length."""
        given = {key: value for key, value in generation_kwargs.items() if value is not None}
        until = given.pop("until", ())
        length = int(given.pop("max_new_tokens", given.pop("max_gen_toks", DEFAULT_MAX_NEW_TOKENS)))
        temperature = float(given.pop("temperature", 0.0))
        if given.pop("do_sample", temperature > 0):
            given.update(do_sample=True, **({"temperature": temperature} if temperature > 0 else {}))
        else:
            for key in ("top_p", "top_k"):
                given.pop(key, None)
        kept = {key: value for key, value in given.items() if key in _OPTIONS}
        return cls(
            max_new_tokens=length if limit is None else min(length, limit),
            until=(until,) if isinstance(until, str) else tuple(stop for stop in until if stop),
            options=tuple(sorted(kept.items())),
        )


_OPTIONS = ("do_sample", "temperature", "top_p", "top_k", "num_beams", "repetition_penalty", "length_penalty")


@dataclass(frozen=True)
class Answer:
    """An answer's text, its prompt's and its own length in tokens, and its share of its batch's seconds."""

    text: str
    input_tokens: int
    output_tokens: int
    seconds: float


def generate(
    checkpoint: Checkpoint,
    conversations: Iterator[Conversation | None],
    settings: GenerationSettings,
    *,
    total: int,
    batch_size: int | None = None,
    max_batch_size: int | None = None,
    progress: bool = True,
) -> Iterator[tuple[int, Answer]]:
    """Answer conversations, as batches are done; yields each one's position, not counting None, and its answer.

    Args:
        checkpoint: the loaded critic.
        conversations: read lazily, a window at a time; None stands for one that is answered already.
        settings: how to generate.
        total: number of conversations, None among them, for the progress bar.
        batch_size: conversations in a batch; None fills batches up to a number of tokens.
        max_batch_size: upper limit of an automatic batch.
        progress: show a bar with rate and time left.
    """
    limit = batch_size or max_batch_size or AUTO_BATCH_SIZE
    budget = None if batch_size else BATCH_TOKENS
    with tqdm(total=total, desc="Judging", unit=" judgments", disable=not progress, smoothing=0.1) as bar:
        encoded = enumerate(checkpoint.encoder.encode(talk) for talk in _unanswered(conversations, bar))
        while window := _take_window(encoded):
            for batch in _batches(window, limit, budget):
                answers = _generate_batch(checkpoint, [prompt for _, prompt in batch], settings)
                yield from zip([position for position, _ in batch], answers, strict=True)
                bar.update(len(batch))


def _unanswered(conversations: Iterator[Conversation | None], bar: Any) -> Iterator[Conversation]:
    for conversation in conversations:
        if conversation is None:
            bar.update(1)
        else:
            yield conversation


def _take_window(encoded: Iterator[tuple[int, EncodedPrompt]]) -> list[tuple[int, EncodedPrompt]]:
    window, size = [], 0
    for position, prompt in islice(encoded, WINDOW):
        window.append((position, prompt))
        size += sum(tensor.numel() * tensor.element_size() for tensor in prompt.media.values())
        if size > WINDOW_BYTES:
            break
    return window


def _batches(
    window: list[tuple[int, EncodedPrompt]], limit: int, budget: int | None
) -> Iterator[list[tuple[int, EncodedPrompt]]]:
    """Cut a window into batches of like length, the longest first, so that memory runs out early or not at all."""
    batch: list[tuple[int, EncodedPrompt]] = []
    for member in sorted(window, key=lambda one: -len(one[1].input_ids)):
        width = len((batch or [member])[0][1].input_ids)
        if batch and (len(batch) == limit or (budget and width * (len(batch) + 1) > budget)):
            yield batch
            batch = []
        batch.append(member)
    if batch:
        yield batch


def _generate_batch(
    checkpoint: Checkpoint, prompts: Sequence[EncodedPrompt], settings: GenerationSettings
) -> list[Answer]:
    start = time.perf_counter()
    encoder, model = checkpoint.encoder, checkpoint.model
    inputs = {name: _placed(tensor, model) for name, tensor in encoder.collate(prompts).items()}
    stops = {"stop_strings": list(settings.until), "tokenizer": encoder.tokenizer} if settings.until else {}
    with torch.inference_mode():
        output = model.generate(
            **inputs,
            **{"do_sample": False, **dict(settings.options)},
            **stops,
            max_new_tokens=settings.max_new_tokens,
            eos_token_id=list(encoder.eos_token_ids),
            pad_token_id=encoder.pad_token_id,
        )
    new_tokens = output[:, inputs["input_ids"].shape[1] :].tolist()
    seconds = (time.perf_counter() - start) / len(prompts)
    answers = []
    for prompt, ids in zip(prompts, new_tokens, strict=True):
        ends = [ids.index(eos) + 1 for eos in encoder.eos_token_ids if eos in ids]
        ids = ids[: min(ends, default=len(ids))]
        text = _cut(encoder.tokenizer.decode(ids, skip_special_tokens=True), settings.until)
        answers.append(Answer(text, len(prompt.input_ids), len(ids), seconds))
    return answers


def _placed(tensor: torch.Tensor, model: Any) -> torch.Tensor:
    return tensor.to(model.device, model.dtype) if tensor.is_floating_point() else tensor.to(model.device)


def _cut(text: str, until: Sequence[str]) -> str:
    """The text before the first of the stop strings, without surrounding white space."""
    ends = [text.index(stop) for stop in until if stop in text]
    return text[: min(ends, default=len(text))].strip()

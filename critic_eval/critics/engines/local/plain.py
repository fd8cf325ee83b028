"""Generation by transformers alone: for models and settings that prefixes can't be shared for, and as the yardstick."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import torch

from critic_eval.critics.checkpoints import Checkpoint, EncodedPrompt
from critic_eval.critics.engines.local.branches import placed
from critic_eval.critics.generation import Answer, GenerationSettings


def answer_plainly(
    checkpoint: Checkpoint, prompts: Sequence[EncodedPrompt], settings: GenerationSettings
) -> list[Answer]:
    """Answer prompts in one left-padded batch, with the same answers as one at a time."""
    start = time.perf_counter()
    encoder, model = checkpoint.encoder, checkpoint.model
    inputs = {name: placed(tensor, model) for name, tensor in encoder.collate(prompts).items()}
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
    return [
        make_answer(encoder, prompt, ids, settings, seconds) for prompt, ids in zip(prompts, new_tokens, strict=True)
    ]


def make_answer(
    encoder: Any, prompt: EncodedPrompt, ids: Sequence[int], settings: GenerationSettings, seconds: float
) -> Answer:
    """The answer that generated ids spell: before the first that ends it, and before the first stop string."""
    ends = [ids.index(end) + 1 for end in encoder.eos_token_ids if end in ids]
    ids = ids[: min(ends, default=len(ids))]
    text = encoder.tokenizer.decode(ids, skip_special_tokens=True)
    cuts = [text.index(stop) for stop in settings.until if stop in text]
    return Answer(text[: min(cuts, default=len(text))].strip(), len(prompt.input_ids), len(ids), seconds)

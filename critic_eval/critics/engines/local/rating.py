"""Rewards of dialogues: a forward pass, and the head on the hidden state of each last token."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

import torch
from torch import Tensor

from critic_eval.critics.checkpoints import Checkpoint, EncodedPrompt, LinearHead
from critic_eval.critics.engines.local.branches import placed
from critic_eval.critics.generation import Answer
from critic_eval.errors import ArgumentError


def rate_plainly(checkpoint: Checkpoint, prompts: Sequence[EncodedPrompt]) -> list[Answer]:
    """Rate dialogues in one batch, padded on the right: what follows a token has no effect on it in any of the models.

    The last token is the last of the rendered dialogue, whatever ends it in the model's template. So it is in
    Skywork-VL-Reward's card and in TRL's and ms-swift's value heads: `apply_chat_template` without a generation prompt,
    then the value at the last place that the attention mask counts.

    Raises:
        ArgumentError: the critic has no reward head.
    """
    start = time.perf_counter()
    inputs = {
        name: placed(tensor, checkpoint.model) for name, tensor in checkpoint.encoder.collate(prompts, "right").items()
    }
    last = inputs["attention_mask"].sum(dim=1) - 1
    with torch.inference_mode():
        # After the final norm, which is what `last_hidden_state` is in all of transformers' models.
        hidden = checkpoint.model.base_model(**inputs, use_cache=False).last_hidden_state
    rows = torch.arange(len(prompts), device=hidden.device)
    return rated(
        checkpoint, prompts, hidden[rows, last.to(hidden.device)], (time.perf_counter() - start) / len(prompts)
    )


def rated(checkpoint: Checkpoint, prompts: Sequence[EncodedPrompt], hidden: Tensor, seconds: float) -> list[Answer]:
    """Answers that state the rewards of hidden states, (rows, width), one for each prompt.

    Raises:
        ArgumentError: the critic has no reward head.
    """
    if not isinstance(checkpoint.head, LinearHead):
        raise ArgumentError(f"{checkpoint.identity['name']} has no reward head; ask it for text.")
    rewards = checkpoint.head.rewards(hidden)
    return [
        reward_answer(reward, len(prompt.input_ids), seconds) for reward, prompt in zip(rewards, prompts, strict=True)
    ]


def reward_answer(reward: float, input_tokens: int, seconds: float) -> Answer:
    """The answer that states a reward; one that is not finite, as half precision may make it, is an error."""
    if not math.isfinite(reward):
        return Answer("", input_tokens, 0, seconds, error="the reward is not a finite number; try dtype=bfloat16")
    return Answer("", input_tokens, 0, seconds, {"reward": reward})

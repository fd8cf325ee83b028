"""Which token comes next: the likeliest, or one that is drawn, by a seed of each sequence's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from critic_eval.critics.generation import GenerationSettings

Choose = Callable[[Tensor, Sequence[int]], Tensor]
"""From logits, (slots, vocabulary), and the sequence in each slot (below 0 where there is none) to tokens, (slots,)."""

SHAREABLE = frozenset(("do_sample", "temperature", "top_p", "top_k"))
"""Arguments of generation that are followed here; with any other one transformers generates by itself."""


def choose_likeliest(logits: Tensor, rows: Sequence[int]) -> Tensor:
    """The likeliest tokens."""
    return logits.argmax(dim=-1)


class Sampler:
    """Draws tokens at a temperature, from the likeliest `top_k`, of these from the fewest that have `top_p`.

    The order of the three is transformers'. A sequence's draws come from a generator of its own seed, so that they do
    not depend on what else is in the batch.

    Args:
        settings: which of them holds.
        seeds: one for each sequence.
    """

    def __init__(self, settings: GenerationSettings, seeds: Sequence[int]) -> None:
        options = dict(settings.options)
        self._temperature = float(options.get("temperature", 1.0))
        self._top_p, self._top_k = float(options.get("top_p", 1.0)), int(options.get("top_k", 0))
        self._generators = [np.random.default_rng(seed) for seed in seeds]

    def __call__(self, logits: Tensor, rows: Sequence[int]) -> Tensor:
        """Draw a token for each slot; see `Choose`."""
        uniform = [self._generators[row].random() if row >= 0 else 0.0 for row in rows]
        scaled = (logits / self._temperature).sort(dim=-1, descending=True, stable=True)
        shares = torch.softmax(scaled.values, dim=-1)
        if 0 < self._top_k < shares.shape[-1]:
            shares[:, self._top_k :] = 0
            shares = shares / shares.sum(dim=-1, keepdim=True)
        if self._top_p < 1:
            before = shares.cumsum(dim=-1) - shares
            shares = shares.masked_fill(before >= self._top_p, 0.0)
        cumulated = shares.double().cumsum(dim=-1)
        drawn = torch.tensor(uniform, dtype=torch.float64, device=logits.device)[:, None] * cumulated[:, -1:]
        place = torch.searchsorted(cumulated, drawn, right=True).clamp(max=shares.shape[-1] - 1)
        return scaled.indices.gather(-1, place)[:, 0]

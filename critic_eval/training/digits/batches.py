"""Dialogues as batches: tokens, labels, and freshly drawn images."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch

from critic_eval.benchmarks.digits.facts import Row
from critic_eval.benchmarks.digits.glyphs import Split, glyphs
from critic_eval.training.digits.augment import cut_tiles, draw_cells, paint
from critic_eval.training.digits.dialogues import Dialogue
from critic_eval.training.digits.model import IGNORED, Batch, n_image_tokens


class Batcher:
    """Turns dialogues into batches with images drawn from one split.

    Args:
        tokenizer: the critic's own.
        split: where the digits come from.
        image_token_id: what stands for an image token in `input_ids`.
        device: where the batches go.
    """

    def __init__(self, tokenizer: Any, split: Split, image_token_id: int, device: str = "cpu") -> None:
        ink, values = glyphs(split)
        self.ink, self.values = torch.as_tensor(ink, dtype=torch.float32) / 255, values
        self.of_value = [np.flatnonzero(values == value) for value in range(10)]
        self.tokenizer, self.image_token_id, self.device = tokenizer, image_token_id, device
        self.before = self._ids("<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n")
        self.after = self._ids("<|im_end|>\n<|im_start|>assistant\n")
        self.end = tokenizer.eos_token_id

    def batch(self, dialogues: Sequence[Dialogue], rng: np.random.Generator) -> Batch:
        """Tokenize dialogues in the format `qwen_1_5` and draw an image for each."""
        rows = [self._tokens(dialogue) for dialogue in dialogues]
        length = max(len(ids) for ids, _ in rows)
        ids = np.full((len(rows), length), self.tokenizer.pad_token_id)
        labels = np.full((len(rows), length), IGNORED)
        mask = np.zeros((len(rows), length), dtype=np.int64)
        for i, (row_ids, row_labels) in enumerate(rows):
            ids[i, : len(row_ids)], labels[i, : len(row_ids)], mask[i, : len(row_ids)] = row_ids, row_labels, 1
        tiles = self.images([dialogue.row for dialogue in dialogues], rng)
        to_tensor = partial(torch.as_tensor, device=self.device)
        return Batch(to_tensor(ids), to_tensor(labels), to_tensor(mask), tiles)

    def cells(self, n: int, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Single digits and their values: images (n, CELL, CELL) and values (n,)."""
        rows = rng.integers(0, len(self.values), n)
        images = torch.stack([paint(cell[None], rng) for cell in draw_cells(self.ink, rows, rng)])
        return images.to(self.device), torch.as_tensor(self.values[rows], device=self.device)

    def images(self, rows: Sequence[Row], rng: np.random.Generator) -> list[torch.Tensor]:
        """An image of each row of digits: its tiles, (k + 1, CELL, CELL)."""
        drawn = np.array([rng.choice(self.of_value[value]) for row in rows for value in row])
        cells = torch.split(draw_cells(self.ink, drawn, rng), [len(row) for row in rows])
        return [cut_tiles(paint(cell, rng)).to(self.device) for cell in cells]

    def _tokens(self, dialogue: Dialogue) -> tuple[list[int], list[int]]:
        image_tokens = n_image_tokens(len(dialogue.row))
        # The image stands on a line of its own before the text.
        encoded = self.tokenizer("\n" + dialogue.user, return_offsets_mapping=True)
        user, learn = encoded["input_ids"], [(start + 1, end + 1) for start, end in dialogue.learn]
        learned = [
            token if any(start < stop and end > first for first, stop in learn) else IGNORED
            for token, (start, end) in zip(user, encoded["offset_mapping"], strict=True)
        ]
        answer = [*self._ids(dialogue.answer), self.end]
        ids = [*self.before, *[self.image_token_id] * image_tokens, *user, *self.after, *answer]
        unlearned = [IGNORED] * (len(self.before) + image_tokens)
        return ids, [*unlearned, *learned, *[IGNORED] * len(self.after), *answer]

    def _ids(self, text: str) -> list[int]:
        return list(self.tokenizer(text)["input_ids"])

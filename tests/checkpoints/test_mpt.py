"""LLaVA of MPT: attention with ALiBi as its paper has it, and what transformers does not compute."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from critic_eval.critics.checkpoints import build_config, convert_checkpoint, load_checkpoint
from critic_eval.critics.conversations import Message
from critic_eval.errors import CheckpointError

from .families import FAMILIES, MPT_CONFIG, TOWER, make


def alibi_by_hand(model: Any, ids: torch.Tensor) -> torch.Tensor:
    """MPT as its paper has it: each key as far from its query as it is costs a head its slope; (tokens, vocabulary)."""
    language, heads = model.model.language_model, model.config.text_config.n_heads
    slopes = torch.tensor([2 ** (-8 * (head + 1) / heads) for head in range(heads)])
    hidden, length = language.wte(ids), len(ids)
    distance = torch.arange(length)[:, None] - torch.arange(length)[None]
    for block in language.blocks:
        parts = block.attn.Wqkv(block.norm_1(hidden)).chunk(3, dim=-1)
        query, key, value = (part.view(length, heads, -1).transpose(0, 1) for part in parts)
        scores = query @ key.transpose(1, 2) / query.shape[-1] ** 0.5 - slopes[:, None, None] * distance
        seen = scores.masked_fill(distance < 0, float("-inf")).softmax(dim=-1) @ value
        hidden = hidden + block.attn.out_proj(seen.transpose(0, 1).reshape(length, -1))
        wide = torch.nn.functional.gelu(block.ffn.up_proj(block.norm_2(hidden)))
        hidden = hidden + block.ffn.down_proj(wide)
    predicted: torch.Tensor = language.norm_f(hidden) @ language.wte.weight.T
    return predicted


def test_mpt_attends_with_alibi_in_batches_and_past_its_positions(tmp_path: Path) -> None:
    written = make(FAMILIES["MPT"], tmp_path)
    convert_checkpoint(written.folder, tmp_path / "converted")
    for folder in (written.folder, tmp_path / "converted"):
        checkpoint = load_checkpoint(folder)
        texts = ["Short.", "Which answer is better and why? " * 5]
        prompts = [checkpoint.encoder.encode([Message("user", (text,))]) for text in texts]
        assert len(prompts[1].input_ids) > MPT_CONFIG["max_seq_len"]
        with torch.no_grad():
            together = checkpoint.model(**checkpoint.encoder.collate(prompts)).logits
            for row, prompt in zip(together, prompts, strict=True):
                expected = alibi_by_hand(checkpoint.model, prompt.input_ids)
                torch.testing.assert_close(row[-len(expected) :], expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    "changes",
    [
        {"attn_config": {**MPT_CONFIG["attn_config"], "alibi": False}},
        {"attn_config": {**MPT_CONFIG["attn_config"], "alibi_bias_max": 16}},
        {"attn_config": {**MPT_CONFIG["attn_config"], "qk_ln": True}},
        {"attn_config": None},
        {"attn_config": {**MPT_CONFIG["attn_config"], "prefix_lm": [True]}},
        {"no_bias": False},
        {"logit_scale": "inv_sqrt_d_model"},
        {"d_model": "wide"},
        {"mm_projector_type": "mlp2x_gelu"},
    ],
)
def test_mpt_that_transformers_does_not_compute_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(CheckpointError, match=r"LLaVA of MPT"):
        build_config({**MPT_CONFIG, **changes}, TOWER)

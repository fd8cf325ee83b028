"""A critic of the real geometry with random weights: 384-pixel tiles of 729 tokens, anyres_max_9, chosen widths."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import torch
from transformers import PreTrainedTokenizerFast

from critic_eval.critics.checkpoints import convert_checkpoint, save_llava_next
from critic_eval.critics.embedded import resolve_pretrained
from critic_eval.training.digits.model import build_model, original_config


class Widths(NamedTuple):
    """Width, feed-forward width, layers and heads of the text model and the vision tower."""

    text: tuple[int, int, int, int]
    kv_heads: int
    vision: tuple[int, int, int, int]


SIZES = {
    "tiny": Widths((64, 128, 2, 2), 1, (32, 64, 2, 2)),
    "small": Widths((384, 1024, 6, 6), 2, (192, 512, 4, 3)),
    "7b": Widths((3584, 18944, 28, 28), 4, (1152, 4304, 27, 16)),
}


def write_random_critic(size: str, folder: Path, seed: int = 0) -> Path:
    """Write a critic in transformers' layout, which the stock adapter reads as well; gives its folder.

    Its vocabulary is the embedded critic's, 626 tokens: predicting over the real 152,064 would add 8 % to a step of 7B.
    No answer ends before its limit, since the token that ends one is never the likeliest.
    """
    own, converted = folder / f"{size}-llava-next", folder / f"{size}-transformers"
    tokenizer = PreTrainedTokenizerFast.from_pretrained(resolve_pretrained("digits"))
    torch.manual_seed(seed)
    config = critic_config(size)
    model = build_model(config)
    model.to(torch.bfloat16 if size == "7b" else torch.float32)
    with torch.no_grad():
        for name, weight in model.model.language_model.layers.named_parameters():
            if weight.ndim > 1:
                # At transformers' scale the layers add next to nothing, and every token repeats the one before.
                weight.normal_(std=_scale(name, weight))
        model.lm_head.weight[config["eos_token_id"]] = 0.0
    save_llava_next(model, config, own)
    tokenizer.save_pretrained(own)
    del model
    convert_checkpoint(own, converted, dtype="bfloat16" if size == "7b" else "float32")
    return converted


def _scale(name: str, weight: torch.Tensor) -> float:
    return (3.0 if "self_attn" in name else 1.5) * weight.shape[1] ** -0.5


def critic_config(size: str) -> dict[str, Any]:
    """The critic's `config.json` in LLaVA-NeXT's own format."""
    widths = SIZES[size]
    width, feed_forward, layers, heads = widths.text
    vision_width, vision_feed_forward, vision_layers, vision_heads = widths.vision
    return {
        **original_config(vocab_size=626, eos_token_id=623, bos_token_id=625),
        "hidden_size": width,
        "intermediate_size": feed_forward,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": widths.kv_heads,
        "max_position_embeddings": 32768,
        "rope_theta": 1e6,
        "mm_vision_tower": "random",
        "vision_config": {
            "hidden_size": vision_width,
            "intermediate_size": vision_feed_forward,
            "num_hidden_layers": vision_layers,
            "num_attention_heads": vision_heads,
            "image_size": 384,
            "patch_size": 14,
        },
        "mm_hidden_size": vision_width,
        "image_grid_pinpoints": [[384 * i, 384 * j] for i in range(1, 7) for j in range(1, 7)],
        "torch_dtype": "bfloat16" if width > 1000 else "float32",
    }

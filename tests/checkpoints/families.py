"""Families without figures of the reference code: tiny checkpoints of each kind, written in LLaVA's own format here.

How each asks is LLaVA's own rendering of a question (the output of `llava/conversation.py` of LLaVA 1.2.2 and
LLaVA-NeXT), kept to the letter.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from transformers import (
    LlavaForConditionalGeneration,
    LlavaNextForConditionalGeneration,
    PreTrainedTokenizerFast,
)

from critic_eval.critics.checkpoints import build_config
from critic_eval.critics.checkpoints.weight_names import to_original, tower_prefix
from critic_eval.critics.checkpoints.weights import WITH_VOCABULARY

from .conftest import LLAVA_CONFIG, NEXT_CONFIG, Tiny, randomize
from .conftest import save_chatml_tokenizer as save_byte_tokenizer
from .conftest import save_sentencepiece_tokenizer as save_pieces

TOWER = {**NEXT_CONFIG["vision_config"], "projection_dim": 16, "hidden_act": "quick_gelu"}
TILED = {
    "image_aspect_ratio": "anyres",
    "mm_patch_merge_type": "spatial_unpad",
    "image_grid_pinpoints": [[28, 56], [56, 28], [56, 56]],
}
LINEAR = {"mm_projector_type": "linear", "image_aspect_ratio": "square"}


def with_tokens(*tokens: str, **settings: Any) -> Callable[[Path], None]:
    """Sentencepiece's tokenizer with more tokens, as LLaVA's checkpoints have them."""

    def save(folder: Path) -> None:
        save_pieces(folder)
        added = {str(400 + number): {"content": token, "special": True} for number, token in enumerate(tokens)}
        file = folder / "tokenizer_config.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), "added_tokens_decoder": added, **settings}))

    return save


MPT_CONFIG: dict[str, Any] = {
    "architectures": ["LlavaMPTForCausalLM"],
    "model_type": "llava_mpt",
    "vocab_size": 330,
    "d_model": 32,
    "n_layers": 2,
    "n_heads": 4,
    "expansion_ratio": 2,
    "max_seq_len": 64,
    "no_bias": True,
    "attn_config": {"alibi": True, "alibi_bias_max": 8, "attn_type": "multihead_attention", "attn_impl": "torch"},
    "mm_projector_type": "linear",
    "mm_use_im_start_end": True,
    "mm_vision_select_layer": -2,
    "torch_dtype": "float32",
}


def save_mpt_tokenizer(folder: Path) -> None:
    """A vocabulary of bytes with ChatML's marks and LLaVA's."""
    save_byte_tokenizer(folder)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<im_start>", "<im_end>"]})
    tokenizer.save_pretrained(folder)


@dataclass
class Family:
    """A kind of checkpoint, and how LLaVA's code asks it "Which?"."""

    name: str
    changes: dict[str, Any]
    rendered: str
    save_tokenizer: Callable[[Path], None] = save_pieces
    model_class: Any = LlavaForConditionalGeneration
    config: dict[str, Any] = field(default_factory=lambda: LLAVA_CONFIG)


HUMAN = (
    "A chat between a curious human and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the human's questions."
)
CHATML = ("<|im_start|>", "<|im_end|>")
MARKS = ("<im_patch>", "<im_start>", "<im_end>")

FAMILIES = {
    "v0": Family(
        "LLaVA-7B-v0",
        {**LINEAR, "mm_use_im_start_end": True, "vocab_size": 403},
        f"{HUMAN}###Human: <im_start><image><im_end>\nWhich?###Assistant:",
        with_tokens(*MARKS),
    ),
    "v0 with an older tokenizer": Family(
        "LLaVA-7B-v0",
        {**LINEAR, "mm_use_im_start_end": True, "vocab_size": 403},
        f"{HUMAN}###Human: <im_start><image><im_end>\nWhich?###Assistant:",
        with_tokens(*MARKS, legacy=True),
    ),
    "v1.1": Family(
        "LLaVA-Lightning-7B-v1-1",
        {**LINEAR, "mm_use_im_start_end": True, "vocab_size": 403},
        f"{HUMAN} USER: <im_start><image><im_end>\nWhich? ASSISTANT:",
        with_tokens(*MARKS),
    ),
    "Llama 2": Family(
        "llava-llama-2-7b-chat-lightning-preview",
        LINEAR,
        "[INST] <<SYS>>\nYou are a helpful language and vision assistant. You are able to understand the visual "
        "content that the user provides, and assist the user with a variety of tasks using natural language.\n"
        "<</SYS>>\n\n<image>\nWhich? [/INST]",
    ),
    "1.5": Family(
        "llava-v1.5-7b",
        {},
        HUMAN.replace("human", "user") + " USER: <image>\nWhich? ASSISTANT:",
    ),
    "1.6": Family(
        "llava-v1.6-vicuna-7b",
        TILED,
        f"{HUMAN} USER: <image>\nWhich? ASSISTANT:",
        model_class=LlavaNextForConditionalGeneration,
    ),
    "1.6 of Mistral": Family(
        "llava-v1.6-mistral-7b",
        {**TILED, "architectures": ["LlavaMistralForCausalLM"], "model_type": "llava_mistral", "sliding_window": None},
        "[INST] <image>\nWhich? [/INST]",
        with_tokens(legacy=True),
        model_class=LlavaNextForConditionalGeneration,
    ),
    "1.6 34B": Family(
        "llava-v1.6-34b",
        {**TILED, "vocab_size": 402},
        "<|im_start|>system\nAnswer the questions.<|im_end|><|im_start|>user\n<image>\nWhich?<|im_end|>"
        "<|im_start|>assistant\n",
        with_tokens(*CHATML, eos_token="<|im_end|>"),
        model_class=LlavaNextForConditionalGeneration,
    ),
    "MPT": Family(
        "LLaVA-Lightning-MPT-7B-preview",
        {},
        "<|im_start|>system\nA conversation between a user and an LLM-based AI assistant. The assistant gives helpful "
        "and honest answers.<|im_end|><|im_start|>user\n<im_start><image><im_end>\nWhich?<|im_end|>"
        "<|im_start|>assistant\n",
        save_mpt_tokenizer,
        config=MPT_CONFIG,
    ),
    "NeXT of Qwen": Family(
        "llava-next-72b",
        {**TILED, "mm_vision_tower": "openai/clip-tiny"},
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n<image>\nWhich?<|im_end|>\n"
        "<|im_start|>assistant\n",
        save_byte_tokenizer,
        model_class=LlavaNextForConditionalGeneration,
        config={**NEXT_CONFIG, "mm_vision_select_layer": -2},
    ),
}


def make(family: Family, base: Path) -> Tiny:
    """Write a tiny checkpoint, its CLIP tower inside it."""
    folder = base / family.name
    config = {**family.config, **family.changes, "vision_config": TOWER}
    model = randomize(family.model_class(build_config(config)), seed=3)
    if config["mm_projector_type"] == "linear":
        second = model.model.multi_modal_projector.linear_2
        with torch.no_grad():
            second.weight.copy_(torch.eye(len(second.weight)))
            second.bias.zero_()
    prefix, rows = tower_prefix(model), config["vocab_size"]
    if config.get("model_type") == "llava_mpt":
        with torch.no_grad():
            model.lm_head.weight.copy_(model.get_input_embeddings().weight)
    weights = {}
    for name, weight in model.named_parameters():
        original = to_original(name, prefix)
        if config["mm_projector_type"] == "linear":
            if "mm_projector.2" in original:
                continue
            original = original.replace("mm_projector.0", "mm_projector")
        is_vocabulary = name.endswith(WITH_VOCABULARY)
        if config.get("model_type") == "llava_mpt":
            original = original.replace("model.mm_projector", "transformer.mm_projector")
            if original == "lm_head.weight":
                continue  # MPT predicts with its embeddings
        weights[original] = (weight[:rows] if is_vocabulary else weight).detach().clone()
    folder.mkdir()
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(config))
    family.save_tokenizer(folder)
    return Tiny(folder, model)

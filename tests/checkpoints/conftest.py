"""Tiny random checkpoints in both of LLaVA's own formats, made here so that the loaders are covered on any machine."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sentencepiece
import torch
from PIL import Image
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    LlavaForConditionalGeneration,
    LlavaOnevisionForConditionalGeneration,
    PreTrainedTokenizerFast,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLProcessor,
    Qwen2VLImageProcessorPil,
    Qwen2VLVideoProcessor,
)

from critic_eval.critics.checkpoints import build_config, save_llava_next
from critic_eval.critics.checkpoints.weight_names import to_original, tower_prefix
from critic_eval.critics.conversations import Conversation, Message

SENTENCES = [
    "A chat between a curious user and an artificial intelligence assistant. You are a helpful assistant.",
    "The assistant gives helpful, detailed, and polite answers to the user's questions. USER: ASSISTANT:",
    "Which answer is better and why? The first response: [A seven.] The second response: [A cross.]",
    "Score the response out of 100 and explain your reasoning with specific details.",
]

NEXT_CONFIG: dict[str, Any] = {
    "architectures": ["LlavaQwenForCausalLM"],
    "model_type": "llava_qwen",
    "vocab_size": 330,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 2048,
    "rms_norm_eps": 1e-6,
    "rope_theta": 10000.0,
    "tie_word_embeddings": False,
    "torch_dtype": "float32",
    "image_aspect_ratio": "anyres_max_9",
    "image_grid_pinpoints": [[28, 28], [28, 56], [56, 28], [56, 56]],
    "mm_newline_position": "one_token",
    "mm_patch_merge_type": "spatial_unpad",
    "mm_projector_type": "mlp2x_gelu",
    "mm_vision_tower": "siglip-tiny",
    "vision_config": {
        "hidden_size": 24,
        "intermediate_size": 32,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,
        "image_size": 28,
        "patch_size": 7,
    },
}

LLAVA_CONFIG: dict[str, Any] = {
    "architectures": ["LlavaLlamaForCausalLM"],
    "model_type": "llava",
    "vocab_size": 400,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "max_position_embeddings": 2048,
    "rms_norm_eps": 1e-5,
    "tie_word_embeddings": False,
    "torch_dtype": "float32",
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
    "image_aspect_ratio": "pad",
    "mm_projector_type": "mlp2x_gelu",
    "mm_vision_select_feature": "patch",
    "mm_vision_select_layer": -2,
}


@dataclass
class Tiny:
    """A checkpoint on disk and the transformers model whose weights it has."""

    folder: Path
    model: Any


def judge(text: str, *images: Image.Image) -> Conversation:
    """A conversation of one user message, its images first."""
    return [Message("user", (*images, text))]


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def save_chatml_tokenizer(folder: Path) -> None:
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=320, initial_alphabet=alphabet, show_progress=False)
    backend.train_from_iterator(SENTENCES, trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|im_end|>", pad_token="<|endoftext|>")
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>"]})
    tokenizer.save_pretrained(folder)


def save_sentencepiece_tokenizer(folder: Path) -> None:
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES * 20),
        model_prefix=str(folder / "tokenizer"),
        vocab_size=400,
        model_type="bpe",
        byte_fallback=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    (folder / "tokenizer.vocab").unlink()
    settings = {"tokenizer_class": "LlamaTokenizer", "legacy": False, "pad_token": "<unk>", "add_bos_token": True}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))


def randomize(model: Any, seed: int) -> Any:
    """Give weights of a size at which logits differ clearly from token to token."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(torch.randn(weight.shape, generator=generator) * 0.2)
    return model.eval()


def make_next(folder: Path, config: dict[str, Any] = NEXT_CONFIG, seed: int = 0) -> Tiny:
    """A LLaVA-NeXT checkpoint, its weights written by `save_llava_next`."""
    model = randomize(LlavaOnevisionForConditionalGeneration(build_config(config)), seed)
    save_llava_next(model, config, folder)
    save_chatml_tokenizer(folder)
    return Tiny(folder, model)


def make_llava(folder: Path, tower: Path, seed: int = 0) -> Tiny:
    """A LLaVA-1.5 checkpoint of two `.bin` shards, its CLIP tower not inside but in a folder that its config names."""
    tower_config = {**NEXT_CONFIG["vision_config"], "projection_dim": 16, "hidden_act": "quick_gelu"}
    config = {**LLAVA_CONFIG, "mm_vision_tower": str(tower)}
    model = randomize(LlavaForConditionalGeneration(build_config(config, tower_config)), seed)
    model.model.vision_tower.save_pretrained(tower)
    prefix = tower_prefix(model)
    state = {to_original(n, prefix): w.detach() for n, w in model.named_parameters() if not n.startswith(prefix)}
    rows = config["vocab_size"]
    state = {name: (w[:rows].clone() if w.shape[0] == rows + 1 else w) for name, w in state.items()}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    names = sorted(state)
    shards = [names[::2], names[1::2]]
    weight_map = {}
    for number, shard in enumerate(shards, 1):
        file = f"pytorch_model-{number:05d}-of-00002.bin"
        torch.save({name: state[name] for name in shard}, folder / file)
        weight_map.update(dict.fromkeys(shard, file))
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    save_sentencepiece_tokenizer(folder)
    return Tiny(folder, model)


@pytest.fixture(scope="session")
def tiny_next(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return make_next(tmp_path_factory.mktemp("next") / "tiny-critic")


@pytest.fixture(scope="session")
def tiny_llava(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    base = tmp_path_factory.mktemp("llava")
    return make_llava(base / "tiny-prometheus", base / "tower")


@pytest.fixture(params=["tiny_next", "tiny_llava"])
def tiny(request: pytest.FixtureRequest) -> Tiny:
    made: Tiny = request.getfixturevalue(request.param)
    return made


QWEN_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@pytest.fixture(scope="session")
def qwen_vl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("qwen") / "tiny-qwen-vl"
    folder.mkdir()
    save_chatml_tokenizer(folder)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    marks = ["<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"]
    tokenizer.add_tokens(marks, special_tokens=True)
    start, end, image, video = tokenizer.convert_tokens_to_ids(marks)
    processor = Qwen2_5_VLProcessor(
        image_processor=Qwen2VLImageProcessorPil(patch_size=4, min_pixels=64, max_pixels=4096),
        tokenizer=tokenizer,
        video_processor=Qwen2VLVideoProcessor(patch_size=4),
        chat_template=QWEN_TEMPLATE,
    )
    processor.save_pretrained(folder)
    config = Qwen2_5_VLConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [1, 1, 2]},
        },
        vision_config={
            "depth": 2,
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_heads": 2,
            "patch_size": 4,
            "out_hidden_size": 32,
            "window_size": 16,
            "fullatt_block_indexes": [1],
        },
        image_token_id=image,
        video_token_id=video,
        vision_start_token_id=start,
        vision_end_token_id=end,
    )
    model = randomize(Qwen2_5_VLForConditionalGeneration(config), seed=0)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.save_pretrained(folder)
    return folder

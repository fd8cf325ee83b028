"""Writes checkpoints: LLaVA's own formats as transformers' layout, and a trained model as LLaVA-NeXT's own."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import save_torch_state_dict
from safetensors.torch import save_file
from transformers import (
    CLIPImageProcessor,
    LlamaTokenizer,
    LlavaImageProcessor,
    LlavaNextImageProcessor,
    LlavaNextProcessor,
    LlavaOnevisionForConditionalGeneration,
    LlavaOnevisionImageProcessor,
    LlavaOnevisionProcessor,
    LlavaOnevisionVideoProcessor,
    LlavaProcessor,
    PreTrainedTokenizerFast,
)

from critic_eval.critics.checkpoints.adapting import apply_adapter
from critic_eval.critics.checkpoints.encoding import LlavaEncoder
from critic_eval.critics.checkpoints.heads import head_file, read_head, save_head
from critic_eval.critics.checkpoints.images import (
    SIGLIP_MEAN,
    LlavaImages,
    llava_settings,
    next_settings,
    onevision_settings,
)
from critic_eval.critics.checkpoints.llava_models import load_llava
from critic_eval.critics.checkpoints.parts import open_parts
from critic_eval.critics.checkpoints.placement import Placement, choose_dtype
from critic_eval.critics.checkpoints.shards import weight_files
from critic_eval.critics.checkpoints.sources import read_json
from critic_eval.critics.checkpoints.tokenization import without_inner_prefix
from critic_eval.critics.checkpoints.transformers_layout import STOPS
from critic_eval.critics.checkpoints.weight_names import to_original, tower_prefix
from critic_eval.errors import CheckpointError

_SHARD_SIZE = "5GB"


def convert_checkpoint(
    source: str | Path,
    out: Path,
    *,
    revision: str | None = None,
    vision_config: str | Path | dict[str, Any] | None = None,
    dtype: str = "auto",
    base: str | Path | None = None,
    vision_tower: str | Path | None = None,
    conversation: str | None = None,
    adapter: str | Path | None = None,
) -> None:
    """Write a checkpoint of LLaVA's own formats in transformers' layout, for servers and `AutoModelForImageTextToText`.

    What belongs to it is written into it: the vision tower, the base of a delta, and an adapter, merged. Memory at its
    peak is that of the model and one shard, with a delta one of each.

    The processor's chat template renders the conversation as the critic was trained and gives the same token ids as
    `load_checkpoint`'s encoder, but for two things that one string can't express: special tokens spelled out in a
    message get a zero-width space, and with a sentencepiece vocabulary a system message of the user's own that begins
    like a turn of the template differs in a `▁`.

    A reward head is written to `value_head.safetensors`. Everything is written to a folder beside `out` that takes its
    name when it is complete.

    Args:
        source: a hub id, or a folder.
        out: a folder that doesn't exist or is empty.
        revision: branch, tag or commit of a hub id.
        vision_config: a JSON file (or its content) with the vision tower's sizes, for towers that are not known.
        dtype: `float32`, `float16`, `bfloat16`, or `auto`: as stored.
        base: as in `load_checkpoint`.
        vision_tower: as in `load_checkpoint`.
        conversation: as in `load_checkpoint`.
        adapter: as in `load_checkpoint`.

    Raises:
        CheckpointError: the source can't be loaded or is in transformers' layout already, or `out` is not empty.
        ArgumentError: an argument is unknown.
    """
    out = Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise CheckpointError(f"{out} exists and is not empty; choose another folder or empty it.")
    origin, parts = open_parts(
        source,
        revision,
        vision_config=vision_config,
        vision_tower=vision_tower,
        base=base,
        adapter=adapter,
        conversation=conversation,
    )
    if origin.format == "transformers":
        raise CheckpointError(f"{origin.name} is in transformers' layout already; use it as it is.")
    files = weight_files(origin.folder)
    weight_dtype = choose_dtype(dtype, origin.config, files, on_cpu=False)
    placement = Placement(torch.device("cpu"), None, weight_dtype)
    model, encoder = load_llava(origin, files, placement, parts)
    if parts.adapter is not None:
        apply_adapter(model, parts.adapter, merge=True)
    own_file = head_file(origin.folder)
    head = read_head([own_file, *files] if own_file else files, model.config.text_config.hidden_size)
    with _replacing(out) as folder:
        if head is not None:
            save_head(head, folder)
        save_torch_state_dict(released_names(model), folder, max_shard_size=_SHARD_SIZE)
        model.config.architectures = [type(model).__name__]
        if encoder.stops:
            setattr(model.config, STOPS, list(encoder.stops))
        model.config.save_pretrained(folder)
        model.generation_config.save_pretrained(folder)
        processor = _processor(model.config, encoder)
        processor.save_pretrained(folder)
        _widen_tokenizer_config(folder / "tokenizer_config.json")


def save_llava_next(
    model: LlavaOnevisionForConditionalGeneration, original_config: dict[str, Any], folder: Path
) -> None:
    """Write a model's config and weights in LLaVA-NeXT's own format, from which `load_checkpoint` reads it exactly.

    The layer of the vision tower that the format drops is not written, nor the post-layernorm, which nothing reads;
    `original_config` counts the dropped layer nevertheless, as the configs of real towers do. Rows that the model's
    vocabulary has beyond `original_config["vocab_size"]`, for `<image>` and `<video>`, are not written either. The
    tokenizer is the caller's to save.

    Args:
        model: built with `build_config(original_config)`.
        original_config: the content of `config.json`, with the tower's sizes under `vision_config`.
        folder: gets `config.json` and `model.safetensors`; is made if need be.
    """
    prefix = tower_prefix(model)
    rows = int(original_config["vocab_size"])
    weights: dict[str, torch.Tensor] = {}
    for name, weight in model.named_parameters():
        if name.startswith(prefix) and re.match(r"(post_layernorm|head)\.", name.removeprefix(prefix)):
            continue
        is_vocabulary = name.endswith(("embed_tokens.weight", "lm_head.weight"))
        kept = weight.detach()[:rows] if is_vocabulary else weight.detach()
        weights[to_original(name, prefix)] = kept.cpu().contiguous().clone()
    folder.mkdir(parents=True, exist_ok=True)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "model.safetensors").chmod(0o644)  # safetensors lets the owner alone read it
    text = json.dumps(original_config, indent=2, sort_keys=True) + "\n"
    (folder / "config.json").write_text(text, encoding="utf-8")


def released_names(model: Any) -> dict[str, torch.Tensor]:
    """Give a model's weights under the names that the `llava-hf` checkpoints have.

    Every version of transformers reads them, and so do servers; those that a newer transformers would write itself are
    not yet read by all.
    """
    prefix = tower_prefix(model)
    tied = model.config.tie_word_embeddings
    state = {}
    for name, weight in model.named_parameters():
        if name.startswith(prefix):
            name = f"vision_tower.vision_model.{name.removeprefix(prefix)}"
        elif name.startswith("model.language_model."):
            name = f"language_model.model.{name.removeprefix('model.language_model.')}"
        elif name == "lm_head.weight":
            name = "language_model.lm_head.weight"
        if not (tied and name == "language_model.lm_head.weight"):
            state[name.removeprefix("model.")] = weight.detach()
    return state


def _processor(config: Any, encoder: LlavaEncoder) -> Any:
    vision, conversation_format = config.vision_config, encoder.conversation_format
    has_bos = bool(encoder.beginning)
    common = {
        "chat_template": replace(conversation_format, begins_with_bos=has_bos).chat_template,
        "vision_feature_select_strategy": config.vision_feature_select_strategy,
    }
    if config.model_type == "llava_onevision":
        settings = onevision_settings(config)
        return LlavaOnevisionProcessor(
            image_processor=LlavaOnevisionImageProcessor(**settings),
            tokenizer=encoder.tokenizer,
            video_processor=LlavaOnevisionVideoProcessor(
                size=settings["size"], image_mean=SIGLIP_MEAN, image_std=SIGLIP_MEAN
            ),
            num_image_tokens=(vision.image_size // vision.patch_size) ** 2,
            vision_aspect_ratio=config.vision_aspect_ratio,
            **common,
        )
    tokenizer = encoder.tokenizer
    if isinstance(tokenizer, LlamaTokenizer):
        without_inner_prefix(tokenizer, *conversation_format.beginnings())
        tokenizer = _plain(tokenizer)
    common |= {"tokenizer": tokenizer, "patch_size": vision.patch_size, "num_additional_image_tokens": 1}
    if config.model_type == "llava_next":
        return LlavaNextProcessor(image_processor=LlavaNextImageProcessor(**next_settings(config)), **common)
    settings = llava_settings(config)
    pads = isinstance(encoder.image_processor, LlavaImages) and encoder.image_processor.pad
    images = LlavaImageProcessor(**settings, do_pad=True) if pads else CLIPImageProcessor(**settings)
    return LlavaProcessor(image_processor=images, **common)


def _plain(tokenizer: Any) -> Any:
    """Give a tokenizer whose class takes `tokenizer.json` as it is; Llama's own class would rebuild it otherwise."""
    marks = {name: getattr(tokenizer, name) for name in ("bos_token", "eos_token", "unk_token", "pad_token")}
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer.backend_tokenizer,
        model_max_length=tokenizer.model_max_length,
        clean_up_tokenization_spaces=False,
        padding_side="left",
        extra_special_tokens={"image_token": "<image>"},
        **{name: token for name, token in marks.items() if token is not None},
    )


def _widen_tokenizer_config(file: Path) -> None:
    """Leave out what only the newest transformers understands, so that servers with an older one load the tokenizer."""
    settings = read_json(file)
    if settings.get("tokenizer_class") == "TokenizersBackend":
        settings["tokenizer_class"] = "PreTrainedTokenizerFast"
    if isinstance(settings.get("extra_special_tokens"), list):
        settings["additional_special_tokens"] = settings.pop("extra_special_tokens")
    kept = {name: value for name, value in settings.items() if name not in ("is_local", "local_files_only", "backend")}
    file.write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


@contextmanager
def _replacing(out: Path) -> Iterator[Path]:
    """Give a new folder beside `out` that becomes `out` if all goes well, and is removed otherwise."""
    out.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        yield folder
        if out.exists():
            out.rmdir()
        folder.chmod(0o755)
        folder.replace(out)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise

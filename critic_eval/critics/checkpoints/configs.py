"""LLaVA's own configs mapped onto transformers', with the sizes of the vision towers that they only name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, TypeAlias

from transformers import (
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaOnevisionConfig,
    Qwen2Config,
    SiglipVisionConfig,
)

from critic_eval.critics.checkpoints.sources import detect_format, read_json
from critic_eval.errors import CheckpointError

TransformersConfig: TypeAlias = Any
"""A `LlavaOnevisionConfig` or a `LlavaConfig` (transformers is untyped here)."""

KNOWN_TOWERS: dict[str, dict[str, Any]] = {
    "siglip-so400m-patch14-384": {
        "hidden_size": 1152,
        "intermediate_size": 4304,
        "num_hidden_layers": 27,
        "num_attention_heads": 16,
        "image_size": 384,
        "patch_size": 14,
    },
    "clip-vit-large-patch14-336": {
        "hidden_size": 1024,
        "intermediate_size": 4096,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "image_size": 336,
        "patch_size": 14,
        "projection_dim": 768,
        "hidden_act": "quick_gelu",
    },
}
"""Sizes of the towers that released checkpoints name, by the last part of the name (their own `config.json`)."""

_VISION_SIZES = (
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "image_size",
    "patch_size",
)
_VISION_KEYS = (*_VISION_SIZES, "num_channels", "hidden_act", "layer_norm_eps", "attention_dropout", "projection_dim")
_TEXT_KEYS = (
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "head_dim",
    "hidden_act",
    "max_position_embeddings",
    "initializer_range",
    "rms_norm_eps",
    "attention_bias",
    "mlp_bias",
    "attention_dropout",
    "use_cache",
    "use_sliding_window",
    "sliding_window",
    "max_window_layers",
    "bos_token_id",
    "eos_token_id",
    "pad_token_id",
)
# Where LLaVA-NeXT puts line breaks concerns videos only; all of its values are the same for images.
_NEWLINE_POSITIONS = ("one_token", "grid", "frame", "no_token")
_NO_POOLING = 10**6


def build_config(
    original_config: dict[str, Any],
    vision_config: dict[str, Any] | None = None,
    *,
    image_token_id: int | None = None,
) -> TransformersConfig:
    """Map the config of LLaVA-NeXT's or LLaVA-1.5's own format onto transformers'.

    The language model's vocabulary is extended where it has no row left for `<image>` (and LLaVA-OneVision's
    `<video>`), which the original vocabularies don't know.

    Args:
        original_config: the content of the checkpoint's `config.json`.
        vision_config: the vision tower's sizes, of all its layers (LLaVA-NeXT drops the last one itself). By default
            they are taken from `original_config["vision_config"]`, or from the tower's name where it is known or a
            folder.
        image_token_id: the id of `<image>`, by default the first after the original vocabulary.

    Returns:
        A `LlavaOnevisionConfig` or a `LlavaConfig`.

    Raises:
        CheckpointError: the config asks for what this mapping doesn't cover, or the tower's sizes are unknown.
    """
    original_format = detect_format(original_config, "This config")
    if original_format == "transformers":
        raise CheckpointError("This config is in transformers' layout already; it needs no mapping.")
    _check_supported(original_config)
    vision = vision_sizes(original_config, vision_config)
    vocab_size = int(original_config["vocab_size"])
    image_token_id = vocab_size if image_token_id is None else image_token_id
    if original_format == "llava_1_5":
        return _llava_config(original_config, vision, image_token_id)
    return _onevision_config(original_config, vision, image_token_id)


def vision_sizes(original_config: dict[str, Any], vision_config: dict[str, Any] | None = None) -> dict[str, Any]:
    """Find the sizes of a checkpoint's vision tower: as given, in its config, by its name, or in its folder.

    Raises:
        CheckpointError: they can't be found, or some are missing.
    """
    tower = str(original_config.get("mm_vision_tower") or "")
    sizes = vision_config or original_config.get("vision_config") or KNOWN_TOWERS.get(tower.rsplit("/", 1)[-1].lower())
    if sizes is None and tower and (Path(tower) / "config.json").is_file():
        sizes = read_json(Path(tower) / "config.json")
    if sizes is None:
        raise CheckpointError(
            f"The sizes of the vision tower {tower or '(not named)'} are unknown; pass them with vision_config=FILE "
            "(the tower's own config.json)."
        )
    # The config of a whole CLIP or SigLIP model keeps its tower's under this key.
    sizes = sizes.get("vision_config", sizes)
    missing = [key for key in _VISION_SIZES if key not in sizes]
    if missing:
        raise CheckpointError(f"The vision config lacks {', '.join(missing)}; add it.")
    return {key: sizes[key] for key in _VISION_KEYS if sizes.get(key) is not None}


def _check_supported(config: dict[str, Any]) -> None:
    if config.get("mm_projector_type", "linear") != "mlp2x_gelu":
        raise CheckpointError(
            f"The projector {config.get('mm_projector_type', 'linear')!r} is not supported, only 'mlp2x_gelu'."
        )
    if config.get("mm_use_im_start_end") or config.get("mm_resampler_type"):
        raise CheckpointError("Checkpoints with mm_use_im_start_end or a resampler are not supported.")
    if "vocab_size" not in config or "hidden_size" not in config:
        raise CheckpointError("The config.json lacks the language model's sizes (vocab_size, hidden_size).")


def _onevision_config(config: dict[str, Any], vision: dict[str, Any], image_token_id: int) -> TransformersConfig:
    if (merge := config.get("mm_patch_merge_type", "flat")) != "spatial_unpad":
        raise CheckpointError(f"mm_patch_merge_type {merge!r} is not supported for this format, only 'spatial_unpad'.")
    if (newline := config.get("mm_newline_position", "one_token")) not in _NEWLINE_POSITIONS:
        raise CheckpointError(
            f"mm_newline_position {newline!r} is unknown; use one of {', '.join(_NEWLINE_POSITIONS)}."
        )
    tower = str(config.get("mm_vision_tower") or "siglip").lower()
    if "siglip" not in tower and "vision_config" not in config:
        raise CheckpointError(f"The vision tower {tower} is not supported for this format, only SigLIP towers.")
    vocab_size = max(int(config["vocab_size"]), image_token_id + 2)
    return LlavaOnevisionConfig(
        # LLaVA-NeXT drops the last layer and reads the output of the one before, without the post-layernorm.
        vision_config=SiglipVisionConfig(
            **{**vision, "num_hidden_layers": vision["num_hidden_layers"] - 1}, vision_use_head=False
        ),
        text_config=Qwen2Config(**_text_settings(config, vocab_size)),
        image_token_index=image_token_id,
        video_token_index=image_token_id + 1,
        projector_hidden_act="gelu",
        vision_feature_select_strategy="full",
        vision_feature_layer=-1,
        image_grid_pinpoints=_grid_pinpoints(config.get("image_grid_pinpoints"), vision["image_size"]),
        vision_aspect_ratio=_aspect_ratio(config.get("image_aspect_ratio")),
        tie_word_embeddings=bool(config.get("tie_word_embeddings", False)),
    )


def _llava_config(config: dict[str, Any], vision: dict[str, Any], image_token_id: int) -> TransformersConfig:
    if str(config.get("image_aspect_ratio") or "").startswith("anyres") or "unpad" in str(
        config.get("mm_patch_merge_type") or ""
    ):
        raise CheckpointError(
            "LLaVA-1.6 checkpoints of Llama (image_aspect_ratio 'anyres') are not supported in their own format; use "
            "their llava-hf conversion."
        )
    select = config.get("mm_vision_select_feature", "patch")
    if select not in ("patch", "cls_patch"):
        raise CheckpointError(f"mm_vision_select_feature {select!r} is unknown; use 'patch' or 'cls_patch'.")
    side = vision["image_size"] // vision["patch_size"]
    return LlavaConfig(
        vision_config=CLIPVisionConfig(**vision),
        text_config=LlamaConfig(**_text_settings(config, max(int(config["vocab_size"]), image_token_id + 1))),
        image_token_index=image_token_id,
        image_seq_length=side * side + (select == "cls_patch"),
        projector_hidden_act="gelu",
        vision_feature_select_strategy="default" if select == "patch" else "full",
        vision_feature_layer=int(config.get("mm_vision_select_layer", -2)),
        tie_word_embeddings=bool(config.get("tie_word_embeddings", False)),
    )


def _text_settings(config: dict[str, Any], vocab_size: int) -> dict[str, Any]:
    settings = {key: config[key] for key in _TEXT_KEYS if config.get(key) is not None}
    rope = config.get("rope_parameters") or {
        "rope_theta": config.get("rope_theta", 10000.0),
        "rope_type": "default",
        **_rope_scaling(config.get("rope_scaling")),
    }
    tied = bool(config.get("tie_word_embeddings", False))
    return {**settings, "vocab_size": vocab_size, "rope_parameters": rope, "tie_word_embeddings": tied}


def _rope_scaling(scaling: dict[str, Any] | None) -> dict[str, Any]:
    renamed = {"rope_type" if key == "type" else key: value for key, value in (scaling or {}).items()}
    return {key: value for key, value in renamed.items() if value is not None}


def _grid_pinpoints(pinpoints: object, image_size: int) -> list[list[int]]:
    """Turn LLaVA-NeXT's (width, height) resolutions, or its range "(1x1),...,(6x6)", into (height, width)."""
    if isinstance(pinpoints, str):
        corners = [(int(a), int(b)) for a, b in re.findall(r"\((\d+)x(\d+)\)", pinpoints)]
        if corners:
            (first_a, first_b), (last_a, last_b) = corners[0], corners[-1]
            columns, rows = range(first_a, last_a + 1), range(first_b, last_b + 1)
            return [[b * image_size, a * image_size] for a in columns for b in rows]
    elif isinstance(pinpoints, list) and pinpoints:
        return [[int(height), int(width)] for width, height in pinpoints]
    raise CheckpointError(f"image_grid_pinpoints {pinpoints!r} is not supported; give a list of [width, height].")


def _aspect_ratio(ratio: object) -> str:
    if isinstance(ratio, str) and re.fullmatch(r"anyres_max_\d+", ratio):
        return ratio
    if ratio == "anyres":
        return f"anyres_max_{_NO_POOLING}"
    raise CheckpointError(f"image_aspect_ratio {ratio!r} is not supported for this format, only 'anyres_max_N'.")

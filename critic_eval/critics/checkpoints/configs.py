"""LLaVA's own configs mapped onto transformers'."""

from __future__ import annotations

import re
from typing import Any, TypeAlias

from transformers import (
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaNextConfig,
    LlavaOnevisionConfig,
    MistralConfig,
    Qwen2Config,
    SiglipVisionConfig,
)

from critic_eval.critics.checkpoints.kinds import Kind, kind_of
from critic_eval.critics.checkpoints.mpt import in_usual_names, mpt_config
from critic_eval.critics.checkpoints.sources import detect_format
from critic_eval.critics.checkpoints.towers import vision_sizes
from critic_eval.errors import CheckpointError

TransformersConfig: TypeAlias = Any
"""A config of transformers, which is untyped here."""

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
_MOST_TILES = 64
"""Tiles side by side at most, far over those of any checkpoint: a config must not ask for all memory."""


def build_config(
    original_config: dict[str, Any],
    vision_config: dict[str, Any] | None = None,
    *,
    image_token_id: int | None = None,
) -> TransformersConfig:
    """Map the config of one of LLaVA's own formats onto transformers'.

    The language model's vocabulary is extended where it has no row left for `<image>` (and LLaVA-OneVision's
    `<video>`), which the original vocabularies don't know. A linear projector is transformers' two-layer one with
    nothing between the layers, whose second layer is to be the identity.

    Args:
        original_config: the content of the checkpoint's `config.json`.
        vision_config: the vision tower's sizes, of all its layers (LLaVA-NeXT drops SigLIP's last one itself). By
            default they are taken from `original_config["vision_config"]`, or from the tower's name where it is known
            or a folder.
        image_token_id: the id of `<image>`, by default the first after the original vocabulary.

    Returns:
        A `LlavaOnevisionConfig` (tiles of SigLIP), a `LlavaNextConfig` (tiles of CLIP) or a `LlavaConfig`.

    Raises:
        CheckpointError: the config asks for what this mapping doesn't cover, or the tower's sizes are unknown.
    """
    if detect_format(original_config, "This config") == "transformers":
        raise CheckpointError("This config is in transformers' layout already; it needs no mapping.")
    kind = kind_of(original_config)
    if kind.language_model == "mpt":
        original_config = in_usual_names(original_config)
    if "vocab_size" not in original_config or "hidden_size" not in original_config:
        raise CheckpointError("The config.json lacks the language model's sizes (vocab_size, hidden_size).")
    vision = vision_sizes(original_config, vision_config)
    vocab_size = int(original_config["vocab_size"])
    image_token_id = vocab_size if image_token_id is None else image_token_id
    if kind.tower == "siglip":
        return _onevision_config(original_config, kind, vision, image_token_id)
    return _clip_config(original_config, kind, vision, image_token_id)


def _onevision_config(
    config: dict[str, Any], kind: Kind, vision: dict[str, Any], image_token_id: int
) -> TransformersConfig:
    _check_unpadded(config)
    if (newline := config.get("mm_newline_position", "one_token")) not in _NEWLINE_POSITIONS:
        raise CheckpointError(
            f"mm_newline_position {newline!r} is unknown; use one of {', '.join(_NEWLINE_POSITIONS)}."
        )
    if kind.is_linear:
        raise CheckpointError("The projector 'linear' is not supported with a SigLIP tower, only 'mlp2x_gelu'.")
    vocab_size = max(int(config["vocab_size"]), image_token_id + 2)
    return LlavaOnevisionConfig(
        # LLaVA-NeXT drops the last layer and reads the output of the one before, without the post-layernorm.
        vision_config=SiglipVisionConfig(
            **{**vision, "num_hidden_layers": vision["num_hidden_layers"] - 1}, vision_use_head=False
        ),
        text_config=_text_config(config, kind, vocab_size),
        image_token_index=image_token_id,
        video_token_index=image_token_id + 1,
        projector_hidden_act="gelu",
        vision_feature_select_strategy="full",
        vision_feature_layer=-1,
        image_grid_pinpoints=_grid_pinpoints(config.get("image_grid_pinpoints"), vision["image_size"]),
        vision_aspect_ratio=_aspect_ratio(config.get("image_aspect_ratio")),
        tie_word_embeddings=bool(config.get("tie_word_embeddings", False)),
    )


def _clip_config(config: dict[str, Any], kind: Kind, vision: dict[str, Any], image_token_id: int) -> TransformersConfig:
    select = config.get("mm_vision_select_feature", "patch")
    if select not in ("patch", "cls_patch"):
        raise CheckpointError(f"mm_vision_select_feature {select!r} is unknown; use 'patch' or 'cls_patch'.")
    layer, layers = int(config.get("mm_vision_select_layer", -2)), vision["num_hidden_layers"]
    if not -layers - 1 <= layer <= layers:
        raise CheckpointError(f"mm_vision_select_layer {layer} is none of the vision tower's {layers} layers.")
    side = vision["image_size"] // vision["patch_size"]
    settings = {
        "vision_config": CLIPVisionConfig(**vision),
        "text_config": _text_config(config, kind, max(int(config["vocab_size"]), image_token_id + 1)),
        "image_token_index": image_token_id,
        "image_seq_length": side * side + (select == "cls_patch"),
        "projector_hidden_act": "linear" if kind.is_linear else "gelu",
        "vision_feature_select_strategy": "default" if select == "patch" else "full",
        "vision_feature_layer": layer,
        "tie_word_embeddings": bool(config.get("tie_word_embeddings", False)) and kind.language_model != "mpt",
    }
    if not kind.is_tiled:
        return LlavaConfig(**settings)
    _check_unpadded(config)
    if (ratio := config.get("image_aspect_ratio")) != "anyres":
        raise CheckpointError(f"image_aspect_ratio {ratio!r} is not supported with a CLIP tower, only 'anyres'.")
    if select != "patch":
        raise CheckpointError("mm_vision_select_feature 'cls_patch' is not supported with tiles, only 'patch'.")
    pinpoints = _grid_pinpoints(config.get("image_grid_pinpoints"), vision["image_size"])
    return LlavaNextConfig(**settings, image_grid_pinpoints=pinpoints)


def _check_unpadded(config: dict[str, Any]) -> None:
    if (merge := config.get("mm_patch_merge_type", "flat")) != "spatial_unpad":
        raise CheckpointError(f"mm_patch_merge_type {merge!r} is not supported with tiles, only 'spatial_unpad'.")


def _text_config(config: dict[str, Any], kind: Kind, vocab_size: int) -> TransformersConfig:
    if kind.language_model == "mpt":
        return mpt_config(config, vocab_size)
    settings = _text_settings(config, vocab_size)
    if kind.language_model == "mistral":
        # Absent, it would be 4,096 tokens of Mistral's first version.
        return MistralConfig(**{**settings, "sliding_window": config.get("sliding_window")})
    return (Qwen2Config if kind.language_model == "qwen2" else LlamaConfig)(**settings)


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
        return _grid_pinpoints([[int(a), int(b)] for a, b in re.findall(r"\[(\d+),\s*(\d+)\]", pinpoints)], image_size)
    if isinstance(pinpoints, list) and pinpoints:
        sides = [[int(height), int(width)] for width, height in pinpoints]
        if all(0 < side <= _MOST_TILES * image_size for pair in sides for side in pair):
            return sides
    raise CheckpointError(f"image_grid_pinpoints {pinpoints!r} is not supported; give a list of [width, height].")


def _aspect_ratio(ratio: object) -> str:
    if isinstance(ratio, str) and re.fullmatch(r"anyres_max_\d+", ratio):
        return ratio
    if ratio == "anyres":
        return f"anyres_max_{_NO_POOLING}"
    raise CheckpointError(f"image_aspect_ratio {ratio!r} is not supported for this format, only 'anyres_max_N'.")

"""Names of tensors: from LLaVA's own formats, and from older layouts, to transformers' parameters, and back."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeAlias

from torch import nn

from critic_eval.critics.checkpoints.heads import is_head_weight

Rename: TypeAlias = Callable[[str], str | None]
"""From a checkpoint's tensor name to the model's parameter, or None for a tensor that the model doesn't use."""

_TOWER = "model.vision_tower.vision_tower."
# Rotary frequencies and position numbers were saved by old versions and are computed by the model.
_COMPUTED = re.compile(r"(rotary_emb\.inv_freq|position_ids)$")
_PREFIXES = (
    ("model.mm_projector.weight", "model.multi_modal_projector.linear_1.weight"),
    ("model.mm_projector.bias", "model.multi_modal_projector.linear_1.bias"),
    ("model.mm_projector.0.", "model.multi_modal_projector.linear_1."),
    ("model.mm_projector.2.", "model.multi_modal_projector.linear_2."),
    ("model.image_newline", "model.image_newline"),
    ("model.embed_tokens.", "model.language_model.embed_tokens."),
    ("model.layers.", "model.language_model.layers."),
    ("model.norm.", "model.language_model.norm."),
    ("lm_head.", "lm_head."),
    ("transformer.mm_projector.weight", "model.multi_modal_projector.linear_1.weight"),
    ("transformer.mm_projector.bias", "model.multi_modal_projector.linear_1.bias"),
    ("transformer.", "model.language_model."),
)


def is_computed(name: str) -> bool:
    """Tell whether a tensor is one that the model computes, which old checkpoints hold nevertheless."""
    return _COMPUTED.search(name) is not None


def to_transformers(name: str, *, vision_layers: int, tower_prefix: str) -> str | None:
    """Give transformers' name for a tensor of LLaVA's own format, or None for one that is not used.

    Not used are computed buffers, SigLIP's attention-pooling head, vision layers from `vision_layers` on, and a value
    head, which is read by itself.
    An unknown name is returned as it is, for the loader to report.
    """
    if is_computed(name) or is_head_weight(name):
        return None
    if name.startswith(_TOWER):
        part = name.removeprefix(_TOWER).removeprefix("vision_model.")
        layer = re.match(r"encoder\.layers\.(\d+)\.", part)
        if part.startswith("head.") or (layer and int(layer[1]) >= vision_layers):
            return None
        return tower_prefix + part
    for original, ours in _PREFIXES:
        if name.startswith(original):
            return ours + name.removeprefix(original)
    return name


def to_original(name: str, tower_prefix: str) -> str:
    """Give the name in LLaVA's own format for a parameter of transformers' model; the inverse of `to_transformers`.

    The projector is taken to have two layers.
    """
    if name.startswith(tower_prefix):
        return f"{_TOWER}vision_model.{name.removeprefix(tower_prefix)}"
    for original, ours in _PREFIXES[2:]:
        if name.startswith(ours):
            return original + name.removeprefix(ours)
    return name


def tower_prefix(model: nn.Module) -> str:
    """Give the prefix of the vision tower's parameters, which before transformers 5.23 had one level more."""
    deeper = "model.vision_tower.vision_model."
    return deeper if any(name.startswith(deeper) for name, _ in model.named_parameters()) else "model.vision_tower."


def renamer(model: Any) -> Rename:
    """Give the renaming of a checkpoint's tensors for one model."""
    layers, prefix = model.config.vision_config.num_hidden_layers, tower_prefix(model)
    return lambda name: to_transformers(name, vision_layers=layers, tower_prefix=prefix)


def tower_renamer(model: Any) -> Rename:
    """Give the renaming for a vision tower that is a checkpoint of its own, in transformers' layout.

    The text half of a whole CLIP or SigLIP model is left out.
    """
    layers, prefix = model.config.vision_config.num_hidden_layers, tower_prefix(model)

    def rename(name: str) -> str | None:
        if name.startswith(("text_model.", "text_projection.", "visual_projection.", "logit_")):
            return None
        return to_transformers(_TOWER + name, vision_layers=layers, tower_prefix=prefix)

    return rename


def layout_renamer(model: Any) -> Rename:
    """Give the renaming for LLaVA checkpoints in transformers' layout, older and newer ones."""
    layers, prefix = model.config.vision_config.num_hidden_layers, tower_prefix(model)

    def rename(name: str) -> str | None:
        name = name.removeprefix("model.")
        if is_head_weight(name):
            return None
        if name.startswith("vision_tower."):
            inside = _TOWER + name.removeprefix("vision_tower.")
            return to_transformers(inside, vision_layers=layers, tower_prefix=prefix)
        if is_computed(name):
            return None
        if name.startswith("language_model.lm_head."):
            return name.removeprefix("language_model.")
        if name.startswith("language_model.model."):
            return f"model.language_model.{name.removeprefix('language_model.model.')}"
        return name if name.startswith("lm_head.") else f"model.{name}"

    return rename

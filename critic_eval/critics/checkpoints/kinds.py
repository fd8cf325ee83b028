"""Which LLaVA a checkpoint is, of those that came in LLaVA's own formats, by its config."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from critic_eval.errors import CheckpointError

LanguageModel = Literal["llama", "mistral", "qwen2", "mpt"]
Format = Literal["llava_v0", "llava_1_5", "llava_1_6", "llava_next", "transformers"]
"""By age: a linear projector; a projector of two layers; tiles; all of LLaVA-NeXT's Qwen; transformers' layout."""

_ARCHITECTURES: dict[str, LanguageModel] = {
    "LlavaLlamaForCausalLM": "llama",
    "LlavaMistralForCausalLM": "mistral",
    "LlavaQwenForCausalLM": "qwen2",
    "LlavaMptForCausalLM": "mpt",
    "LlavaMPTForCausalLM": "mpt",
}
_MODEL_TYPES: dict[str, LanguageModel] = {
    "llava_llama": "llama",
    "llava_mistral": "mistral",
    "llava_qwen": "qwen2",
    "llava_mpt": "mpt",
}
_PROJECTORS = ("linear", "mlp2x_gelu")


@dataclass(frozen=True)
class Kind:
    """What tells LLaVA checkpoints apart.

    Attributes:
        language_model: the family of the language model.
        tower: the family of the vision tower.
        is_linear: whether the projector is one linear layer rather than two with GELU between them.
        is_tiled: whether images are cut into tiles, whose padding is left out (`anyres`, `spatial_unpad`).
        marks_images: whether `<im_start>` and `<im_end>` stand around an image.
    """

    language_model: LanguageModel
    tower: Literal["clip", "siglip"]
    is_linear: bool
    is_tiled: bool
    marks_images: bool

    @property
    def format(self) -> Format:
        """The format's name in a checkpoint's identity."""
        if self.language_model == "qwen2":
            return "llava_next"
        if self.is_tiled:
            return "llava_1_6"
        return "llava_v0" if self.is_linear else "llava_1_5"


def language_model_of(config: dict[str, Any], architectures: list[str]) -> LanguageModel | None:
    """Tell the language model of a config in LLaVA's own formats, or None if it is in none of them.

    LLaVA's own configs share the model type `llava` with transformers' layout, hence the look at `mm_vision_tower`.
    """
    model_type = str(config.get("model_type", ""))
    for architecture in architectures:
        if architecture in _ARCHITECTURES:
            return _ARCHITECTURES[architecture]
    if model_type in _MODEL_TYPES:
        return _MODEL_TYPES[model_type]
    return "llama" if model_type == "llava" and "mm_vision_tower" in config else None


def kind_of(config: dict[str, Any], name: object = "This config") -> Kind:
    """Tell the kind of a config in LLaVA's own formats.

    Raises:
        CheckpointError: it is in none of them, or asks for what is not supported.
    """
    architectures = [str(architecture) for architecture in config.get("architectures") or []]
    language_model = language_model_of(config, architectures)
    if language_model is None:
        raise CheckpointError(f"{name} is not in one of LLaVA's own formats.")
    projector = config.get("mm_projector_type", "linear")
    if language_model == "mpt" and (is_tiled(config) or projector != "linear"):
        raise CheckpointError(
            f"{name} is a LLaVA of MPT with tiles or another projector than 'linear', of a later age."
        )
    if projector not in _PROJECTORS:
        raise CheckpointError(f"The projector {projector!r} is not supported, only {' and '.join(_PROJECTORS)}.")
    if config.get("mm_resampler_type"):
        raise CheckpointError("Checkpoints with a resampler are not supported.")
    return Kind(
        language_model=language_model,
        tower=_tower_family(config, language_model),
        is_linear=projector == "linear",
        is_tiled=is_tiled(config),
        marks_images=bool(config.get("mm_use_im_start_end")),
    )


def is_tiled(config: dict[str, Any]) -> bool:
    """Tell whether a config cuts images into tiles."""
    aspect_ratio, merge = config.get("image_aspect_ratio"), config.get("mm_patch_merge_type")
    return str(aspect_ratio or "").startswith("anyres") or "unpad" in str(merge or "")


def _tower_family(config: dict[str, Any], language_model: LanguageModel) -> Literal["clip", "siglip"]:
    tower = str(config.get("mm_vision_tower") or "").rsplit("/", 1)[-1].lower()
    if "siglip" in tower:
        return "siglip"
    if "clip" in tower:
        return "clip"
    return "siglip" if language_model == "qwen2" else "clip"

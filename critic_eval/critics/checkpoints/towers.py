"""Vision towers: the sizes of those that released checkpoints name, and where one apart from its checkpoint is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from critic_eval.critics.checkpoints.sources import fetch, read_json
from critic_eval.errors import CheckpointError

_CLIP_LARGE: dict[str, Any] = {
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "patch_size": 14,
    "projection_dim": 768,
    "hidden_act": "quick_gelu",
}
KNOWN_TOWERS: dict[str, dict[str, Any]] = {
    "siglip-so400m-patch14-384": {
        "hidden_size": 1152,
        "intermediate_size": 4304,
        "num_hidden_layers": 27,
        "num_attention_heads": 16,
        "image_size": 384,
        "patch_size": 14,
    },
    "clip-vit-large-patch14": {**_CLIP_LARGE, "image_size": 224},
    "clip-vit-large-patch14-336": {**_CLIP_LARGE, "image_size": 336},
}
"""Sizes of the towers that released checkpoints name, by the last part of the name (their own `config.json`)."""

_SIZES = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "image_size", "patch_size")
_KEYS = (*_SIZES, "num_channels", "hidden_act", "layer_norm_eps", "attention_dropout", "projection_dim")


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
            "(the tower's own config.json), or the tower itself with vision_tower=FOLDER."
        )
    # The config of a whole CLIP or SigLIP model keeps its tower's under this key.
    sizes = sizes.get("vision_config", sizes)
    missing = [key for key in _SIZES if key not in sizes]
    if missing:
        raise CheckpointError(f"The vision config lacks {', '.join(missing)}; add it.")
    return {key: sizes[key] for key in _KEYS if sizes.get(key) is not None}


def open_tower(vision_tower: str | Path) -> Path:
    """Give the folder of a vision tower in transformers' layout, by folder or hub id.

    Raises:
        CheckpointError: it can't be found, or has no `config.json`.
    """
    folder, name, _ = fetch(vision_tower)
    if not (folder / "config.json").is_file():
        raise CheckpointError(f"The vision tower {name} has no config.json; give the folder of a CLIP or SigLIP model.")
    return folder

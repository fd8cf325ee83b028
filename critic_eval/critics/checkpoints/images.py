"""Images made into pixels as each checkpoint was trained, with transformers' own image processors."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from transformers import (
    CLIPImageProcessorPil,
    LlavaImageProcessorPil,
    LlavaNextImageProcessorPil,
    LlavaOnevisionImageProcessorPil,
)
from transformers.image_processing_utils import select_best_resolution

from critic_eval.critics.checkpoints.sources import Source, read_json

SIGLIP_MEAN = [0.5, 0.5, 0.5]
CLIP_MEAN = [0.48145466, 0.4578275, 0.40821073]
CLIP_STD = [0.26862954, 0.26130258, 0.27577711]


def onevision_settings(config: Any) -> dict[str, Any]:
    """Give the settings of LLaVA-OneVision's image processor for a config: SigLIP's mean and deviation, no crop."""
    size = config.vision_config.image_size
    return {
        "size": {"height": size, "width": size},
        "image_mean": SIGLIP_MEAN,
        "image_std": SIGLIP_MEAN,
        "image_grid_pinpoints": config.image_grid_pinpoints,
    }


def llava_settings(config: Any) -> dict[str, Any]:
    """Give the settings of LLaVA-1.5's image processor for a config: short edge to the tower's size, center crop."""
    size = config.vision_config.image_size
    return {
        "size": {"shortest_edge": size},
        "crop_size": {"height": size, "width": size},
        "image_mean": CLIP_MEAN,
        "image_std": CLIP_STD,
    }


def next_settings(config: Any) -> dict[str, Any]:
    """Give the settings of LLaVA-1.6's image processor for a config: tiles of the tower's size."""
    return {**llava_settings(config), "image_grid_pinpoints": config.image_grid_pinpoints}


def pads_to_square(source: Source) -> bool:
    """Tell whether a LLaVA-1.5 checkpoint's images are padded to a square rather than cropped to their center.

    The config's `image_aspect_ratio` says how the images of *training* were laid out, and whoever fine-tunes inherits
    it: Prometheus-Vision's says `pad`, yet its evaluation crops. So the rule is, in this order:

    1. A `preprocessor_config.json` in the checkpoint that has `do_pad` decides.
    2. Checkpoints named `llava-v1.5-*` (the hub id's last part, or the folder's name) follow `image_aspect_ratio`, as
       LLaVA's own evaluation does.
    3. All others are cropped.
    """
    file = source.folder / "preprocessor_config.json"
    if file.is_file() and (stated := read_json(file).get("do_pad")) is not None:
        return bool(stated)
    official = Path(source.name).name.lower().startswith("llava-v1.5")
    return official and source.config.get("image_aspect_ratio") == "pad"


class OnevisionImages:
    """LLaVA-NeXT's images: one image is an overview and tiles; several are not tiled.

    Source: `process_anyres_image` and `expand2square` of LLaVA-NeXT, which transformers' processor follows.
    """

    def __init__(self, config: Any) -> None:
        self._config = config
        self._processor = LlavaOnevisionImageProcessorPil(**onevision_settings(config))

    def __call__(self, images: list[Image.Image]) -> tuple[dict[str, Tensor], list[int]]:
        """Give `pixel_values` (images, tiles, 3, height, width), sizes, number of images; and token counts."""
        features = self._processor([images], return_tensors="pt")
        media = {name: torch.as_tensor(features[name]) for name in ("pixel_values", "image_sizes", "batch_num_images")}
        if len(images) > 1:
            vision = self._config.vision_config
            return media, [(vision.image_size // vision.patch_size) ** 2 + 1] * len(images)
        return media, [tiled_tokens(images[0].height, images[0].width, self._config)]


class NextImages:
    """LLaVA-1.6's images: each is an overview and tiles, several alike.

    Source: `process_anyres_image` of LLaVA, which transformers' processor follows.
    """

    def __init__(self, config: Any) -> None:
        self._config = config
        self._processor = LlavaNextImageProcessorPil(**next_settings(config))

    def __call__(self, images: list[Image.Image]) -> tuple[dict[str, Tensor], list[int]]:
        """Give `pixel_values` (images, tiles, 3, height, width) and sizes; and token counts."""
        features = self._processor(images, return_tensors="pt")
        media = {name: torch.as_tensor(features[name]) for name in ("pixel_values", "image_sizes")}
        return media, [tiled_tokens(image.height, image.width, self._config) for image in images]


def tiled_tokens(height: int, width: int, config: Any) -> int:
    """Count the tokens of one tiled image of `height` x `width` pixels: overview, tiles without padding, line breaks.

    With LLaVA-OneVision, more than 1.1 squared times the tokens of `anyres_max_N` tiles are scaled down to that number.

    Source: `prepare_inputs_labels_for_multimodal` in LLaVA and LLaVA-NeXT (`spatial_unpad`, `anyres_max_N`).
    """
    image_size = config.vision_config.image_size
    side = image_size // config.vision_config.patch_size
    best_height, best_width = select_best_resolution((height, width), config.image_grid_pinpoints)
    rows, columns = best_height // image_size * side, best_width // image_size * side
    if width / height > columns / rows:
        kept = int(round(height * (columns / width), 7))
        rows -= (rows - kept) // 2 * 2
    else:
        kept = int(round(width * (rows / height), 7))
        columns -= (columns - kept) // 2 * 2
    if config.model_type == "llava_onevision":
        tiles = int(config.vision_aspect_ratio.removeprefix("anyres_max_"))
        ratio = math.sqrt(rows * columns / (tiles * side**2))
        if ratio > 1.1:
            rows, columns = int(rows // ratio), int(columns // ratio)
    return int(side**2 + rows * (columns + 1))


class LlavaImages:
    """LLaVA-1.5's images: one square each, cropped from the center or padded (see `pads_to_square`)."""

    def __init__(self, config: Any, *, pad: bool) -> None:
        settings = llava_settings(config)
        self.pad = pad
        self._processor = LlavaImageProcessorPil(**settings, do_pad=True) if pad else CLIPImageProcessorPil(**settings)
        self._tokens = config.image_seq_length

    def __call__(self, images: list[Image.Image]) -> tuple[dict[str, Tensor], list[int]]:
        """Give `pixel_values` (images, 3, height, width); and token counts."""
        features = self._processor(images, return_tensors="pt")
        return {"pixel_values": torch.as_tensor(features["pixel_values"])}, [self._tokens] * len(images)

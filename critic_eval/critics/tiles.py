"""What a checkpoint makes of an image before its language model: tiles for the vision tower, and tokens."""

from typing import Any

from PIL import Image

from critic_eval.critics.conversations import Message


def count_tiles(encoder: Any, size: tuple[int, int]) -> tuple[int, int]:
    """Tiles (the overview counted) and tokens of an image of this width and height that is shown alone."""
    prepared = encoder.prepare([Message("user", (Image.new("RGB", size), ""))])
    pixels = prepared.media.get("pixel_values")
    tiles = 0 if pixels is None else pixels.shape[:-3].numel() if pixels.ndim > 3 else len(pixels)
    return tiles, sum(prepared.tokens)

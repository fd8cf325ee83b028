"""Real handwritten digits, split once, and images of one to three of them.

The digits are the 1,797 that scikit-learn carries (8 x 8 pixels, 17 gray levels; UCI "Optical Recognition of
Handwritten Digits", test part). The split is by digit image, so that no image a critic was trained on stands in a
test item.
"""

from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Split = Literal["train", "validation", "test"]

CELL = 32
"""Side in pixels of the square that holds one digit; an image of k digits is CELL high and k * CELL wide."""

GLYPH_SIDES = (22, 29)
"""Smallest and largest side in pixels that a digit is drawn at."""

_SPLIT_SIZES: dict[Split, int] = {"train": 1200, "validation": 197, "test": 400}
_SPLIT_SEED = 20241003


@cache
def glyphs(split: Split) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Digit images, shape (n, 8, 8), ink 0 to 255, and their values, shape (n,), 0 to 9, of one split."""
    from sklearn.datasets import load_digits

    data = load_digits()
    ink = np.rint(data.images * (255 / 16)).astype(np.uint8)
    order = np.random.default_rng(_SPLIT_SEED).permutation(len(ink))
    start = 0
    for name, size in _SPLIT_SIZES.items():
        if name == split:
            rows = np.sort(order[start : start + size])
            return ink[rows], data.target[rows].astype(np.int64)
        start += size
    raise ValueError(f"unknown split {split!r}")


def choose_glyphs(values: tuple[int, ...], split: Split, rng: np.random.Generator) -> list[int]:
    """For each digit value, the index of one image of it, drawn at random from a split."""
    _, targets = glyphs(split)
    return [int(rng.choice(np.flatnonzero(targets == value))) for value in values]


def compose(indices: list[int], split: Split, rng: np.random.Generator) -> Image.Image:
    """Draw digits from left to right, dark ink on light paper, each at its own size and place in its cell.

    Only integer arithmetic and Pillow's resampling are used, so the same generator state gives the same pixels
    on every machine.
    """
    ink, _ = glyphs(split)
    paper = int(rng.integers(215, 256))
    pen = int(rng.integers(0, 70))
    canvas = np.full((CELL, CELL * len(indices)), paper, dtype=np.int64)
    for position, index in enumerate(indices):
        side = int(rng.integers(GLYPH_SIDES[0], GLYPH_SIDES[1] + 1))
        top, left = (int(rng.integers(0, CELL - side + 1)) for _ in range(2))
        drawn = np.asarray(Image.fromarray(ink[index]).resize((side, side), Image.Resampling.BICUBIC), dtype=np.int64)
        x = position * CELL + left
        canvas[top : top + side, x : x + side] = paper - (paper - pen) * drawn // 255
    return Image.fromarray(canvas.astype(np.uint8)).convert("RGB")

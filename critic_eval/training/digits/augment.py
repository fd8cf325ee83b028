"""Training images, drawn in batches: the benchmark's look, with more variation than it has."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample, interpolate

from critic_eval.benchmarks.digits.glyphs import CELL, GLYPH_SIDES


def draw_cells(ink: Tensor, rows: NDArray[np.int64], rng: np.random.Generator) -> Tensor:
    """Draw each chosen glyph into a cell at a random place, size, slant, angle and stroke weight.

    Args:
        ink: all glyphs, shape (n, 8, 8), 0 (paper) to 1 (ink).
        rows: the glyph to draw in each cell, shape (m,).
        rng: source of the variation.

    Returns:
        Ink of the cells, shape (m, CELL, CELL), 0 to 1.
    """
    m = len(rows)
    height = rng.uniform(GLYPH_SIDES[0] - 2, GLYPH_SIDES[1] + 3, m)
    sides = np.stack([height * rng.uniform(0.88, 1.13, m), height], axis=1)
    room = np.maximum(CELL - sides, 0)
    center = 2 * (rng.uniform(0, 1, (m, 2)) * room + sides / 2) / CELL - 1
    angle, slant = rng.normal(0, 0.12, (2, m))
    cos, sin = np.cos(angle), np.sin(angle)
    # The inverse map, from a place in the cell to one in the glyph: turn, slant, then stretch.
    turn = np.stack([np.stack([cos + slant * sin, slant * cos - sin], 1), np.stack([sin, cos], 1)], axis=1)
    matrix = (CELL / sides)[:, :, None] * turn
    offset = -np.einsum("mij,mj->mi", matrix, center)
    theta = torch.as_tensor(np.concatenate([matrix, offset[:, :, None]], axis=2), dtype=torch.float32)
    grid = affine_grid(theta, [m, 1, CELL, CELL], align_corners=False)
    drawn = grid_sample(ink[torch.as_tensor(rows)].unsqueeze(1), grid, mode="bicubic", align_corners=False)
    weight = torch.as_tensor(rng.uniform(0.7, 1.4, (m, 1, 1)), dtype=torch.float32)
    return drawn.squeeze(1).clamp(1e-4, 1) ** weight


def paint(cells: Tensor, rng: np.random.Generator) -> Tensor:
    """Paint cells side by side on paper, with a little noise; normalized as SigLIP takes images.

    Args:
        cells: ink, shape (k, CELL, CELL).
        rng: chooses paper, pen and noise.

    Returns:
        Gray image, shape (CELL, k * CELL), -1 (black) to 1 (white).
    """
    paper, pen = rng.uniform(210, 256) / 255, rng.uniform(0, 75) / 255
    image = paper - (paper - pen) * torch.cat(list(cells), dim=1)
    noise = torch.as_tensor(rng.standard_normal(image.shape, dtype=np.float32)) * float(rng.uniform(0, 0.03))
    return (image + noise).clamp(0, 1) * 2 - 1


def cut_tiles(image: Tensor) -> Tensor:
    """Cut an image as anyres does: the whole, squeezed into one tile, then the tiles from left to right.

    Args:
        image: shape (CELL, k * CELL).

    Returns:
        Shape (k + 1, CELL, CELL).
    """
    whole = interpolate(image[None, None], size=(CELL, CELL), mode="bicubic", antialias=True)[0, 0].clamp(-1, 1)
    return torch.stack([whole, *image.split(CELL, dim=1)])

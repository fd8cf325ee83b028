"""Which images a critic is shown instead of its own, and how many tiles one takes."""

import hashlib
import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from critic_eval.critics.conversations import Message
from critic_eval.errors import ArgumentError

TileCount = Callable[[tuple[int, int]], int]
"""From width and height to the number of images that the vision tower sees of it."""


@dataclass(frozen=True)
class ImagePolicy:
    """What is shown instead of an image.

    Attributes:
        name: `as_is`, `shuffled`, `blank` or `tiles_N`.
        seed: seed of the shuffle.
        most_tiles: the N of `tiles_N`.
    """

    name: str = "as_is"
    seed: int = 0
    most_tiles: int | None = None

    @classmethod
    def read(cls, name: str, seed: int = 0) -> "ImagePolicy":
        """The policy of that name. Raises ArgumentError where there is none."""
        tiles = re.fullmatch(r"tiles_([1-9][0-9]{0,3})", name)
        if tiles is None and name not in ("as_is", "shuffled", "blank"):
            raise ArgumentError(
                f"image_policy={name} is unknown; it is as_is, shuffled, blank or tiles_N, such as tiles_4."
            )
        return cls(name, seed, None if tiles is None else int(tiles.group(1)))

    def __str__(self) -> str:
        return f"{self.name} by seed {self.seed}" if self.name == "shuffled" else self.name


AS_IS = ImagePolicy()


class ImageChange:
    """Makes of each image what a policy shows instead; the same image for the one that came before.

    Args:
        policy: says which image is shown in place of each.
        count_tiles: counts the tiles of an image; None where the critic's tiles are not known.

    Raises:
        ArgumentError: tiles have to be counted and can't be.
    """

    def __init__(self, policy: ImagePolicy, count_tiles: TileCount | None = None) -> None:
        if policy.most_tiles is not None and count_tiles is None:
            raise ArgumentError(f"image_policy={policy.name} needs the critic in this process, to count its tiles.")
        self._policy, self._count_tiles = policy, count_tiles
        self._sizes: dict[tuple[int, int], tuple[int, int]] = {}
        self._changed: OrderedDict[int, tuple[Image.Image, Image.Image]] = OrderedDict()

    def __call__(self, image: Image.Image) -> Image.Image:
        """What is shown instead of an image."""
        if self._policy.name in ("as_is", "shuffled"):
            return image
        if id(image) not in self._changed:
            self._changed[id(image)] = (image, self._made(image))
            if len(self._changed) > _REMEMBERED:
                self._changed.popitem(last=False)
        return self._changed[id(image)][1]

    def _made(self, image: Image.Image) -> Image.Image:
        if self._policy.most_tiles is None or self._count_tiles is None:
            return Image.new("RGB", image.size, _GRAY)
        if image.size not in self._sizes:
            self._sizes[image.size] = shrunk_size(image.size, self._policy.most_tiles, self._count_tiles)
        size = self._sizes[image.size]
        return image if size == image.size else image.convert("RGB").resize(size, Image.Resampling.BICUBIC)


def shrunk_size(size: tuple[int, int], most_tiles: int, count_tiles: TileCount) -> tuple[int, int]:
    """The largest size of the same shape that takes at most so many tiles, to one part in a thousand.

    Raises:
        ArgumentError: even the smallest takes more.

    Example:
        >>> shrunk_size((900, 600), 2, lambda size: 1 + size[0] // 384)
        (767, 511)
    """
    if count_tiles(size) <= most_tiles:
        return size
    longest = max(size)

    def scaled(length: int) -> tuple[int, int]:
        return max(1, size[0] * length // longest), max(1, size[1] * length // longest)

    fits, fits_not = 1, longest
    if count_tiles(scaled(fits)) > most_tiles:
        raise ArgumentError(
            f"An image of {size[0]} x {size[1]} takes {count_tiles(scaled(fits))} tiles at any size; "
            f"image_policy=tiles_{most_tiles} can't be had of this critic."
        )
    while fits_not - fits > max(1, longest // 1000):
        middle = (fits + fits_not) // 2
        if count_tiles(scaled(middle)) <= most_tiles:
            fits = middle
        else:
            fits_not = middle
    return scaled(fits)


def shuffled_sources(tasks: Sequence[str], digests: Sequence[str], seed: int) -> list[int]:
    """For each request, the index of the request whose images it is shown instead of its own.

    Images are moved within a task, in one cycle over its distinct images: every request gets images that differ from
    its own (both orders of an item get the same), and each image is shown as another's the once. Requests without an
    image, or of a task with a single image, keep what they have.

    Args:
        tasks: the task of each request.
        digests: a digest of each request's images, empty where it has none.
        seed: seed of the cycle.

    Example:
        >>> shuffled_sources(["t", "t", "t"], ["cat", "cat", "dog"], seed=0)
        [2, 2, 0]
    """
    sources = list(range(len(tasks)))
    for task in dict.fromkeys(tasks):
        members = [index for index in sources if tasks[index] == task and digests[index]]
        first_with: dict[str, int] = {}
        for index in members:
            first_with.setdefault(digests[index], index)
        distinct = list(first_with)
        cycle = [distinct[i] for i in np.random.default_rng(seed).permutation(len(distinct))]
        following = dict(zip(cycle, [*cycle[1:], *cycle[:1]], strict=True))
        for index in members:
            sources[index] = first_with[following[digests[index]]]
    return sources


def digest_image(image: Image.Image) -> str:
    """Digest of an image's mode, size and pixels."""
    return hashlib.sha256(f"{image.mode} {image.size} ".encode() + image.tobytes()).hexdigest()


_GRAY = (128, 128, 128)
_REMEMBERED = 8


def count_tiles(encoder: Any, size: tuple[int, int]) -> tuple[int, int]:
    """Tiles (the overview counted) and tokens of an image of this width and height that is shown alone."""
    prepared = encoder.prepare([Message("user", (Image.new("RGB", size), ""))])
    pixels = prepared.media.get("pixel_values")
    tiles = 0 if pixels is None else pixels.shape[:-3].numel() if pixels.ndim > 3 else len(pixels)
    return tiles, sum(prepared.tokens)

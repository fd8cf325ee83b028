"""Which image a request is shown: its own, or, as a control of whether the critic looks at all, another's."""

import hashlib
from collections.abc import Sequence

import numpy as np
from PIL import Image

IMAGE_POLICIES = ("as_is", "shuffled")


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

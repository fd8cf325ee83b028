"""Images as a notebook has them: paths, PIL images, bytes, arrays, addresses, and lists of these."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image

from critic_eval.api.addresses import fetch, is_web_address
from critic_eval.errors import ImageError
from critic_eval.judging.images import open_image


def listed_images(images: Any) -> tuple[Any, ...]:
    """The images of an item, not opened yet: none for None, and those of a list or tuple, in order.

    >>> listed_images(None), listed_images("cat.png"), listed_images(["cat.png", "dog.png"])
    ((), ('cat.png',), ('cat.png', 'dog.png'))
    """
    if images is None:
        return ()
    return tuple(images) if isinstance(images, list | tuple) else (images,)


def open_images(images: Any, whose: str, *, allow_urls: bool = False) -> list[Image.Image]:
    """Open the images of an item, each in RGB and upright.

    Args:
        images: None, or one or a list of: a path, a PIL image, bytes of a file, a `datasets` record, a numpy array of
            shape (height, width), (height, width, 3) or (height, width, 4) with uint8 values or floats from 0 to 1,
            and, with `allow_urls`, an http or https address.
        whose: the item, for error messages.
        allow_urls: whether addresses are fetched.

    Raises:
        ImageError: one can't be opened or fetched; says which and why.
    """
    return list(_opened(listed_images(images), whose, allow_urls))


def _opened(images: tuple[Any, ...], whose: str, allow_urls: bool) -> Iterator[Image.Image]:
    for image in images:
        if isinstance(image, np.ndarray):
            yield open_image(_from_array(image, whose), whose)
        elif isinstance(image, str) and is_web_address(image):
            if not allow_urls:
                raise ImageError(
                    f"The image of {whose} is an address, and nothing is fetched unless allow_urls=True is given to "
                    "load_critic; give that, or a file."
                )
            yield open_image(fetch(image), whose)
        elif isinstance(image, bytearray | memoryview):
            yield open_image(bytes(image), whose)
        else:
            yield open_image(image, whose)


def _from_array(values: np.ndarray[Any, Any], whose: str) -> Image.Image:
    """An image of an array; its values are copied, so that a later change of the array changes nothing."""
    if values.ndim not in (2, 3) or (values.ndim == 3 and values.shape[2] not in (3, 4)) or 0 in values.shape:
        raise ImageError(
            f"The image of {whose} is an array of shape {values.shape}; give (height, width), (height, width, 3) or "
            "(height, width, 4)."
        )
    if np.issubdtype(values.dtype, np.floating):
        if not np.isfinite(values).all() or values.min() < 0 or values.max() > 1:
            raise ImageError(f"The image of {whose} is an array of floats that are not all from 0 to 1; scale it.")
        values = np.rint(values * 255)
    elif values.dtype != np.uint8:
        raise ImageError(f"The image of {whose} is an array of {values.dtype}; give uint8, or floats from 0 to 1.")
    return Image.fromarray(np.ascontiguousarray(values, dtype=np.uint8))

"""Images as data sets and people bring them, opened and checked."""

import io
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image, ImageFile

from critic_eval.errors import ImageError


def open_image(image: Any, place: str) -> Image.Image:
    """Open an image in RGB.

    Args:
        image: a PIL image, a path, bytes, or a `datasets` record of bytes or path.
        place: whose image it is, for the error message.

    Raises:
        ImageError: it can't be opened, or has no pixels.
    """
    if isinstance(image, Mapping):
        image = image.get("bytes") or image.get("path")
    try:
        opened = image if isinstance(image, Image.Image) else _open(image)
        if 0 in opened.size:
            raise ImageError(f"The image of {place} has no pixels ({opened.width} x {opened.height}); replace it.")
        with _complete_images_only():
            return opened.convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ImageError(f"The image of {place} can't be read ({error}); replace the file or drop the item.") from error


@contextmanager
def _complete_images_only() -> Iterator[None]:
    """Refuse truncated files meanwhile.

    lmms-eval and timm switch Pillow for the whole process to filling up what is missing with gray: a judgment of an
    image that is not there.
    """
    with _SWITCH:
        before, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, False
        try:
            yield
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = before


_SWITCH = threading.Lock()


def _open(image: Any) -> Image.Image:
    if isinstance(image, bytes):
        return Image.open(io.BytesIO(image))
    if isinstance(image, str | Path):
        return Image.open(Path(image).expanduser())
    raise ValueError(f"it is a {type(image).__name__}, not an image, a path or bytes")

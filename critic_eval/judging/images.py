"""Images as data sets and people bring them: opened, checked, and turned into the picture that their file shows."""

import io
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image, ImageFile, UnidentifiedImageError

from critic_eval.errors import ArgumentError, ImageError
from critic_eval.judging.pixels import rgb

LIMIT_VARIABLE = "CRITIC_EVAL_MAX_PIXELS"
"""Names the number of pixels that an image may have, where that is not `MAX_PIXELS`."""

MAX_PIXELS = 64_000_000
"""An image of so many takes up to 1 GB while it is opened (measured with a transparent PNG)."""


def open_image(image: Any, owner: str, *, upright: bool = True) -> Image.Image:
    """Open an image as an ordinary viewer shows it, in RGB (see `pixels.rgb`).

    Args:
        image: a PIL image, a path, bytes, or a `datasets` record of bytes or path.
        owner: whose image it is, for the error message.
        upright: whether it is turned as its EXIF orientation says.

    Raises:
        ImageError: it can't be opened, has no pixels, or more than `CRITIC_EVAL_MAX_PIXELS`.
    """
    fault, opened = _opened(image, upright)
    if opened is None:
        raise ImageError(f"The image of {owner} {fault}; replace the file or drop the item.")
    return opened


def image_fault(image: Any) -> str | None:
    """Why an image can't be opened, as in "can't be read (the file is truncated)"; None where it can."""
    return _opened(image, upright=False)[0]


def pixel_limit() -> int:
    """The number of pixels that an image may have.

    Raises:
        ArgumentError: the variable's value is not a positive integer.
    """
    named = os.environ.get(LIMIT_VARIABLE) or str(MAX_PIXELS)
    if not named.isdecimal() or not int(named):
        raise ArgumentError(f"{LIMIT_VARIABLE}={named} is not a number of pixels such as {MAX_PIXELS}.")
    return int(named)


def _opened(image: Any, upright: bool) -> tuple[str | None, Image.Image | None]:
    limit = pixel_limit()
    try:
        with _our_limits(), _source(image) as opened:
            # The header alone is read so far; decoding takes tens of bytes a pixel.
            if 0 in opened.size:
                return f"has no pixels ({opened.width} x {opened.height})", None
            if opened.width * opened.height > limit:
                size = f"{opened.width} x {opened.height}"
                return f"has more than {limit:,} pixels ({size}; {LIMIT_VARIABLE} sets the limit)", None
            if opened.format in _PROGRAMS:
                return "can't be read (it is a program that draws, not an image)", None
            return None, rgb(opened, upright=upright)
    except Exception as error:
        # Damaged and hostile files raise nearly every kind of error from somewhere in a decoder.
        return f"can't be read ({_why(error)})", None


def _why(error: Exception) -> str:
    """A reason in a few words, the same for all images with the same fault, so that reasons can be counted."""
    if isinstance(error, _RefusedError):
        return str(error)
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, UnidentifiedImageError):
        return "it is not an image"
    if isinstance(error, PermissionError):
        return "it may not be read"
    if isinstance(error, MemoryError):
        return "it does not fit in memory"
    if "truncated" in str(error).casefold() or isinstance(error, EOFError):
        return "the file is truncated"
    return "the file is damaged"


@contextmanager
def _source(image: Any) -> Iterator[Image.Image]:
    if isinstance(image, Mapping):
        image = image.get("bytes") or image.get("path")
    if isinstance(image, Image.Image):
        yield image
    elif isinstance(image, bytes):
        if not image:
            raise _RefusedError("the file is empty")
        with Image.open(io.BytesIO(image)) as opened:
            yield opened
    elif isinstance(image, str | Path):
        with Image.open(_file(image)) as opened:
            yield opened
    else:
        raise _RefusedError(f"it is a {type(image).__name__}, not an image, a path or bytes")


def _file(path: str | Path) -> Path:
    if "://" in str(path):
        raise _RefusedError("it is an address; images are read from files")
    try:
        file = Path(path).expanduser()
        is_file, exists = file.is_file(), file.exists()
    except (OSError, ValueError, RuntimeError):
        raise _RefusedError("its path can't be one of a file") from None
    if not is_file:
        # A pipe or a device would be waited for.
        raise _RefusedError("it is not a file" if exists else "there is no such file")
    if not file.stat().st_size:
        raise _RefusedError("the file is empty")
    return file


class _RefusedError(ValueError):
    """What is given is not opened at all; the message says why in a few words."""


@contextmanager
def _our_limits() -> Iterator[None]:
    """Refuse truncated files meanwhile, and leave the number of pixels to our limit.

    lmms-eval and timm switch Pillow for the whole process to filling up what is missing with gray: a judgment of an
    image that is not there.
    """
    with _SWITCH:
        before = ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS
        ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS = False, None
        try:
            yield
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS = before


_SWITCH = threading.Lock()
_PROGRAMS = ("EPS",)

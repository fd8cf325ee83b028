"""From what a file stores to the picture that an ordinary viewer shows of it."""

from typing import Any

import numpy as np
from PIL import Image

_ORIENTATION, _BITS, _PHOTOMETRIC, _SAMPLE_FORMAT = 274, 258, 262, 339
"""Tags of EXIF and TIFF."""

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes an image upright, by its EXIF orientation (JEITA CP-3451, tag 274)."""


def rgb(image: Image.Image, *, upright: bool = True) -> Image.Image:
    """An image in RGB, without any metadata, so that to do it again changes nothing.

    What is transparent shows white. Gray of more than 8 bits is scaled by its range: 16 bits by the depth that the file
    states; 32-bit integers by the smallest of 255, 65535 and 32 bits (31 where they are signed) that holds the values;
    floats by the smallest of 1, 255, 65535 and their largest. 16-bit values that all fit in 8 bits are taken for 8
    bits, since nothing could be seen of them else. Negative values are spread from the least to the largest.

    Args:
        image: of any mode; its pixels may still be in its file.
        upright: whether it is turned as its EXIF orientation says.

    Raises:
        Exception: of nearly any kind, where the file is damaged.
    """
    image.load()
    turn = _TURNS.get(_orientation(image)) if upright else None
    shown = _without_depth(image)
    if shown.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in shown.info:
        layer = shown.convert("RGBA")
        shown = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    shown = _from_lab(shown) if shown.mode == "LAB" else shown.convert("RGB")
    if turn is not None:
        shown = shown.transpose(turn)
    shown.info = {}
    return shown


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:
        # Viewers show a picture whose EXIF data is broken; it then has no orientation.
        return 1


def _without_depth(image: Image.Image) -> Image.Image:
    """Gray of 16 or 32 bits, or of floats, as 8 bits."""
    if not image.mode.startswith("I") and image.mode != "F":
        return image
    tags = getattr(image, "tag_v2", {})
    values: Any = np.asarray(image)
    if image.mode == "I" and values.min() < 0 and tags and _first(tags, _SAMPLE_FORMAT, 1) == 1:
        values = values.view(np.uint32)
    clear = image.info.get("transparency") if image.mode.startswith("I") else None
    where_clear = values == clear if isinstance(clear, int) else None
    if image.mode == "F":
        finite = np.isfinite(values)
        values = np.where(finite, values, np.where(values > 0, values[finite].max(initial=0.0), 0.0))
    least, most = float(values.min()), float(values.max())
    gray = values.astype(np.float32)
    if least < 0:
        gray = (gray - np.float32(least)) / np.float32(most - least or 1)
    else:
        gray = gray / np.float32(_full_scale(image.mode, most, int(_first(tags, _BITS, 16))))
    gray = np.clip(gray, 0.0, 1.0)
    if _first(tags, _PHOTOMETRIC, 1) == 0:  # white is zero, which Pillow minds for 8 bits only
        gray = 1.0 - gray
    if where_clear is not None:
        gray[where_clear] = 1.0
    return Image.fromarray(np.rint(gray * 255).astype(np.uint8))


def _full_scale(mode: str, most: float, bits: int) -> float:
    """The value that is white."""
    if mode.startswith("I;16"):
        scales = [2.0**8 - 1, 2.0 ** min(bits, 16) - 1]
    elif mode == "I":
        scales = [2.0**8 - 1, 2.0**16 - 1, 2.0**31 - 1, 2.0**32 - 1]
    else:
        scales = [1.0, 2.0**8 - 1, 2.0**16 - 1]
    return next((scale for scale in scales if most <= scale), most)


def _first(tags: Any, tag: int, default: Any) -> Any:
    value = tags.get(tag, default)
    return value[0] if isinstance(value, tuple) and value else value


def _from_lab(image: Image.Image) -> Image.Image:
    from PIL import ImageCms

    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
    assert converted is not None  # it is None only where the image is changed in place
    return converted

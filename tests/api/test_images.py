"""Images in all the forms that a notebook has them in: the same picture, or an error that says what is wrong."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from critic_eval import Critic
from critic_eval.api.images import open_images
from critic_eval.errors import ImageError

VALUES = np.random.default_rng(7).integers(0, 256, (24, 40, 3), dtype=np.uint8)


def png(values: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "PNG")
    return buffer.getvalue()


def pixels(image: Any) -> list[np.ndarray[Any, Any]]:
    return [np.asarray(opened) for opened in open_images(image, "item 1")]


def test_every_form_is_the_same_picture(tmp_path: Path) -> None:
    file = tmp_path / "image.png"
    file.write_bytes(png(VALUES))
    forms = [
        *(file, str(file), Image.fromarray(VALUES), png(VALUES), bytearray(png(VALUES)), {"bytes": png(VALUES)}),
        *(VALUES, VALUES.astype(np.float64) / 255, VALUES.astype(np.float32) / 255, VALUES[::-1][::-1]),
        np.dstack([VALUES, np.full(VALUES.shape[:2], 255, np.uint8)]),
    ]
    for form in forms:
        (found,) = pixels(form)
        np.testing.assert_array_equal(found, VALUES)
    assert [found.shape for found in pixels(forms)] == [VALUES.shape] * len(forms)
    assert pixels(None) == []
    assert pixels([]) == []


def test_gray_arrays_are_gray_and_clear_ones_white() -> None:
    (gray,) = pixels(VALUES[:, :, 0])
    np.testing.assert_array_equal(gray, np.repeat(VALUES[:, :, :1], 3, axis=2))
    (clear,) = pixels(np.zeros((4, 4, 4), np.uint8))
    assert (clear == 255).all()


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (np.zeros((3, 24, 40), np.uint8), "shape"),
        (np.zeros((2, 4, 4, 3), np.uint8), "shape"),
        (np.zeros((0, 4), np.uint8), "shape"),
        (np.zeros((4, 4), np.int64), "int64"),
        (np.zeros((4, 4), bool), "bool"),
        (np.full((4, 4), 255.0), "0 to 1"),
        (np.full((4, 4), -0.1), "0 to 1"),
        (np.full((4, 4), np.nan), "0 to 1"),
        (3, "int"),
        (b"", "empty"),
        ("no/such.png", "no such file"),
        ("http://example.org/cat.png", "is an address"),
        (" HTTPS://example.org/cat.png", "is an address"),
        ("ftp://example.org/cat.png", "is an address"),
        ("file:///etc/passwd", "is an address"),
    ],
)
def test_what_is_no_image_is_named(image: Any, reason: str) -> None:
    with pytest.raises(ImageError, match=reason) as caught:
        open_images(image, "item 1")
    assert "item 1" in str(caught.value)


def test_a_critic_judges_what_it_is_shown_in_any_form(critic: Critic, scored: list[dict[str, Any]]) -> None:
    item = scored[0]
    forms = [item["image"], np.asarray(item["image"]), png(np.asarray(item["image"])), [item["image"]]]
    items = [{"image": form, "question": item["question"], "response": item["responses"][0]} for form in forms]
    results = critic.judge(items, progress=False)
    values = {result.to_record()["value"] for result in results}
    assert len(values) == 1
    assert values != {None}

"""What tasks hand over becomes a conversation, or a clear error."""

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageFile

from critic_eval.critics.conversations import Message
from critic_eval.errors import ArgumentError, ImageError
from critic_eval.judging.images import open_image
from critic_eval.lmms.requests import read_conversation, with_images


def png(size: tuple[int, int] = (4, 3)) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", size, 200).save(buffer, "PNG")
    return buffer.getvalue()


def test_text_and_images_keep_their_order() -> None:
    image = Image.new("RGB", (4, 3))
    content = [{"type": "image", "url": image}, {"type": "text", "text": "Which?"}]
    (message,) = read_conversation([{"role": "user", "content": content}], "t, document 0")
    assert message.role == "user"
    assert [type(part) for part in message.content] == [Image.Image, str]


def test_a_plain_string_is_one_text() -> None:
    assert read_conversation([{"role": "user", "content": "Which?"}], "t") == [Message("user", ("Which?",))]


@pytest.mark.parametrize(
    "wrap", [lambda b: b, lambda b: {"bytes": b, "path": None}, lambda b: Image.open(io.BytesIO(b))]
)
def test_images_come_as_bytes_records_or_pil(wrap: Any) -> None:
    opened = open_image(wrap(png()), "t")
    assert (opened.mode, opened.size) == ("RGB", (4, 3))


def test_images_come_as_paths(tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    path.write_bytes(png())
    assert open_image(str(path), "t").size == (4, 3)


@pytest.mark.parametrize("bad", [b"not an image", png()[:40], "no/such/file.png", None, {"bytes": None, "path": None}])
def test_an_unreadable_image_names_its_document(bad: Any) -> None:
    with pytest.raises(ImageError, match="critic_digits_pair, document 7"):
        open_image(bad, "critic_digits_pair, document 7")


def test_a_truncated_image_is_refused_even_where_pillow_was_told_to_fill_it_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    noise = Image.effect_noise((64, 64), 80)
    buffer = io.BytesIO()
    noise.save(buffer, "PNG")
    with pytest.raises(ImageError, match="can't be read"):
        open_image(buffer.getvalue()[:2000], "item 1")
    assert ImageFile.LOAD_TRUNCATED_IMAGES


def test_an_image_without_pixels_is_refused() -> None:
    with pytest.raises(ImageError, match="no pixels"):
        open_image(Image.new("RGB", (0, 5)), "t")


def test_other_media_are_refused() -> None:
    with pytest.raises(ArgumentError, match="video"):
        read_conversation([{"role": "user", "content": [{"type": "video", "url": "clip.mp4"}]}], "t")


def test_images_are_replaced_and_text_kept() -> None:
    black, white = Image.new("RGB", (2, 2)), Image.new("RGB", (2, 2), "white")
    own = [Message("user", (black, "A?", black))]
    assert with_images(own, [white]) == [Message("user", (white, "A?", white))]

"""Images are what their file shows, whatever its encoding; those that can't be shown are refused in a sentence."""

import io
import os
import random
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from critic_eval.benchmarks.digits.glyphs import choose_glyphs, compose
from critic_eval.critics.checkpoints import load_checkpoint
from critic_eval.critics.conversations import Message
from critic_eval.critics.embedded import resolve_pretrained
from critic_eval.critics.engines.engine import Group, Request
from critic_eval.critics.engines.local.engine import LocalEngine
from critic_eval.critics.generation import GenerationSettings
from critic_eval.errors import ArgumentError, ImageError
from critic_eval.judging.images import LIMIT_VARIABLE, image_fault, open_image
from critic_eval.training.digits.dialogues import describe

GRAY = np.arange(256, dtype=np.uint8).reshape(16, 16)


def saved(image: Image.Image, kind: str, **settings: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **settings)
    return stream.getvalue()


def array(values: Any, kind: str, dtype: Any, **settings: Any) -> bytes:
    return saved(Image.fromarray(np.asarray(values).astype(dtype)), kind, **settings)


def ink(gray: np.ndarray, mode: str) -> Image.Image:
    """Black whose opacity draws the picture."""
    alpha, black = Image.fromarray(255 - gray), Image.new("L", gray.shape[::-1], 0)
    return Image.merge(mode, [*([black] * (len(mode) - 1)), alpha])


def palette_with_transparency(gray: np.ndarray) -> bytes:
    """Every gray but white is black of that opacity."""
    image = Image.fromarray(gray, "P")
    image.putpalette([0] * 768)
    return saved(image, "PNG", transparency=bytes(255 - level for level in range(256)))


def white_is_zero(gray: np.ndarray) -> bytes:
    """A TIFF of 16 bits whose photometric interpretation says that 0 is white."""
    return array((255 - gray.astype(np.uint16)) * 257, "TIFF", np.uint16, tiffinfo={262: 0})


def encodings(gray: np.ndarray) -> dict[str, bytes]:
    """One gray picture in every encoding that holds all of it."""
    wide = gray.astype(np.int64)
    height, width = gray.shape
    return {
        "8 bits": array(gray, "PNG", np.uint8),
        "16 bits, PNG": array(wide * 257, "PNG", np.uint16),
        "16 bits, TIFF": array(wide * 257, "TIFF", np.uint16),
        "16 bits, JPEG 2000": array(wide * 257, "JPEG2000", np.uint16),
        "16 bits with the values of 8": array(wide, "PNG", np.uint16),
        "16 bits, PGM": f"P5 {width} {height} 65535\n".encode() + (wide * 257).astype(">u2").tobytes(),
        "12 bits, PGM": f"P5 {width} {height} 4095\n".encode() + np.rint(wide / 255 * 4095).astype(">u2").tobytes(),
        "16 bits, white is zero": white_is_zero(gray),
        "32-bit integers to 255": array(wide, "TIFF", np.int32),
        "32-bit integers to 65535": array(wide * 257, "TIFF", np.int32),
        "32-bit integers in full": array(wide * (2**31 // 255), "TIFF", np.int32),
        "signed 32-bit integers": array((wide - 128) * 1000, "TIFF", np.int32),
        "floats to 1": array(gray / 255, "TIFF", np.float32),
        "floats to 255": array(wide, "TIFF", np.float32),
        "floats to 65535": array(wide * 257, "TIFF", np.float32),
        "floats, PFM": f"Pf\n{width} {height}\n-1.0\n".encode() + np.flipud(gray / 255).astype("<f4").tobytes(),
        "black on transparent, LA": saved(ink(gray, "LA"), "PNG"),
        "black on transparent, RGBA": saved(ink(gray, "RGBA"), "PNG"),
        "black on transparent, RGBA, TIFF": saved(ink(gray, "RGBA"), "TIFF"),
        "black on transparent, WebP": saved(ink(gray, "RGBA"), "WEBP", lossless=True, exact=True),
        "black on transparent, palette": palette_with_transparency(gray),
        "palette": saved(Image.fromarray(gray).convert("P"), "PNG"),
        "GIF": saved(Image.fromarray(gray), "GIF"),
        "CMYK": saved(Image.fromarray(gray).convert("RGB").convert("CMYK"), "TIFF"),
        "RGB": saved(Image.fromarray(gray).convert("RGB"), "BMP"),
        "turned by EXIF": exif(Image.fromarray(gray).rotate(90, expand=True), 6, "PNG"),
    }


def exif(image: Image.Image, orientation: int, kind: str) -> bytes:
    data = Image.Exif()
    data[274] = orientation
    return saved(image, kind, exif=data)


@pytest.mark.parametrize("name", encodings(GRAY))
def test_every_encoding_of_a_gray_picture_shows_it(name: str) -> None:
    shown = np.asarray(open_image(encodings(GRAY)[name], "t")).astype(int)
    assert shown.shape == (16, 16, 3)
    assert np.abs(shown - GRAY[..., None]).max() <= 1


def test_one_bit_is_black_and_white() -> None:
    bits = GRAY > 99
    shown = np.asarray(open_image(saved(Image.fromarray(bits), "PNG"), "t"))
    assert (shown == np.where(bits, 255, 0)[..., None]).all()


def test_gray_of_16_bits_keeps_what_its_file_makes_transparent() -> None:
    shown = open_image(saved(Image.fromarray(GRAY.astype(np.uint16) * 257), "PNG", transparency=0), "t")
    assert shown.getpixel((0, 0)) == (255, 255, 255)
    assert shown.getpixel((1, 0)) == (1, 1, 1)


def test_lab_is_shown_in_color() -> None:
    lab = Image.merge("LAB", [Image.new("L", (2, 2), level) for level in (255, 128, 128)])
    red, green, blue = open_image(saved(lab, "TIFF"), "t").getpixel((0, 0))  # type: ignore[misc]
    assert min(red, green, blue) > 245


@pytest.mark.parametrize("nothing", [np.full((2, 2), np.nan), np.zeros((2, 2)), np.array([[np.inf, -np.inf]])])
def test_floats_that_are_no_picture_are_still_an_image(nothing: np.ndarray) -> None:
    assert open_image(array(nothing, "TIFF", np.float32), "t").mode == "RGB"


@pytest.mark.parametrize("orientation", range(10))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_orientation_is_honored_as_pillow_does(orientation: int, kind: str) -> None:
    data = exif(Image.fromarray(GRAY[:9]).convert("RGB"), orientation, kind)
    with Image.open(io.BytesIO(data)) as stored:
        upright, plain = ImageOps.exif_transpose(stored).convert("RGB"), stored.convert("RGB")
    for image in (data, {"bytes": data, "path": None}, Image.open(io.BytesIO(data))):
        shown = open_image(image, "t")
        assert shown.tobytes() == upright.tobytes()
        assert shown.size == upright.size
        # What was opened is opened again on its way to the critic.
        assert open_image(shown, "t").tobytes() == upright.tobytes()
        as_stored = open_image(open_image(data, "t", upright=False), "t")
        assert (as_stored.size, as_stored.tobytes()) == (plain.size, plain.tobytes())


def test_broken_exif_data_leaves_the_picture() -> None:
    data = saved(Image.new("RGB", (4, 2), "red"), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")
    assert open_image(data, "t").size == (4, 2)


def huge_png(width: int, height: int) -> bytes:
    """A small file whose header promises many pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")

    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 0, 0, 0, 0])
    rows = zlib.compress(b"\0" * 1000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(12_000, 12_000), (64_000_001, 1), (2**31 - 1, 1), (2**31 - 1, 2**31 - 1)])
def test_an_image_of_too_many_pixels_is_refused_before_it_is_decoded(size: tuple[int, int]) -> None:
    with pytest.raises(ImageError, match=f"more than 64,000,000 pixels .*{LIMIT_VARIABLE}"):
        open_image(huge_png(*size), "item 1")


def test_the_number_of_pixels_is_the_users_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    image = Image.new("RGB", (20, 10))
    monkeypatch.setenv(LIMIT_VARIABLE, "199")
    with pytest.raises(ImageError, match="more than 199 pixels"):
        open_image(image, "t")
    monkeypatch.setenv(LIMIT_VARIABLE, "200")
    assert open_image(image, "t").size == (20, 10)
    monkeypatch.setenv(LIMIT_VARIABLE, "many")
    with pytest.raises(ArgumentError, match="is not a number of pixels"):
        open_image(image, "t")
    # Pillow's own limit gives way to a higher one of ours.
    monkeypatch.setenv(LIMIT_VARIABLE, "1000")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    assert open_image(saved(image, "PNG"), "t").size == (20, 10)
    assert Image.MAX_IMAGE_PIXELS == 10


def test_nothing_but_files_is_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "empty.png").touch()
    (tmp_path / "page.png").write_text("<!DOCTYPE html><title>Not found</title>")
    (tmp_path / "drawing.png").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n")
    reasons = {
        tmp_path: "it is not a file",
        tmp_path / "pipe.png": "it is not a file",
        "/dev/zero": "it is not a file",
        tmp_path / "none.png": "there is no such file",
        "a" * 5000: "its path can't be one of a file",
        "a\ud800.png": "there is no such file",
        "a\0.png": "there is no such file",
        tmp_path / "empty.png": "the file is empty",
        b"": "the file is empty",
        tmp_path / "page.png": "it is not an image",
        tmp_path / "drawing.png": "it is a program that draws, not an image",
        "http://127.0.0.1:9/1.png": "it is an address; images are read from files",
        "file:///1.png": "it is an address; images are read from files",
        7: "it is a int, not an image, a path or bytes",
    }
    assert {given: image_fault(given) for given in reasons} == {
        given: f"can't be read ({reason})" for given, reason in reasons.items()
    }


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP"])
def test_a_damaged_file_is_a_picture_or_a_sentence(kind: str) -> None:
    noise = Image.effect_noise((40, 40), 90).convert("RGB")
    whole, rng = saved(noise, kind), random.Random(kind)
    for _ in range(60):
        data = bytearray(whole[: rng.choice([len(whole), rng.randrange(len(whole))])])
        for _ in range(rng.randrange(4)):
            if data:
                data[rng.randrange(len(data))] = rng.randrange(256)
        fault = image_fault(bytes(data))
        assert fault is None or fault.startswith(("can't be read (", "has "))
    assert image_fault(whole[: len(whole) // 2]) is not None


def test_the_embedded_critic_reads_3_5_and_8_from_every_encoding() -> None:
    rng = np.random.default_rng(1)
    picture = np.asarray(compose(choose_glyphs((3, 5, 8), "test", rng), "test", rng).convert("L"))
    question = "Which digits are shown from left to right?"
    groups = [
        Group(GenerationSettings(16), (Request(number, [Message("user", (open_image(data, name), question))], None),))
        for number, (name, data) in enumerate(encodings(picture).items())
    ]
    engine = LocalEngine(load_checkpoint(resolve_pretrained("digits")), batch_size=32)
    said = [answer.text for batch in engine.answer(groups) for _, answer in batch]
    assert said == [describe((3, 5, 8))] * len(groups)

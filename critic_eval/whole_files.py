"""Files that are written whole or not at all."""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path


def write_whole(file: Path, texts: Iterable[str]) -> None:
    """Write a file beside its place and move it there; lone surrogates, which UTF-8 can't hold, become escapes.

    Raises:
        OSError: it can't be written. After any error, of `texts` as well, nothing is left of it, and an older file
            stays as it was.
    """
    part = file.with_name(f".{file.name}.part")
    try:
        with part.open("wb") as opened:
            for text in texts:
                opened.write(text.encode("utf-8", "backslashreplace"))
            opened.flush()
            os.fsync(opened.fileno())
        part.replace(file)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise

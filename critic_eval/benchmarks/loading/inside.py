"""Which files a data set may name: those in its own folder, and no address."""

import os
from pathlib import Path

from critic_eval.benchmarks.loading.cases import UnusableError

OUTSIDE_VARIABLE = "CRITIC_EVAL_ALLOW_OUTSIDE"
"""Set to 1 it lets a data set name files anywhere on this machine."""


def image_inside(folder: Path, path: str) -> Path:
    """The image file of that path, which counts from a data set's folder and stays in it.

    Raises:
        UnusableError: It is an address, leads out of the folder (absolute, by `..`, by `~` or by a link) without leave,
            or is not a file.
    """
    if is_address(path):
        raise UnusableError(f"image {short(path)} is an address; images are read from files")
    try:
        named = Path(path).expanduser() if is_allowed_outside() else Path(path)
        file = folder / named
        is_file, resolved = file.is_file(), file.resolve()
    except (OSError, ValueError, RuntimeError):
        raise UnusableError("image is a path that no file can have") from None
    leads_out = named.is_absolute() or ".." in named.parts or not resolved.is_relative_to(folder.resolve())
    if leads_out and not is_allowed_outside():
        raise UnusableError(f"image {short(path)} leads out of the data's folder ({OUTSIDE_VARIABLE}=1 lets it)")
    if not is_file:
        raise UnusableError(f"there is no image {short(path)}")
    return file


def is_address(path: str) -> bool:
    """Whether a path is an address, of the net or of a file.

    >>> is_address("http://host/1.png"), is_address("file:/1.png"), is_address("a:b/1.png")
    (True, True, False)
    """
    return "://" in path or path.casefold().lstrip().startswith(("file:", "data:", "http:", "https:", "ftp:"))


def is_allowed_outside() -> bool:
    """Whether `CRITIC_EVAL_ALLOW_OUTSIDE` is set."""
    return os.environ.get(OUTSIDE_VARIABLE, "") not in ("", "0")


def short(value: object) -> str:
    """The beginning of a value, quoted, for messages."""
    return repr(str(value)[:40])

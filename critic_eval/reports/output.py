"""Folders that reports are written into."""

from collections.abc import Mapping
from pathlib import Path

from critic_eval.errors import ArgumentError


def output_folder(folder: Path, force: bool = False) -> Path:
    """Make a folder to write into; nothing in it is touched yet.

    Raises:
        ArgumentError: it is a file, can't be made, or holds something already that may not be overwritten.
    """
    if folder.exists() and not folder.is_dir():
        raise ArgumentError(f"{folder} is a file; give a folder.")
    if folder.exists() and any(folder.iterdir()) and not force:
        raise ArgumentError(f"{folder} holds something already; give another folder, or --force to write over it.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArgumentError(f"{folder} can't be made ({error.strerror}); give another folder.") from error
    return folder


def write_texts(folder: Path, contents: Mapping[str, str]) -> list[Path]:
    """Write files by their names; gives their paths."""
    for name, content in contents.items():
        (folder / name).write_text(content, encoding="utf-8", newline="")
    return [folder / name for name in contents]

"""Folders that reports are written into."""

from collections.abc import Mapping
from pathlib import Path

from critic_eval.errors import ArgumentError, DataError
from critic_eval.whole_files import write_whole


def output_folder(folder: Path, force: bool = False) -> Path:
    """Make a folder to write into; nothing in it is touched yet.

    Raises:
        ArgumentError: it is a file, can't be made, or holds something already that may not be overwritten.
    """
    try:
        if folder.exists() and not folder.is_dir():
            raise ArgumentError(f"{folder} is a file; give a folder.")
        if folder.exists() and any(folder.iterdir()) and not force:
            raise ArgumentError(f"{folder} holds something already; give another folder, or --force to write over it.")
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArgumentError(f"{folder} can't be made ({error.strerror}); give another folder.") from error
    return folder


def write_texts(folder: Path, contents: Mapping[str, str]) -> list[Path]:
    """Write files by their names, each whole or not at all; gives their paths.

    Raises:
        DataError: one can't be written; names it.
    """
    files = {folder / name: content for name, content in contents.items()}
    file = folder
    try:
        for file, content in files.items():
            write_whole(file, [content])
    except OSError as error:
        raise DataError(f"{file} can't be written ({error.strerror}).") from error
    return list(files)

"""Folders that belong to the package and lie beside it in a checkout: tasks, published figures, studies."""

from pathlib import Path


def data_folder(*parts: str) -> Path:
    """A folder inside an installed wheel, or at the top of a checkout."""
    package = Path(__file__).resolve().parent
    installed = package.joinpath("data", *parts)
    return installed if installed.is_dir() else package.parent.joinpath(*parts)

"""Where a benchmark's data comes from: its hub id, or a local copy in the folder that `CRITIC_EVAL_DATA` names."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from critic_eval.benchmarks.loading.cases import UnusableError
from critic_eval.benchmarks.loading.inside import image_inside, is_address, is_allowed_outside, short
from critic_eval.errors import DataError

VARIABLE = "CRITIC_EVAL_DATA"

BUILDERS = {".jsonl": "text", ".json": "json", ".parquet": "parquet"}
"""The builder of `datasets` for a file, by its ending; JSON lines are read line by line, and parsed by us."""


class DataSource(Protocol):
    """Where a benchmark's data comes from: how `datasets.load_dataset` loads it, and where its images are."""

    @property
    def split(self) -> str:
        """The split that is judged."""
        ...

    def path(self) -> str:
        """The builder or hub id. Raises DataError where there is no data."""
        ...

    def name(self) -> str | None:
        """The configuration."""
        ...

    def kwargs(self) -> dict[str, Any]:
        """All other arguments."""
        ...

    def locate(self, image: Any) -> tuple[Any, ...]:
        """What a row's column says of an image, as something to open; nothing for nothing.

        Raises UnusableError for what is not a file of the data.
        """
        ...


@dataclass(frozen=True)
class HubData:
    """A data set and its local form.

    Attributes:
        folder: Name of its folder inside `CRITIC_EVAL_DATA`.
        file: The file there, or in a folder of it; may be a pattern such as `pairwise*.parquet`. JSON lines are read by
            us, since `datasets` refuses a column of mixed types.
        hub: The hub id; None where the data is on no hub.
        config: The hub's configuration.
        split: The hub's split.
        revision: The hub's revision that the loader was written for, where that is known.
        image_folders: Folders, from `folder`, where images that rows name by path are looked for.
    """

    folder: str
    file: str
    hub: str | None = None
    config: str | None = None
    split: str = "test"
    revision: str | None = None
    image_folders: tuple[str, ...] = ("", "images", "image")

    @property
    def local(self) -> Path | None:
        """The local folder, or None where `CRITIC_EVAL_DATA` is not set or holds none for this benchmark.

        Raises:
            DataError: The folder that is named does not exist, or the file in it is missing.
        """
        named = os.environ.get(VARIABLE)
        if not named:
            return None
        root = Path(named).expanduser().resolve()
        if not root.is_dir():
            raise DataError(f"There is no folder {root}, which {VARIABLE} names.")
        folder = root / self.folder
        if not folder.is_dir():
            return None
        if not _found(folder, self.file):
            raise DataError(f"{VARIABLE} holds {folder}, but there is no {self.file} in it; see docs/benchmarks.md.")
        return folder

    def path(self) -> str:
        """What `datasets.load_dataset` takes as path.

        Raises:
            DataError: There is neither a local copy nor a hub id.
        """
        if self.local is not None:
            return BUILDERS[self._files()[0].suffix]
        if self.hub is None:
            raise DataError(
                f"This benchmark is on no hub: set {VARIABLE} to a folder that holds {self.folder}/{self.file}."
            )
        return self.hub

    def name(self) -> str | None:
        """The hub's configuration, None for a local copy."""
        return None if self.local is not None else self.config

    def kwargs(self) -> dict[str, Any]:
        """Further arguments of `datasets.load_dataset`."""
        local = self.local
        if local is None:
            return {} if self.revision is None else {"revision": self.revision}
        return load_arguments(self.split, self._files())

    def locate(self, image: Any) -> tuple[Any, ...]:
        """See `DataSource`, and `images` for where files are looked for."""
        return self.images({"image": image, "path": image}, "path")

    def _files(self) -> list[Path]:
        return _found(self.local, self.file) if self.local is not None else []

    def images(self, row: Mapping[str, Any], *paths: str) -> tuple[Any, ...]:
        """The images of a row: its column `image` where that holds one, else the files that the path columns name.

        Rows are also read without their images, which are costly; then there are none. Where no image file is there at
        all, the paths are given as they are: judges that look at no image can run, and any other fails at the first.

        Raises:
            UnusableError: An image file is missing while others are there; an image is an address or not a file of
                the data.
        """
        if isinstance(row.get("image"), Mapping):
            return (self._recorded(row["image"]),)
        if hasattr(row.get("image"), "convert"):
            return (row["image"],)
        named = [row[column] for column in paths if isinstance(row.get(column), str) and row[column]]
        local = self.local
        if local is None:
            return tuple(named)
        located = []
        for path in named:
            candidates = [candidate for root in self.image_folders for candidate in _candidates(local / root, path)]
            located_file = next((candidate for candidate in candidates if candidate.is_file()), None)
            if located_file is None and _holds_images(local):
                raise UnusableError("its image file is missing")
            located.append(str(located_file or candidates[0]))
        return tuple(located)

    def _recorded(self, image: Mapping[str, Any]) -> Any:
        """An image as `datasets` records it: bytes, or the path of a file that came with the data."""
        path = image.get("path")
        if image.get("bytes") or not isinstance(path, str):
            return image
        if self.local is not None:
            return str(image_inside(self.local, path))
        from datasets import config
        from huggingface_hub import constants

        # What `datasets` fetched of a hub's repository lies in its caches.
        caches = (config.HF_DATASETS_CACHE, config.DOWNLOADED_DATASETS_PATH, constants.HF_HUB_CACHE)
        is_fetched = any(Path(path).resolve().is_relative_to(Path(cache).resolve()) for cache in caches)
        if is_address(path) or not (is_fetched or is_allowed_outside()):
            raise UnusableError(f"image {short(path)} is not a file of the data")
        return path

    def frames(self, path: str, most: int = 8) -> tuple[str, ...]:
        """Images for a video: up to `most` files of the folder that it names, evenly spread over its length.

        Raises:
            UnusableError: There is no such folder of frames while other images are there.
        """
        local = self.local
        if local is None:
            return (path,)
        folders = [candidate for root in self.image_folders for candidate in _candidates(local / root, path)]
        folder = next((candidate for candidate in folders if candidate.is_dir()), None)
        if folder is None:
            if _holds_images(local):
                raise UnusableError("its video is not there as a folder of frames")
            return (str(folders[0]),)
        files = sorted(file for file in folder.iterdir() if file.suffix.lower() in _SUFFIXES)
        if not files:
            raise UnusableError("its folder of frames is empty")
        chosen = sorted({round(index * (len(files) - 1) / max(1, most - 1)) for index in range(most)})
        return tuple(str(files[index]) for index in chosen)


def load_arguments(split: str, files: Sequence[Path]) -> dict[str, Any]:
    """What `datasets.load_dataset` takes beside a builder, for files of one kind."""
    return {"data_files": {split: [str(file) for file in files]}}


def _found(folder: Path, pattern: str) -> list[Path]:
    """Files of that name in a folder, or else in its subfolders, as a copy of a hub's repository has them."""
    return sorted(folder.glob(pattern)) or sorted(folder.rglob(pattern))


@lru_cache
def _holds_images(folder: Path) -> bool:
    return any(file.suffix.lower() in _SUFFIXES for file in folder.rglob("*"))


_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp")


def _candidates(root: Path, path: str) -> Iterator[Path]:
    # A path from a data set never leaves the folder: "../mmmu/1.png" is looked for as "mmmu/1.png".
    parts = [part for part in Path(path).parts if part not in ("..", ".", "/")]
    yield root.joinpath(*parts)
    if len(parts) > 1:
        yield root / parts[-1]

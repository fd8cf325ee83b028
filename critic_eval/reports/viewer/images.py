"""The images of items, from the data set that a task is loaded from; samples hold none."""

import io
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from critic_eval.errors import CriticEvalError
from critic_eval.judging.images import open_image
from critic_eval.runs.items import LoadedItems, run_items

NOT_AT_HAND = "The data set is not at hand, so there are no images."
CHANGED = "The data set has changed since this run, so its images may be others."
NO_IMAGE = "This item has no image."
LOSSLESS_EDGE = 512
"""Images up to this long edge, in pixels, are kept without loss; larger ones become JPEG."""


class MissingImagesError(CriticEvalError):
    """An item's images can't be shown; the message says why."""


@dataclass(frozen=True)
class Encoded:
    """An image as a browser takes it."""

    data: bytes
    media_type: str

    @property
    def suffix(self) -> str:
        """The ending of its file."""
        return {"image/webp": ".webp", "image/jpeg": ".jpg"}[self.media_type]


@dataclass(frozen=True)
class DataSet:
    """The items of a task, from the data set that it is loaded from."""

    items: LoadedItems

    def images(self, item_id: str, shown: dict[str, Any] | None, longest: int) -> list[Encoded]:
        """The images of an item, encoded.

        Args:
            item_id: the item, as its judgments name it.
            shown: its texts as the run logged them; where they are other than the data set's, so may the images be.
            longest: the long edge of an image at most, in pixels.

        Raises:
            MissingImagesError: there are none, or not those that the critic was shown.
        """
        try:
            item = self.items.item(item_id)
        except CriticEvalError as error:
            raise MissingImagesError(CHANGED) from error
        if shown is not None and item.texts() != shown:
            raise MissingImagesError(CHANGED)
        if not item.images:
            raise MissingImagesError(NO_IMAGE)
        try:
            return [encode(open_image(image, f"item {item_id}"), longest) for image in item.images]
        except CriticEvalError as error:
            raise MissingImagesError(str(error)) from error


def load_data_set(task: str) -> DataSet:
    """Load the data set of a task, from what is on this machine.

    Raises:
        MissingImagesError: it is not on this machine.
    """
    # Nothing is fetched for a look at samples. The libraries read this when they are first imported.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("HF_DATASETS_OFFLINE", "1")
    try:
        return DataSet(run_items(task))
    except CriticEvalError as error:
        raise MissingImagesError(f"{NOT_AT_HAND} {error}") from error
    except Exception as error:  # whatever `datasets` raises for data that is not there
        raise MissingImagesError(NOT_AT_HAND) from error


def encode(image: Any, longest: int) -> Encoded:
    """An RGB image with a long edge of at most so many pixels: small ones as they are, others as JPEG."""
    from PIL import Image

    if max(image.size) > longest:
        image = image.copy()
        image.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    if max(image.size) <= LOSSLESS_EDGE:
        image.save(out, "WEBP", lossless=True)
        return Encoded(out.getvalue(), "image/webp")
    image.save(out, "JPEG", quality=88, optimize=True)
    return Encoded(out.getvalue(), "image/jpeg")


class DataSets:
    """The data sets of some tasks, each loaded in the background when its first image is asked for."""

    def __init__(self, tasks: Sequence[str]) -> None:
        self._tasks = set(tasks)
        self._loaded: dict[str, DataSet | MissingImagesError] = {}
        self._loading: set[str] = set()
        self._lock = threading.Lock()
        self._one_at_a_time = threading.Lock()

    def get(self, task: str) -> DataSet | None:
        """A data set, or None while it is loaded.

        Raises:
            MissingImagesError: it can't be loaded.
        """
        with self._lock:
            loaded = self._loaded.get(task)
            if loaded is None and task not in self._loading and task in self._tasks:
                self._loading.add(task)
                threading.Thread(target=self._load, args=(task,), daemon=True).start()
        if isinstance(loaded, MissingImagesError):
            raise loaded
        return loaded

    def _load(self, task: str) -> None:
        loaded: DataSet | MissingImagesError
        with self._one_at_a_time:
            try:
                loaded = load_data_set(task)
            except MissingImagesError as error:
                loaded = error
        with self._lock:
            self._loaded[task] = loaded

"""The page as a folder that opens from disk: data as scripts, since a page from disk may load nothing else."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from critic_eval.errors import DataError
from critic_eval.reports.render import output_folder
from critic_eval.reports.viewer.assets import FOLDER as ASSETS
from critic_eval.reports.viewer.assets import read_assets
from critic_eval.reports.viewer.images import DataSet, MissingImagesError, load_data_set
from critic_eval.reports.viewer.texts import item_texts
from critic_eval.reports.viewer.view import TaskView, View

CHUNK = 200
"""Items whose texts are in one file."""
LONGEST_IMAGE = 1024
"""Long edge of an exported image, in pixels, at most."""


def export(
    view: View,
    folder: Path,
    force: bool = False,
    with_images: bool = True,
    tell: Callable[[str], None] = lambda text: None,
) -> list[Path]:
    """Write the page and all that it shows; gives the files.

    Args:
        view: what is shown.
        folder: to write into.
        force: write over what it holds.
        with_images: add the images of the data sets that are on this machine.
        tell: is told what could not be written, in sentences.

    Raises:
        ArgumentError: the folder holds something already.
        DataError: the samples changed meanwhile, or the folder can't be written.
    """
    output_folder(folder, force)
    _remove_earlier(folder)
    written: dict[Path, None] = {}

    def write(path: str, data: bytes) -> None:
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        written[file] = None

    try:
        for path, asset in read_assets().items():
            write(path, _for_disk(asset.data) if path == "index.html" else asset.data)
        write("data/manifest.js", script("manifest", {**view.to_record(), "chunk": CHUNK}))
        for number, task in enumerate(view.tasks):
            write(f"data/table-{number}.js", script(f"tables/{number}", task.table.to_record()))
            images = _Images(task, write, tell) if with_images else None
            for chunk, start in enumerate(range(0, task.table.n_items, CHUNK)):
                items = range(start, min(start + CHUNK, task.table.n_items))
                texts = [_with_images(item_texts(task.table, item), item, images, task) for item in items]
                write(f"data/texts-{number}-{chunk}.js", script(f"texts/{number}/{chunk}", texts))
    except OSError as error:
        raise DataError(f"{folder} can't be written ({error.strerror}).") from error
    return list(written)


def script(key: str, value: Any) -> bytes:
    """A value as a script that hands it to the page.

    What the value says can't end the script or begin another: it is a string of JSON in which `<` and the line ends of
    JavaScript are escaped. As a literal of JavaScript, a key `__proto__` would not become a key.
    """
    content = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    text = json.dumps(content, ensure_ascii=False)
    for sign, escaped in (("<", "\\u003c"), ("\u2028", "\\u2028"), ("\u2029", "\\u2029")):
        text = text.replace(sign, escaped)
    return f"Exported.give({json.dumps(key)},JSON.parse({text}));\n".encode("utf-8", errors="surrogatepass")


def _remove_earlier(folder: Path) -> None:
    """Remove what an earlier export wrote, of which this one might leave something behind."""
    if (folder / "data" / "manifest.js").is_file():
        for name in (ASSETS, "data", "images"):
            if not (folder / name).is_symlink():
                shutil.rmtree(folder / name, ignore_errors=True)


def _for_disk(page: bytes) -> bytes:
    return page.replace(b"source_server.js", b"source_export.js")


class _Images:
    """Writes the images of a task's items, each distinct one once."""

    def __init__(self, task: TaskView, write: Callable[[str, bytes], None], tell: Callable[[str], None]) -> None:
        self._write = write
        self._known: set[str] = set()
        self._data_set: DataSet | None = None
        self._reason = ""
        try:
            self._data_set = load_data_set(task.name)
        except MissingImagesError as error:
            self._reason = str(error)
            tell(f"{task.name}: {error}")

    def of(self, item_id: str, shown: dict[str, Any] | None) -> dict[str, Any]:
        """Where the images of an item are, or why there are none."""
        if self._data_set is None:
            return {"reason": self._reason}
        try:
            images = self._data_set.images(item_id, shown, LONGEST_IMAGE)
        except MissingImagesError as error:
            return {"reason": str(error)}
        paths = []
        for image in images:
            path = f"images/{hashlib.sha256(image.data).hexdigest()[:20]}{image.suffix}"
            if path not in self._known:
                self._known.add(path)
                self._write(path, image.data)
            paths.append(path)
        return {"images": paths}


def _with_images(texts: dict[str, Any], item: int, images: _Images | None, task: TaskView) -> dict[str, Any]:
    if images is None:
        return {**texts, "images": {"reason": "This page was exported without images."}}
    return {**texts, "images": images.of(task.table.item_id(item), texts["shown"])}

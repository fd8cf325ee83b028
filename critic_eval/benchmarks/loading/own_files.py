"""A user's own file, in any of its forms, as lines of JSON that a task reads one by one."""

import hashlib
import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from critic_eval.benchmarks.loading.cache import cache_folder, written_once
from critic_eval.benchmarks.loading.cases import UnusableError
from critic_eval.benchmarks.loading.inside import image_inside
from critic_eval.benchmarks.loading.sources import BUILDERS, load_arguments
from critic_eval.benchmarks.loading.tables import read_table
from critic_eval.errors import DataError

EMBEDDED = "embedded"
"""The key under which a line names an image that was in its parquet file."""


@dataclass(frozen=True)
class OwnFile:
    """A user's file of items: JSON lines, JSON, CSV, TSV or parquet (a `DataSource`).

    All but JSON lines are written as such first: `datasets` would make numbers of a table's texts, end at the first odd
    row of a JSON file, and open whatever file or address an image of a parquet file names.

    Attributes:
        variable: the environment variable that names the file.
        given: the file, where no variable names one.
    """

    variable: str | None = None
    given: Path | None = None
    split: str = "test"

    @property
    def file(self) -> Path:
        """The file.

        Raises:
            DataError: None is named, it does not exist, or it is of no known kind.
        """
        named = (os.environ.get(self.variable) if self.variable else None) or self.given
        if not named:
            task = str(self.variable).removeprefix("CRITIC_EVAL_").lower()
            raise DataError(f"critic_{task} reads your own file: set {self.variable} to it (see docs/own_items.md).")
        file = Path(named).expanduser().resolve()
        if not file.is_file():
            raise DataError(f"There is no file {file}, which {self.variable or 'the benchmark'} names.")
        if file.suffix not in _KINDS:
            raise DataError(f"{file.name} is none of {', '.join(_KINDS)}.")
        if not file.stat().st_size:
            raise DataError(f"{file} holds no items.")
        return file

    def path(self) -> str:
        """What `datasets.load_dataset` takes as path."""
        return BUILDERS[self._lines().suffix]

    def name(self) -> None:
        """There is one configuration."""

    def kwargs(self) -> dict[str, Any]:
        """Further arguments of `datasets.load_dataset`."""
        lines = self._lines()
        with lines.open("rb") as stream:
            is_wide = stream.read(2) in (b"\xff\xfe", b"\xfe\xff")
        # A byte that is no UTF-8 becomes an escape that JSON does not have, so that its line is left out.
        encoding = {"encoding": "utf-16" if is_wide else "utf-8-sig", "encoding_errors": "backslashreplace"}
        return {**load_arguments("test", [lines]), **encoding}

    def locate(self, image: Any) -> tuple[Path, ...]:
        """The file of an image: its path counts from this file's folder, and stays in it; or it is in a parquet file.

        Raises UnusableError where there is none.
        """
        file = self.file
        if isinstance(image, Mapping):
            name = image.get(EMBEDDED)
            if file.suffix == ".parquet" and isinstance(name, str) and re.fullmatch(r"[\w-]+", name):
                return (_written(file) / _IMAGES / name,)
        if not isinstance(image, str) or not image:
            raise UnusableError("image is neither a path nor a list of paths")
        return (image_inside(file.parent, image),)

    def _lines(self) -> Path:
        file = self.file
        return file if file.suffix == ".jsonl" else _written(file) / "items.jsonl"


def _written(file: Path) -> Path:
    """The folder that holds the file as lines."""
    facts = file.stat()
    digest = _digest(file, facts.st_mtime_ns, facts.st_size)
    return written_once(cache_folder() / f"lines-{digest}", partial(_WRITERS[file.suffix], file))


@lru_cache(8)
def _digest(file: Path, _changed: int, _size: int) -> str:
    state = hashlib.sha256(file.suffix.encode())
    with file.open("rb") as stream:
        while block := stream.read(1 << 20):
            state.update(block)
    return state.hexdigest()[:16]


def _write_table(file: Path, folder: Path) -> None:
    """Write a table's rows, each on the line it ends on; what can't be read stays what it is: no JSON."""
    table = read_table(file)
    lines = {number: json.dumps(row) for number, row in table.rows}
    last = max(lines)
    text = [lines.get(number, "") for number in range(1, last + 1)]
    (folder / "items.jsonl").write_text("\n".join([*text, *table.problems]), encoding="utf-8")


def _write_json(file: Path, folder: Path) -> None:
    """Write a list's elements; a file that is not a list may hold lines already."""
    content = file.read_bytes()
    is_wide = content[:2] in (b"\xff\xfe", b"\xfe\xff")
    text = content.decode("utf-16" if is_wide else "utf-8-sig", errors="backslashreplace")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if value is not None:
        text = "\n".join(json.dumps(element) for element in (value if isinstance(value, list) else [value]))
    (folder / "items.jsonl").write_text(text, encoding="utf-8")


def _write_parquet(file: Path, folder: Path) -> None:
    """Write a parquet file's rows, and the images in them to files of their own."""
    images = folder / _IMAGES
    images.mkdir()
    with (folder / "items.jsonl").open("w", encoding="utf-8") as lines:
        for number, row in enumerate(_parquet_rows(file)):
            for position, (column, given) in enumerate(row.items()):
                many = given if isinstance(given, list) else [given]
                if any(map(_is_image, many)):
                    kept = [_kept(value, images / f"{number}-{position}-{index}") for index, value in enumerate(many)]
                    row[column] = kept if isinstance(given, list) else kept[0]
            lines.write(json.dumps({name: _plain(value) for name, value in row.items()}, default=str) + "\n")


def _parquet_rows(file: Path) -> Iterator[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file) as table:
            for batch in table.iter_batches(batch_size=64):
                yield from batch.to_pylist()
    except (pa.ArrowException, OSError) as error:
        first_line = str(error).strip().splitlines()[0]
        raise DataError(f"{file} is not a parquet file that can be read ({first_line}).") from error


def _is_image(value: Any) -> bool:
    return isinstance(value, bytes) or (isinstance(value, Mapping) and set(value) == {"bytes", "path"})


def _kept(image: Any, file: Path) -> Any:
    """What a line holds for an image: a path as it is, bytes as the name of a file."""
    if isinstance(image, Mapping):
        image = image.get("bytes") or image.get("path")
    if not isinstance(image, bytes):
        return image
    file.write_bytes(image)
    return {EMBEDDED: file.name}


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


_IMAGES = "images"
_WRITERS = {".json": _write_json, ".csv": _write_table, ".tsv": _write_table, ".parquet": _write_parquet}
_KINDS = (".jsonl", *_WRITERS)

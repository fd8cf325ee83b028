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
from typing import Any, Literal

from critic_eval.benchmarks.loading.cache import cache_folder, written_once
from critic_eval.benchmarks.loading.cases import UnusableError
from critic_eval.benchmarks.loading.sources import BUILDERS, load_arguments
from critic_eval.benchmarks.loading.tables import read_table
from critic_eval.errors import DataError

Kind = Literal["pairs", "scores", "ranks"]

EMBEDDED = "embedded"
"""The key under which a line names an image that was in its parquet file."""


@dataclass(frozen=True)
class OwnFile:
    """The file of one task: JSON lines, JSON, CSV, TSV or parquet, named by `CRITIC_EVAL_PAIRS`, `_SCORES` or `_RANKS`.

    It stands in for a `Source`: the same methods say how `datasets` loads it. All but JSON lines are written as such
    first: `datasets` would make numbers of a table's texts, end at the first odd row of a JSON file, and open whatever
    file or address an image of a parquet file names.
    """

    kind: Kind

    @property
    def variable(self) -> str:
        """The environment variable that names the file."""
        return f"CRITIC_EVAL_{self.kind.upper()}"

    @property
    def file(self) -> Path:
        """The file.

        Raises:
            DataError: None is named, it does not exist, or it is of no known kind.
        """
        named = os.environ.get(self.variable)
        if not named:
            raise DataError(f"critic_{self.kind} reads your own file: set {self.variable} to it (see the README).")
        file = Path(named).expanduser().resolve()
        if not file.is_file():
            raise DataError(f"There is no file {file}, which {self.variable} names.")
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

    def embedded_image(self, name: object) -> Path:
        """The file of an image that was in the parquet file. Raises UnusableError where there is none."""
        file = self.file
        if file.suffix == ".parquet" and isinstance(name, str) and re.fullmatch(r"\d+-\d+", name):
            return _written(file) / _IMAGES / name
        raise UnusableError("image is neither a path nor a list of paths")

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
    found = read_table(file)
    lines = {number: json.dumps(row) for number, row in found.rows}
    last = max(lines)
    text = [lines.get(number, "") for number in range(1, last + 1)]
    (folder / "items.jsonl").write_text("\n".join([*text, *found.problems]), encoding="utf-8")


def _write_json(file: Path, folder: Path) -> None:
    """Write a list's elements; a file that is no list may hold lines already."""
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
            for column in ("image", "images"):
                given = row.get(column)
                many = given if isinstance(given, list) else [given]
                kept = [_kept(one, images / f"{number}-{index}") for index, one in enumerate(many)]
                if given is not None:
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
        raise DataError(f"{file} is no parquet file that can be read ({first_line}).") from error


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

FILES: dict[Kind, OwnFile] = {"pairs": OwnFile("pairs"), "scores": OwnFile("scores"), "ranks": OwnFile("ranks")}

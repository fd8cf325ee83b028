"""Files that are not what they seem: a few packed bytes that unpack to gigabytes, and texts that are not UTF-8."""

import gzip
import io
import os
import zlib
from pathlib import Path
from typing import BinaryIO

from critic_eval.errors import ArgumentError, DataError

UNPACKED_VARIABLE = "CRITIC_EVAL_MAX_UNPACKED_MB"
"""How many megabytes (10^6 bytes) a `.gz` file may unpack to; 2,000 where it is not set."""


class BoundedReader(io.RawIOBase):
    """Reads a file, and raises DataError past the size that `CRITIC_EVAL_MAX_UNPACKED_MB` allows."""

    def __init__(self, inner: BinaryIO | gzip.GzipFile, name: str) -> None:
        self.inner, self.name, self.left, self.most = inner, name, unpacked_limit(), unpacked_limit()

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override]
        """Fill a buffer. Raises DataError past the limit."""
        data = self.inner.read(len(buffer))
        self.left -= len(data)
        if self.left < 0:
            raise DataError(
                f"{self.name} unpacks to more than {self.most // 1_000_000:,} MB, and is not read on; set "
                f"{UNPACKED_VARIABLE} if it is meant to."
            )
        buffer[: len(data)] = data
        return len(data)


def unpacked_limit() -> int:
    """The limit in bytes. Raises ArgumentError where the value of the variable is not a number over 0."""
    value = os.environ.get(UNPACKED_VARIABLE, "2000")
    try:
        limit = int(float(value) * 1_000_000)
    except (ValueError, OverflowError):
        limit = 0
    if limit <= 0:
        raise ArgumentError(f"{UNPACKED_VARIABLE} is a number of megabytes over 0, not {value!r}.")
    return limit


def check_encoding(file: Path) -> None:
    """Look at a file's first bytes.

    Raises:
        DataError: They are those of UTF-16, UTF-32, a gzip file under another name, or no text.
        OSError: The file can't be read.
    """
    with gzip.open(file) if file.name.endswith(".gz") else file.open("rb") as stream:
        try:
            start = stream.read(4096)
        except (EOFError, zlib.error):
            return  # whoever reads it on says how much of it is there
    for mark, name in _MARKS:
        if start.startswith(mark):
            raise DataError(f"{file.name} is {name}.")
    if b"\0" in start:
        even = start[1::2].count(0) > len(start) // 4 or start[0::2].count(0) > len(start) // 4
        seems = "seems to be UTF-16; save it as UTF-8" if even else "holds NUL bytes, and so is not text"
        raise DataError(f"{file.name} {seems}.")


_MARKS = (
    (b"\xff\xfe\0\0", "UTF-32; save it as UTF-8"),
    (b"\0\0\xfe\xff", "UTF-32; save it as UTF-8"),
    (b"\xff\xfe", "UTF-16; save it as UTF-8"),
    (b"\xfe\xff", "UTF-16; save it as UTF-8"),
    (b"\x1f\x8b", "compressed by gzip; let its name end in .gz"),
    (b"PK\x03\x04", "a zip file (or a spreadsheet), no table of text"),
    (b"PAR1", "a Parquet file; let its name end in .parquet"),
)

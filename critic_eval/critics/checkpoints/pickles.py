"""What a pickled weight file would call if it were loaded without restraint; nothing of it is run to find out."""

from __future__ import annotations

import pickletools
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

_TENSORS = ("torch", "collections", "numpy", "_codecs")
"""The modules whose names weights are made of."""

_MOST_PICKLES = 8
"""torch's older format is a few pickles, followed by the numbers."""


def foreign_call(file: Path) -> str | None:
    """The first function or class, such as `posix.system`, that is not part of weights; None where there is none."""
    try:
        if not zipfile.is_zipfile(file):
            with file.open("rb") as stream:
                return next(_foreign(stream), None)
        with zipfile.ZipFile(file) as archive:
            for name in archive.namelist():
                if not name.endswith(".pkl"):
                    continue
                with archive.open(name) as stream:  # as far as it is read, since what is packed may be far larger
                    if foreign := next(_foreign(stream), None):
                        return foreign
    except Exception:
        # A damaged file ends in any kind of error; what could be read of it called nothing.
        return None
    return None


def _foreign(stream: IO[bytes]) -> Iterator[str]:
    for _ in range(_MOST_PICKLES):
        texts: list[str] = []
        for operation, argument, _position in pickletools.genops(stream):
            if operation.name in ("GLOBAL", "INST"):
                module, _, name = str(argument).partition(" ")
            elif operation.name == "STACK_GLOBAL":
                module, name = (texts[-2], texts[-1]) if len(texts) > 1 else ("?", "?")
            else:
                if isinstance(argument, str):
                    texts.append(argument)
                continue
            if module.partition(".")[0] not in _TENSORS:
                yield f"{module}.{name}"

"""How many answers a journal holds, told without opening it for a run."""

import contextlib
import sqlite3
from pathlib import Path


def kept_answers(file: Path) -> int:
    """The answers in a journal, also while this process holds its lock but is not writing; 0 where there is none."""
    address = f"{file.absolute().as_uri()}?mode=ro&immutable=1"
    try:
        with contextlib.closing(sqlite3.connect(address, uri=True)) as journal:
            (count,) = journal.execute("SELECT count(*) FROM answers").fetchone()
    except sqlite3.Error:
        return 0
    return int(count)

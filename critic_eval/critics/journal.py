"""A journal of answers on disk: what was answered once is never computed again, whatever ended the run.

The journal is an SQLite file, so that a killed run, a full disk or a power cut leaves whole entries and nothing else.
"""

import hashlib
import json
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from critic_eval.critics.generation import Answer, GenerationSettings
from critic_eval.errors import DataError
from critic_eval.judging import Reading


class Journal:
    """Answers by key. One run at a time writes to a journal; its file is locked until `close`.

    Args:
        file: created where it does not exist, with its folder.

    Raises:
        DataError: another run is using the file, it is no journal, or it can't be written.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._unsaved: dict[bytes, Answer] = {}
        self._saved_at = time.monotonic()
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(file, timeout=0.5, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._db.execute(f"PRAGMA mmap_size = {_MAPPED_BYTES}")
            self._db.execute("BEGIN EXCLUSIVE")
            self._db.execute(_TABLE)
            self._db.execute("SELECT key, answer FROM answers LIMIT 0")  # another program's table may have that name
            self._db.execute("COMMIT")
        except (OSError, sqlite3.Error) as error:
            raise _explained(file, error) from error

    def __len__(self) -> int:
        """How many answers are kept."""
        (count,) = self._db.execute("SELECT count(*) FROM answers").fetchone()
        return int(count) + len(self._unsaved)

    def get(self, key: bytes) -> Answer | None:
        """The answer under a key, or None."""
        if key in self._unsaved:
            return self._unsaved[key]
        row = self._db.execute("SELECT answer FROM answers WHERE key = ?", (key,)).fetchone()
        return None if row is None else Answer(**json.loads(row[0]))

    def add(self, key: bytes, answer: Answer) -> None:
        """Keep an answer; it is on disk after `save`, which comes by itself every few answers."""
        self._unsaved[key] = answer
        if len(self._unsaved) >= _SAVE_ANSWERS:
            self.save()

    def end_batch(self) -> None:
        """Save what the batch brought, unless the last save was a moment ago, as with answers that come one by one."""
        if time.monotonic() - self._saved_at >= _SAVE_SECONDS:
            self.save()

    def save(self) -> None:
        """Write all that was added, in one transaction that survives a power cut. Raises DataError on a full disk."""
        if not self._unsaved:
            return
        rows = [(key, json.dumps(asdict(answer))) for key, answer in self._unsaved.items()]
        try:
            self._db.execute("BEGIN")
            self._db.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?)", rows)
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise _explained(self.file, error) from error
        self._unsaved.clear()
        self._saved_at = time.monotonic()

    def close(self) -> None:
        """Save, and let other runs have the file."""
        self.save()
        self._db.close()


@dataclass
class RequestKeys:
    """Keys of requests: equal where critic, prompt, images and settings are, and nowhere else.

    A sampled request that comes again is another draw, so its key counts how often it came; and so it is with another
    seed.
    """

    critic: Mapping[str, str]
    seed: int = 0

    def __post_init__(self) -> None:
        self._times: dict[bytes, int] = {}

    def key(
        self,
        roles: Sequence[str],
        contents: Sequence[Sequence[Any]],
        settings: GenerationSettings,
        reading: Reading | None = None,
    ) -> bytes:
        """32 bytes that name a request.

        Args:
            roles: of its messages.
            contents: of each message the parts, strings and images; an image is named by its attribute `digest`.
            settings: how it is answered.
            reading: how its answer is read, where that shapes what is computed.
        """
        parts = [
            [role, *(part if isinstance(part, str) else ["image", part.digest] for part in content)]
            for role, content in zip(roles, contents, strict=True)
        ]
        read_as = reading.protocol if reading is not None and settings.mode != "text" else None
        content = json.dumps([dict(self.critic), parts, asdict(settings), read_as], sort_keys=True)
        key = hashlib.sha256(content.encode()).digest()
        if not dict(settings.options).get("do_sample"):
            return key
        self._times[key] = self._times.get(key, 0) + 1
        return hashlib.sha256(key + f"{self.seed} {self._times[key]}".encode()).digest()


_TABLE = "CREATE TABLE IF NOT EXISTS answers (key BLOB PRIMARY KEY, answer TEXT NOT NULL) WITHOUT ROWID"
_MAPPED_BYTES = 1 << 34  # of the file, not of memory: reads of a mapped file need no copy
_SAVE_ANSWERS = 64
_SAVE_SECONDS = 1.0


def _explained(file: Path, error: Exception) -> DataError:
    if "locked" in str(error):
        return DataError(f"Another run is using the journal {file}; wait for it, or give another with journal=PATH.")
    if any(sign in str(error) for sign in ("not a database", "malformed", "no such column")):
        return DataError(f"{file} is no journal ({error}); give another with journal=PATH.")
    return DataError(f"Can't keep the journal {file} ({error}); free space, or give another with journal=PATH.")

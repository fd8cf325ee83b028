"""A journal of answers on disk: what was answered once is never computed again, whatever ended the run.

The journal is an SQLite file, so that a killed run, a full disk or a power cut leaves whole entries and nothing else.
"""

import hashlib
import json
import logging
import math
import os
import sqlite3
import stat
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from critic_eval.critics.generation import Answer, GenerationSettings
from critic_eval.errors import DataError
from critic_eval.judging import Reading

_logger = logging.getLogger("critic_eval")


class Journal:
    """Answers by key. One run at a time writes to a journal; its file is locked until `close`.

    An entry that can't be read is none: what it answered is asked again. A file that is deleted under a run is written
    anew, with all that was in it.

    Args:
        file: created where it does not exist, with its folder.

    Raises:
        DataError: another run is using the file, it is not a journal, a newer version wrote it, or it can't be written;
            from every method, and always with the file's name.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._unsaved: dict[bytes, Answer] = {}
        self._saved_at = time.monotonic()
        self._unreadable = 0
        self._open()

    def __len__(self) -> int:
        """How many answers are kept."""
        try:
            (count,) = self._db.execute("SELECT count(*) FROM answers").fetchone()
        except sqlite3.Error as error:
            raise _explained(self.file, error) from error
        return int(count) + len(self._unsaved)

    def get(self, key: bytes) -> Answer | None:
        """The answer under a key, or None."""
        if key in self._unsaved:
            return self._unsaved[key]
        try:
            row = self._db.execute(_SELECT, (key,)).fetchone()
        except sqlite3.Error as error:
            raise _explained(self.file, error) from error
        kept = None if row is None else _answer(row[0])
        if row is not None and kept is None:
            self._unreadable += 1
            if self._unreadable == 1:
                _logger.warning("the journal %s holds an entry that can't be read; it is asked again", self.file)
        return kept

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
            self._keep_place()
            self._db.execute("BEGIN")
            self._db.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?)", rows)
            self._db.execute("COMMIT")
        except (OSError, sqlite3.Error) as error:
            if self._is_open and self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise _explained(self.file, error, len(rows)) from error
        self._unsaved.clear()
        self._saved_at = time.monotonic()

    def close(self) -> None:
        """Save, and let other runs have the file, whether or not that succeeds."""
        if not self._is_open:
            return
        try:
            self.save()
        finally:
            self._shut()

    def _open(self) -> None:
        self._is_open = False
        try:
            file = self.file.expanduser()
            file.parent.mkdir(parents=True, exist_ok=True)
            if file.exists() and not stat.S_ISREG(file.stat().st_mode):
                raise DataError(f"The journal {self.file} is not a file; give another with journal=PATH.")
            self._db = sqlite3.connect(file, timeout=0.5, isolation_level=None, check_same_thread=False)
            self._is_open = True
            self._path = file.resolve()
            _prepare(self._db, self.file)
            self._place = _place(self._path)
        except (OSError, RuntimeError, ValueError, sqlite3.Error, DataError) as error:
            self._shut()
            if isinstance(error, DataError):
                raise
            raise _explained(self.file, error) from error

    def _shut(self) -> None:
        if self._is_open:
            self._is_open = False
            self._db.close()

    def _keep_place(self) -> None:
        """See that what is written goes into the file of that name: a deleted one would take it without a word."""
        if not os.path.lexists(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self._path.parent) as folder:
                self._db.execute("VACUUM INTO ?", (str(Path(folder) / "journal.sqlite"),))
                self._shut()
                os.replace(Path(folder) / "journal.sqlite", self._path)
            _logger.warning("the journal %s was deleted; it is written anew", self.file)
            self._open()
        elif _place(self._path) != self._place:
            raise DataError(
                f"The journal {self.file} was replaced by another file while it was in use; give another with "
                f"journal=PATH. {len(self._unsaved)} answers are not kept."
            )


@contextmanager
def opened_journal(file: Path | None) -> Iterator[Journal | None]:
    """A journal that is open inside; None without a file. An error inside is not hidden by one of closing it."""
    if file is None:
        yield None
        return
    journal = Journal(file)
    try:
        yield journal
    except BaseException:
        try:
            journal.close()
        except DataError as failure:
            _logger.warning("%s", failure)
        raise
    journal.close()


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
        shapes = settings.mode != "text" or settings.elicits
        read_as = reading.key if reading is not None and shapes else None
        content = json.dumps([dict(self.critic), parts, settings.to_record(), read_as], sort_keys=True)
        key = hashlib.sha256(content.encode()).digest()
        if not dict(settings.options).get("do_sample"):
            return key
        self._times[key] = self._times.get(key, 0) + 1
        return hashlib.sha256(key + f"{self.seed} {self._times[key]}".encode()).digest()


_VERSION = 1
"""Of what a file holds; one with a higher number is left alone."""
_TABLE = "CREATE TABLE answers (key BLOB PRIMARY KEY, answer TEXT NOT NULL) WITHOUT ROWID"
_MOST_CHARACTERS = 1 << 26
"""Of an entry; the longest answers of servers are an eighth of that."""
_SELECT = f"SELECT substr(answer, 1, {_MOST_CHARACTERS}) FROM answers WHERE key = ?"
_SAVE_ANSWERS = 64
_SAVE_SECONDS = 1.0


def _prepare(db: sqlite3.Connection, file: Path) -> None:
    """Lock a journal, and make its table where the file is new.

    Raises:
        DataError: the file is another program's, or a newer version's.
    """
    db.text_factory = bytes  # texts are decoded with all else that may be wrong with an entry
    db.execute("PRAGMA trusted_schema = OFF")
    db.execute("PRAGMA locking_mode = EXCLUSIVE")
    db.execute("PRAGMA cache_size = -65536")
    db.execute("BEGIN EXCLUSIVE")
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version > _VERSION:
        raise DataError(f"A newer version of critic-eval wrote the journal {file}; give another with journal=PATH.")
    schema = db.execute("SELECT type, name FROM sqlite_master").fetchall()
    if not schema:
        db.execute(_TABLE)
        db.execute(f"PRAGMA user_version = {_VERSION}")
    columns = [row[1] for row in db.execute("PRAGMA table_info(answers)")]
    if schema not in ([], [(b"table", b"answers")]) or columns != [b"key", b"answer"]:
        raise DataError(f"{file} is not a journal (it holds other tables); give another with journal=PATH.")
    db.execute("COMMIT")


def _place(file: Path) -> tuple[int, int]:
    facts = file.stat()
    return facts.st_dev, facts.st_ino


def _answer(entry: Any) -> Answer | None:
    """The answer of an entry, or None if it is none."""
    try:
        fields = json.loads(entry.decode())
        without = fields.pop("without", ())
        answer = Answer(without=tuple(without) if without else (), **fields)
        is_whole = (
            type(answer.text) is str
            and type(answer.input_tokens) is type(answer.output_tokens) is int
            and answer.input_tokens >= 0 <= answer.output_tokens
            and 0 <= answer.seconds < math.inf
            and (answer.stated is None or type(answer.stated) is dict)
            and answer.error is None
            and all(type(name) is str for name in answer.without)
            and all(number is None or type(number) is int for number in (answer.thought_tokens, answer.seed))
        )
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
    return answer if is_whole else None


def _explained(file: Path, error: Exception, lost: int = 0) -> DataError:
    if isinstance(error, DataError):
        return error
    unkept = f" {lost} answers are not in it." if lost else ""
    if "locked" in str(error):
        return DataError(f"Another run is using the journal {file}; wait for it, or give another with journal=PATH.")
    if any(sign in str(error) for sign in ("not a database", "malformed", "no such column", "no such table")):
        return DataError(f"{file} is not a journal, or damaged ({error}); give another with journal=PATH.{unkept}")
    return DataError(f"Can't keep the journal {file} ({error}); free space, or give another with journal=PATH.{unkept}")

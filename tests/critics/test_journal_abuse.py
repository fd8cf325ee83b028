"""Whatever becomes of a journal's file, its answers are given back or an error names the file; none is wrong."""

from __future__ import annotations

import json
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from critic_eval.critics.generation import Answer
from critic_eval.critics.journal import Journal
from critic_eval.errors import DataError

N = 200


def key(n: int) -> bytes:
    return n.to_bytes(32, "big")


def answer(n: int) -> Answer:
    return Answer(f"{n} " + "word " * 40, 1, 1, 0.0)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    journal = Journal(tmp_path / "journal.sqlite")
    for n in range(N):
        journal.add(key(n), answer(n))
    journal.close()
    return tmp_path / "journal.sqlite"


def read_all(file: Path) -> int:
    """How many answers are given back, each the right one."""
    journal = Journal(file)
    try:
        found = {n: journal.get(key(n)) for n in range(N)}
    finally:
        journal.close()
    assert all(one == answer(n) for n, one in found.items() if one is not None)
    return sum(one is not None for one in found.values())


def add(file: Path, numbers: Iterable[int]) -> None:
    """Add answers; the journal is closed whatever happens."""
    journal = Journal(file)
    try:
        for n in numbers:
            journal.add(key(n), answer(n))
    finally:
        journal.close()


def read_all_and_add(file: Path) -> None:
    read_all(file)
    add(file, [N])


def cut(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def cut_in_the_header(file: Path) -> None:
    os.truncate(file, 50)


def corrupt_page(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[4096 * 2 : 4096 * 4] = b"\xff" * 8192
    file.write_bytes(data)


def no_database(file: Path) -> None:
    file.write_text("something else " * 1000)


def other_database(file: Path) -> None:
    file.unlink()
    with sqlite3.connect(file) as db:
        db.execute("CREATE TABLE users (name TEXT)")


def other_answers(file: Path) -> None:
    file.unlink()
    with sqlite3.connect(file) as db:
        db.execute("CREATE TABLE answers (id INTEGER, text TEXT)")


def view_of_that_name(file: Path) -> None:
    file.unlink()
    with sqlite3.connect(file) as db:
        db.execute("CREATE TABLE t (key, answer)")
        db.execute("CREATE VIEW answers AS SELECT * FROM t")


def trigger(file: Path) -> None:
    with sqlite3.connect(file) as db:
        db.execute("CREATE TRIGGER t AFTER INSERT ON answers BEGIN DELETE FROM answers; END")


def newer(file: Path) -> None:
    with sqlite3.connect(file) as db:
        db.execute("PRAGMA user_version = 99")


def folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def device(file: Path) -> None:
    file.unlink()
    file.symlink_to("/dev/full")


def loop(file: Path) -> None:
    file.unlink()
    file.symlink_to(file)


def folder_is_a_file(file: Path) -> None:
    shutil.rmtree(file.parent)
    file.parent.write_text("")


def rollback_is_a_folder(file: Path) -> None:
    (file.parent / f"{file.name}-journal").mkdir()


def executable(file: Path) -> None:
    shutil.copy(sys.executable, file)


REFUSED = (
    *(cut_in_the_header, no_database, other_database, other_answers, view_of_that_name, trigger, newer, folder),
    *(pipe, device, loop, folder_is_a_file, executable),
)


@pytest.mark.parametrize("abuse", REFUSED)
def test_a_file_that_is_no_journal_is_refused_by_name_and_left_alone(abuse: Callable[[Path], None], file: Path) -> None:
    abuse(file)
    before = file.read_bytes() if file.is_file() else None
    with pytest.raises(DataError, match=r"journal\.sqlite"):
        Journal(file)
    assert before is None or file.read_bytes() == before


@pytest.mark.parametrize("abuse", [cut, corrupt_page, rollback_is_a_folder])
def test_a_damaged_journal_gives_right_answers_or_an_error_that_names_it(
    abuse: Callable[[Path], None], file: Path
) -> None:
    abuse(file)
    with pytest.raises(DataError, match=r"journal\.sqlite"):
        read_all_and_add(file)


@pytest.mark.parametrize("name", ["a\0b", "x" * 5000, "~no-such-user/j", "\ud800" + "x" * 300])
def test_a_name_that_no_file_can_have_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="journal"):
        Journal(Path(name) if name.startswith("~") else tmp_path / name)


ENTRIES = (
    *(b"\xff\xfe", b"", b"null", b"[]", b"7", b"{", b"[" * 100_000, b'{"text": "a"}', b"\x00"),
    *(
        json.dumps({"text": "a", "input_tokens": 1, "output_tokens": 1, "seconds": 0.0, **odd}).encode()
        for odd in (
            *({"text": 3}, {"text": None}, {"input_tokens": "1"}, {"output_tokens": -1}, {"seconds": None}),
            *({"seconds": float("nan")}, {"stated": [1]}, {"error": "failed"}, {"without": 3}, {"newer": 1}),
        )
    ),
)


@pytest.mark.parametrize("entry", ENTRIES, ids=range(len(ENTRIES)))
def test_an_entry_that_cannot_be_read_is_asked_again_and_written_over(entry: bytes, file: Path) -> None:
    with sqlite3.connect(file) as db:
        db.execute("UPDATE answers SET answer = CAST(? AS TEXT) WHERE key = ?", (entry, key(7)))
    assert read_all(file) == N - 1
    journal = Journal(file)
    journal.add(key(7), answer(7))
    journal.close()
    assert read_all(file) == N


@pytest.mark.parametrize("value", ["zeroblob(100000000)", "NULL", "12", "replace(hex(zeroblob(40000000)), '0', 'a')"])
def test_an_entry_of_another_type_or_size_is_none(value: str, file: Path) -> None:
    with sqlite3.connect(file) as db:
        columns = db.execute("SELECT sql FROM sqlite_master").fetchone()[0]
        assert "NOT NULL" in columns
        if value != "NULL":
            db.execute(f"UPDATE answers SET answer = {value} WHERE key = ?", (key(7),))
    assert read_all(file) == N - (value != "NULL")


def test_an_entry_of_a_version_before_is_read(file: Path) -> None:
    old = {"text": "a", "input_tokens": 1, "output_tokens": 1, "seconds": 0.5, "stated": None, "error": None}
    with sqlite3.connect(file) as db:
        db.execute("PRAGMA user_version = 0")
        db.execute("UPDATE answers SET answer = ? WHERE key = ?", (json.dumps(old), key(7)))
    journal = Journal(file)
    assert journal.get(key(7)) == Answer("a", 1, 1, 0.5)
    journal.close()


def test_answers_in_a_write_ahead_log_are_found(file: Path) -> None:
    """Another tool may have left the file in that mode, and been killed."""
    code = (
        "import os, sqlite3, sys\n"
        "db = sqlite3.connect(sys.argv[1])\n"
        "db.execute('PRAGMA journal_mode = WAL')\n"
        "db.execute('DELETE FROM answers WHERE key = ?', ((3).to_bytes(32, 'big'),))\n"
        "db.commit(); os._exit(0)\n"
    )
    subprocess.run([sys.executable, "-S", "-c", code, str(file)], check=True)
    assert file.with_name(f"{file.name}-wal").stat().st_size
    assert read_all(file) == N - 1


def test_a_write_ahead_log_of_rubbish_is_not_read(file: Path) -> None:
    file.with_name(f"{file.name}-wal").write_bytes(b"rubbish" * 1000)
    file.with_name(f"{file.name}-journal").write_bytes(b"rubbish" * 1000)
    assert read_all(file) == N


def test_another_process_that_holds_the_file_is_told_of(file: Path) -> None:
    code = (
        "import sqlite3, sys\n"
        "db = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "db.execute('BEGIN EXCLUSIVE'); print('held', flush=True); sys.stdin.read()\n"
    )
    command = [sys.executable, "-S", "-c", code, str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(DataError, match=r"Another run is using the journal .*journal\.sqlite"):
            Journal(file)
        other.communicate()
    assert read_all(file) == N


@pytest.mark.parametrize("link", [Path.symlink_to, Path.hardlink_to])
def test_one_file_under_two_names_is_one_journal(link: Callable[[Path, Path], None], file: Path) -> None:
    link(file.with_name("other.sqlite"), file)
    first = Journal(file)
    with pytest.raises(DataError, match=r"Another run is using the journal .*other\.sqlite"):
        Journal(file.with_name("other.sqlite"))
    first.close()


@pytest.mark.parametrize("with_folder", [False, True])
def test_a_file_that_is_deleted_in_mid_run_is_written_anew_with_all_that_it_held(
    with_folder: bool, tmp_path: Path
) -> None:
    file = tmp_path / "runs" / "journal.sqlite"
    journal = Journal(file)
    for n in range(N):
        if n == N // 2:
            journal.save()
            shutil.rmtree(file.parent) if with_folder else file.unlink()
        journal.add(key(n), answer(n))
    journal.close()
    assert read_all(file) == N
    assert [one.name for one in file.parent.iterdir()] == [file.name]


def test_a_file_that_takes_its_place_in_mid_run_is_not_written_to(file: Path) -> None:
    journal = Journal(file)
    file.rename(file.with_name("moved.sqlite"))
    file.write_text("precious")
    journal.add(key(N), answer(N))
    with pytest.raises(DataError, match=r"journal\.sqlite was replaced"):
        journal.close()
    assert file.read_text() == "precious"
    assert read_all(file.with_name("moved.sqlite")) == N


def test_a_file_that_is_cut_in_mid_run_is_an_error(file: Path) -> None:
    journal = Journal(file)
    os.truncate(file, 8192)
    try:
        with pytest.raises(DataError, match=r"journal\.sqlite"):
            assert all(journal.get(key(n)) in (None, answer(n)) for n in range(N))
    finally:
        journal.close()


def test_a_full_disk_loses_nothing_that_was_saved_and_says_what_is_not(file: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (file.stat().st_size, limits[1]))
    try:
        with pytest.raises(DataError, match=r"journal\.sqlite .* 64 answers are not in it"):
            add(file, range(N, 2 * N))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert read_all(file) == N


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only for the superuser")
@pytest.mark.parametrize("mode", [0o400, 0o000])
def test_a_file_that_may_not_be_written_is_named(mode: int, file: Path) -> None:
    file.chmod(mode)
    with pytest.raises(DataError, match=r"journal\.sqlite"):
        Journal(file)


def test_halves_of_characters_and_any_text_come_back(tmp_path: Path) -> None:
    texts = ["\ud800", "\x00", "\u2028", "😀" * 1000, "x" * 5_000_000, ""]
    journal = Journal(tmp_path / "journal.sqlite")
    for n, text in enumerate(texts):
        journal.add(key(n), Answer(text, 0, 0, 0.0))
    journal.close()
    again = Journal(tmp_path / "journal.sqlite")
    assert [again.get(key(n)) for n in range(len(texts))] == [Answer(text, 0, 0, 0.0) for text in texts]
    again.close()

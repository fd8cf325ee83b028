"""Tables of records: every kind of file, and what is wrong in one."""

import gzip
import json
from pathlib import Path

import pandas as pd
import pytest

from critic_eval.benchmarks.loading.tables import read_table
from critic_eval.errors import ArgumentError, DataError

ROWS = [{"id": "1", "text": 'a "quoted", line'}, {"id": "2", "text": "two\nlines"}]


def written(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.write_bytes(gzip.compress(content.encode()) if name.endswith(".gz") else content.encode())
    return path


@pytest.mark.parametrize("packed", ["", ".gz"])
@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("jsonl", "\n".join(json.dumps(row) for row in ROWS) + "\n\n"),
        ("json", json.dumps(ROWS)),
        ("csv", '\ufeffid,text\n1,"a ""quoted"", line"\n2,"two\nlines"\n'),
        ("tsv", 'id\ttext\n1\t"a ""quoted"", line"\n2\t"two\nlines"\n'),
    ],
)
def test_every_kind_gives_the_same_records(kind: str, content: str, packed: str, tmp_path: Path) -> None:
    table = read_table(written(tmp_path, f"t.{kind}{packed}", content))
    assert [dict(row) for _, row in table.rows] == ROWS
    assert table.problems == []


def test_parquet_is_read(tmp_path: Path) -> None:
    pd.DataFrame(ROWS).to_parquet(tmp_path / "t.parquet")
    assert read_table(tmp_path / "t.parquet").rows == [(1, ROWS[0]), (2, ROWS[1])]


def test_malformed_lines_are_named_and_the_rest_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, "t.jsonl", '{"id": 1}\n{"id": \n[2]\n{"id": 3}\n')
    table = read_table(path)
    assert [(number, row["id"]) for number, row in table.rows] == [(1, 1), (4, 3)]
    assert [problem.split(":")[0] for problem in table.problems] == ["t.jsonl, line 2", "t.jsonl, line 3"]
    with pytest.raises(DataError, match=r"t\.jsonl, line 2: not JSON"):
        read_table(path, strict=True)


def test_a_csv_line_of_another_width_is_named(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "t.csv", "id,text\n1,a\n2\n3,a,b\n"))
    assert len(table.rows) == 1
    assert table.problems == [
        "t.csv, line 3: fewer fields than the header names",
        "t.csv, line 4: more fields than the header names",
    ]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.xlsx", "", "is none of"),
        ("t.jsonl", "", "holds no records"),
        ("t.jsonl", "nonsense", "holds no records. t.jsonl, line 1: not JSON"),
        ("t.csv", "id,text\n", "holds no records"),
    ],
)
def test_a_file_that_is_of_no_use_says_why(name: str, content: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        read_table(written(tmp_path, name, content))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", "id,text\n1,ä\n".encode("utf-16"), "t.csv is UTF-16; save it as UTF-8"),
        ("t.csv", "id,text\n1,a\n".encode("utf-16-le"), "seems to be UTF-16"),
        ("t.jsonl", '{"id": 1}\n'.encode("utf-32"), "is UTF-32"),
        ("t.jsonl.gz", gzip.compress("{}".encode("utf-16"), mtime=0), "is UTF-16"),
        ("t.jsonl", gzip.compress(b"{}", mtime=0), "compressed by gzip; let its name end in .gz"),
        ("t.csv", b"PK\x03\x04rest", "a spreadsheet"),
        ("t.csv.gz", b"id,text\n1,a\n", "Can't read"),
        ("t.parquet", b"id,text\n1,a\n", "not a whole Parquet file"),
        ("t.csv", b"id,text\n1,\0\n", "holds NUL bytes"),
    ],
)
def test_a_file_of_another_kind_says_which(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_table(tmp_path / name)


def test_what_a_gz_file_unpacks_to_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = b'{"id": 1}\n' * 50_000
    for name, content in (
        ("lines.jsonl.gz", rows),
        ("one.jsonl.gz", b" " * 500_000),
        ("t.json.gz", b"[" + b" " * 500_000),
    ):
        (tmp_path / name).write_bytes(gzip.compress(content))
        monkeypatch.setenv("CRITIC_EVAL_MAX_UNPACKED_MB", "0.4")
        with pytest.raises(DataError, match=r"unpacks to more than .* MB.*CRITIC_EVAL_MAX_UNPACKED_MB"):
            read_table(tmp_path / name)
    monkeypatch.setenv("CRITIC_EVAL_MAX_UNPACKED_MB", "0.6")
    assert len(read_table(tmp_path / "lines.jsonl.gz").rows) == 50_000
    monkeypatch.setenv("CRITIC_EVAL_MAX_UNPACKED_MB", "much")
    with pytest.raises(ArgumentError, match="a number of megabytes"):
        read_table(tmp_path / "lines.jsonl.gz")


def test_a_missing_or_damaged_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Can't read"):
        read_table(tmp_path / "absent.csv")
    whole = gzip.compress(b'{"id": 1}\n' * 1000)
    (tmp_path / "cut.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="Can't read"):
        read_table(tmp_path / "cut.jsonl.gz")
    (tmp_path / "latin.jsonl").write_bytes(b'{"id": "\xe9"}\n')
    with pytest.raises(DataError, match="Can't read"):
        read_table(tmp_path / "latin.jsonl")

"""A user's data in every format: what it may name, what is read of it, and bad items that end no run."""

import http.server
import io
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Dataset, Features, Image, List, Value, load_dataset
from PIL import Image as Pillow

from critic_eval.benchmarks.declarations import STRICT_VARIABLE
from critic_eval.benchmarks.loading.inside import OUTSIDE_VARIABLE
from critic_eval.benchmarks.loading.sources import VARIABLE
from critic_eval.benchmarks.registry import find_benchmark
from critic_eval.errors import DataError
from tests.benchmarks.tasks import task

GOOD: dict[str, Any] = {"id": "good", "question": "Which?", "response_1": "It is 3.", "response_2": "It is 5."}
FORMATS = (".jsonl", ".json", ".csv", ".tsv", ".parquet")


@pytest.fixture
def prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[dict[str, Any]]]:
    data = tmp_path / "data"
    data.mkdir()
    Pillow.new("RGB", (8, 6)).save(data / "a.png")
    Pillow.new("RGB", (3, 3)).save(tmp_path / "outside.png")
    monkeypatch.setenv("CRITIC_EVAL_CACHE", str(tmp_path / "cache"))

    def prepare(*rows: dict[str, Any], suffix: str = ".jsonl") -> list[dict[str, Any]]:
        file = data / f"items{suffix}"
        names = list(dict.fromkeys(name for row in rows for name in row))
        if suffix == ".jsonl":
            file.write_text("\n".join(map(json.dumps, rows)))
        elif suffix == ".json":
            file.write_text(json.dumps(rows))
        elif suffix == ".parquet":
            pq.write_table(pa.table({name: [row.get(name) for row in rows] for name in names}), file)
        else:
            mark = {".csv": ",", ".tsv": "\t"}[suffix]
            cells = [[str(row.get(name) or "") for name in names] for row in rows]
            quoted = [['"' + cell.replace('"', '""') + '"' for cell in line] for line in [names, *cells]]
            file.write_text("\n".join(mark.join(line) for line in quoted))
        return opened(file)

    def opened(file: Path) -> list[dict[str, Any]]:
        monkeypatch.setenv("CRITIC_EVAL_PAIRS", str(file))
        source = task("pairs").benchmark.source
        assert source is not None
        loaded = load_dataset(source.path(), cache_dir=str(tmp_path / "hf"), **source.kwargs())["test"]
        return list(task("pairs").prepare(loaded))

    prepare.opened = opened  # type: ignore[attr-defined]
    return prepare


@pytest.fixture
def requests() -> Iterator[tuple[str, list[str]]]:
    """The address of a server, and what was asked of it."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/1.png", asked
        server.shutdown()


def ids(rows: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(row["judged_item"] for row in rows))


def sizes(rows: list[dict[str, Any]]) -> list[tuple[int, int]]:
    return [image.size for image in task("pairs").visuals(rows[0])]


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("leave", [False, True])
def test_images_stay_in_the_datas_folder_in_every_format(
    suffix: str,
    leave: bool,
    prepared: Any,
    requests: tuple[str, list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "data" / "link.png").symlink_to(tmp_path / "outside.png")
    address, asked = requests
    outside = [str(tmp_path / "outside.png"), "../outside.png", "link.png", "./../data/../outside.png"]
    never = [address, f"file://{tmp_path}/data/a.png", f"file:{tmp_path}/data/a.png", "zip://a.png::" + address]
    rows = [{**GOOD, "id": f"{index}", "image": path} for index, path in enumerate([*outside, *never])]
    if leave:
        monkeypatch.setenv(OUTSIDE_VARIABLE, "1")
    found = prepared({**GOOD, "image": "a.png"}, *rows, suffix=suffix)
    assert ids(found) == ["good", *(["0", "1", "2", "3"] if leave else [])]
    said = found[0]["left_out"]
    assert said.count("is an address; images are read from files") == 4
    assert said.count("leads out of the data's folder") == (0 if leave else 4)
    assert asked == []


@pytest.mark.parametrize("nested", [False, True])
def test_an_image_feature_of_datasets_opens_nothing_by_itself(
    nested: bool, prepared: Any, requests: tuple[str, list[str]], tmp_path: Path
) -> None:
    address, asked = requests
    stream = io.BytesIO()
    Pillow.new("L", (5, 4)).save(stream, "PNG")
    embedded = {"bytes": stream.getvalue(), "path": "http://elsewhere/1.png"}
    rows = [
        {**GOOD, "image": embedded},
        *({**GOOD, "id": path, "image": {"bytes": None, "path": path}} for path in (address, "../outside.png")),
        {**GOOD, "id": "a", "image": {"bytes": None, "path": "a.png"}},
        {**GOOD, "id": "b", "image": {"bytes": b"<html>", "path": None}},
    ]
    name = "images" if nested else "image"
    image: Any = List(Image(decode=False)) if nested else Image(decode=False)
    texts = dict.fromkeys(GOOD, Value("string"))
    if nested:
        rows = [{**{key: row[key] for key in GOOD}, "images": [row["image"]]} for row in rows]
    file = tmp_path / "data" / "items.parquet"
    table = Dataset.from_list(rows, features=Features({**texts, name: image})).data.table
    # What `datasets` writes beside a table, so that it reads its images as such.
    kind: Any = List(Image()) if nested else Image()
    described = json.dumps({"info": {"features": Features({**texts, name: kind}).to_dict()}})
    pq.write_table(table.replace_schema_metadata({"huggingface": described}), file)
    assert load_dataset("parquet", data_files=str(file), cache_dir=str(tmp_path))["train"].features[name] == kind
    found = prepared.opened(file)
    assert ids(found) == ["good", "a"]
    assert sizes(found) == [(5, 4)]
    assert asked == []


def test_a_benchmarks_images_are_not_fetched_either(
    requests: tuple[str, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from critic_eval.benchmarks.loading.rows import undecoded

    address, asked = requests
    features = Features({"image": Image(), "more": List(Image()), "deep": {"image": Image()}})
    table = Dataset.from_dict(
        {
            "image": [{"bytes": None, "path": address}],
            "more": [[{"bytes": None, "path": address}]],
            "deep": [{"image": {"bytes": None, "path": address}}],
        }
    ).cast(features)
    row = undecoded(table)[0]
    assert row["image"]["path"] == row["more"][0]["path"] == row["deep"]["image"]["path"] == address
    (tmp_path / "vl_rewardbench").mkdir()
    (tmp_path / "vl_rewardbench" / "1.parquet").touch()
    for place in (None, str(tmp_path)):
        monkeypatch.setenv(VARIABLE, place) if place else monkeypatch.delenv(VARIABLE, raising=False)
        for path in (address, "/etc/hostname", "../x.png"):
            with pytest.raises(Exception, match=r"address|leads out|not a file of the data"):
                find_benchmark("vl_rewardbench").source.locate({"bytes": None, "path": path})
    assert asked == []


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_list_of_images_is_read_in_every_format(suffix: str, prepared: Any) -> None:
    images: Any = ["a.png", "a.png"] if suffix not in (".csv", ".tsv") else '["a.png", "a.png"]'
    assert sizes(prepared({**GOOD, "images": images}, suffix=suffix)) == [(8, 6), (8, 6)]


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
@pytest.mark.parametrize(
    ("column", "meant"),
    [
        ("video", "give single frames as images"),
        ("video_path", "give single frames as images"),
        ("frames", "give single frames as images"),
        ("img", "name it image or images"),
        ("Image", "name it image or images"),
        ("image_1", "name it image or images"),
        ("imagePath", "name it image or images"),
        ("picture", "name it image or images"),
        ("lable", "did you mean label?"),
        ("winner", "did you mean label?"),
        ("refrence", "did you mean reference?"),
        ("rubrics", "did you mean rubric?"),
        ("criteria", "did you mean rubric?"),
        ("response_a", "did you mean response?"),
        ("response_27", "did you mean response?"),
        ("model", "did you mean models?"),
    ],
)
def test_a_column_that_looks_like_data_and_is_not_read_is_refused(
    column: str, meant: str, suffix: str, prepared: Any
) -> None:
    found = prepared(GOOD, {**GOOD, "id": "2", column: "a.png"}, suffix=suffix)
    assert ids(found) == ["good"]
    assert f"{column} is not a column that is read; {meant}" in found[0]["left_out"]


@pytest.mark.parametrize(
    "column", ["source", "image_id", "question_type", "notes", "_video", "split", "seconds", "url"]
)
def test_other_columns_are_the_users_own(column: str, prepared: Any) -> None:
    assert ids(prepared({**GOOD, column: "x"})) == ["good"]


def test_a_label_beside_another_verdict_is_enough(prepared: Any) -> None:
    assert ids(prepared({**GOOD, "label": "A", "score": 3})) == ["good"]


@pytest.mark.parametrize("suffix", FORMATS)
def test_an_unreadable_image_leaves_out_its_item_alone(
    suffix: str, prepared: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    (data / "folder.png").mkdir()
    (data / "empty.png").touch()
    (data / "page.png").write_text("<html>Not found</html>")
    stream = io.BytesIO()
    Pillow.effect_noise((64, 64), 90).save(stream, "PNG")
    (data / "cut.png").write_bytes(stream.getvalue()[:2000])
    names = ["folder.png", "empty.png", "page.png", "cut.png", "none.png", "a" * 5000, "~nobody/a.png"]
    rows = [{**GOOD, "id": str(index), "image": name} for index, name in enumerate(names)]
    found = prepared({**GOOD, "image": "a.png"}, *rows, suffix=suffix)
    assert ids(found) == ["good"]
    assert found[0]["left_out"].startswith("7: ")
    for reason in ("the file is empty", "it is not an image", "the file is truncated", "there is no image 'none.png'"):
        assert reason in found[0]["left_out"]
    monkeypatch.setenv(STRICT_VARIABLE, "1")
    with pytest.raises(DataError, match="can't be used"):
        prepared({**GOOD, "image": "a.png"}, *rows, suffix=suffix)


@pytest.mark.parametrize("suffix", [".jsonl", ".json"])
@pytest.mark.parametrize("place", ["id", "question", "response_1", "group", "reference", "image"])
def test_half_a_character_leaves_out_its_item_alone(suffix: str, place: str, prepared: Any) -> None:
    assert ids(prepared(GOOD, {**GOOD, "id": "2", place: "a\ud83d.png"}, suffix=suffix)) == ["good"]


@pytest.mark.parametrize("suffix", [".jsonl", ".json"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_read_over(suffix: str, encoding: str, prepared: Any, tmp_path: Path) -> None:
    file = tmp_path / "data" / f"items{suffix}"
    file.write_text(json.dumps({**GOOD, "question": "Café?"}, ensure_ascii=False), encoding=encoding)
    found = prepared.opened(file)
    assert task("pairs").item(found[0]).question == "Café?"


def test_bytes_that_are_no_text_leave_out_their_line(prepared: Any, tmp_path: Path) -> None:
    file = tmp_path / "data" / "items.jsonl"
    lines = [json.dumps({**GOOD, "id": name}).encode() for name in ("one", "two", "three")]
    file.write_bytes(b"\n".join([lines[0], lines[1].replace(b"Which", b"Wh\xffch"), lines[2]]))
    found = prepared.opened(file)
    assert ids(found) == ["one", "three"]
    assert found[0]["left_out"] == "1: a line is not JSON (1)"


@pytest.mark.parametrize("content", [b"PAR1", b"not parquet", b"PAR1" + b"\0" * 100 + b"PAR1"])
def test_a_broken_parquet_file_says_so(content: bytes, prepared: Any, tmp_path: Path) -> None:
    file = tmp_path / "data" / "items.parquet"
    file.write_bytes(content)
    with pytest.raises(DataError, match="is not a parquet file that can be read"):
        prepared.opened(file)


def test_a_mistyped_data_folder_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "dtaa"))
    with pytest.raises(DataError, match=f"no folder .*dtaa, which {VARIABLE} names"):
        find_benchmark("vl_rewardbench").source.path()

"""A user's own file: what is wrong with it is said by line and field."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from critic_eval.benchmarks import pairs
from critic_eval.errors import DataError, ImageError
from critic_eval.judging import Label

GOOD: dict[str, Any] = {"id": "1", "image": "a.png", "question": "Which?", "responses": ["It is 3.", "It is 5."]}


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")

    def write(*rows: Any) -> Path:
        file = tmp_path / "pairs.jsonl"
        file.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
        monkeypatch.setenv(pairs.VARIABLE, str(file))
        return file

    return write


def test_a_good_file_is_taken_and_its_image_found_beside_it(write: Any) -> None:
    file = write(GOOD, "", {**GOOD, "id": "2", "image": None, "label": "tie"})
    assert pairs.data_files() == {"test": str(file)}
    assert [image.size for image in pairs.PAIRS.visuals(GOOD)] == [(8, 8)]
    assert pairs.PAIRS.visuals({**GOOD, "image": None}) == []


@pytest.mark.parametrize(
    ("label", "expected"), [("A", Label.preference(0)), ("tie", Label.preference(None)), (None, None)]
)
def test_labels(label: str | None, expected: Label | None) -> None:
    assert pairs.read_label({**GOOD, "label": label}) == expected


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("{not json", "line 2 is not JSON"),
        ("[]", "line 2 is not a JSON object"),
        ({**GOOD, "id": "2", "question": ""}, "line 2: 'question'"),
        ({**GOOD, "id": "2", "responses": ["one"]}, "line 2: 'responses'"),
        ({**GOOD, "id": "2", "responses": ["one", ""]}, "line 2: 'responses'"),
        ({**GOOD, "id": "2", "label": "C"}, "line 2: 'label'"),
        ({**GOOD, "id": 2}, "line 2: 'id'"),
        ({**GOOD, "id": "2", "image": 7}, "line 2: 'image'"),
        (GOOD, "line 2: the id was used on line 1"),
    ],
)
def test_a_malformed_line_is_named(row: Any, message: str, write: Any) -> None:
    write(GOOD, row)
    with pytest.raises(DataError, match=message):
        pairs.data_files()


def test_no_file_and_an_empty_file_are_told_apart(write: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    write("")
    with pytest.raises(DataError, match="no items"):
        pairs.data_files()
    monkeypatch.setenv(pairs.VARIABLE, "no/such/file.jsonl")
    with pytest.raises(DataError, match="There is no file"):
        pairs.data_files()
    monkeypatch.delenv(pairs.VARIABLE)
    with pytest.raises(DataError, match=pairs.VARIABLE):
        pairs.data_files()


def test_a_missing_image_names_its_item(write: Any) -> None:
    write(GOOD)
    with pytest.raises(ImageError, match="item 1"):
        pairs.PAIRS.visuals({**GOOD, "image": "b.png"})

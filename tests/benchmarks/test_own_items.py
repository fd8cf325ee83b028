"""A user's own file: what is wrong with it is said by line and reason, and the rest is judged."""

import csv
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from datasets import load_dataset
from PIL import Image

from critic_eval.benchmarks.declarations import STRICT_VARIABLE
from critic_eval.benchmarks.own_items import SCALE_VARIABLE
from critic_eval.errors import DataError, ImageError
from tests.benchmarks.tasks import task

GOOD: dict[str, Any] = {"id": "1", "image": "a.png", "question": "Which?", "responses": ["It is 3.", "It is 5."]}
SCORED: dict[str, Any] = {**GOOD, "responses": ["It is 3."], "label": 80}


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")

    def load(*rows: Any, kind: str = "pairs", name: str = "items.jsonl") -> list[dict[str, Any]]:
        file = tmp_path / name
        if name.endswith(".csv"):
            with file.open("w", newline="") as out:
                writer = csv.DictWriter(out, fieldnames=list(rows[0]))
                writer.writeheader()
                writer.writerows(rows)
        else:
            file.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
        monkeypatch.setenv(f"CRITIC_EVAL_{kind.upper()}", str(file))
        source = task(kind).benchmark.source
        assert source is not None
        return list(task(kind).prepare(load_dataset(source.path(), cache_dir=str(tmp_path), **source.kwargs())["test"]))

    return load


def test_good_lines_are_taken_and_images_found_beside_the_file(load: Any) -> None:
    rows = load({**GOOD, "label": "tie"}, "", {**GOOD, "id": "2", "image": None})
    assert [(row["judged_item"], row["presented_order"]) for row in rows] == [
        ("1", "AB"),
        ("1", "BA"),
        ("2", "AB"),
        ("2", "BA"),
    ]
    assert [image.size for image in task("pairs").visuals(rows[0])] == [(8, 8)]
    assert task("pairs").visuals(rows[2]) == []
    assert task("pairs").item(rows[0]).responses[1].text == "It is 5."


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("{not json", "a line is not JSON"),
        ("[]", "a line is not a JSON object"),
        ({"id": "2"}, "a line lacks question"),
        ({**GOOD, "id": ""}, "id is empty"),
        ({**GOOD, "id": "2", "question": ""}, "question is empty"),
        ({**GOOD, "id": "2", "question": 7}, "question is not text"),
        ({**GOOD, "id": "2", "responses": ["one"]}, "responses are 1, not 2"),
        ({**GOOD, "id": "2", "responses": None}, "responses are missing"),
        ({**GOOD, "id": "2", "responses": ["one", ""]}, "response 2 is empty"),
        ({**GOOD, "id": "2", "label": "C"}, "label is 'C', none of 'A', 'B' and 'tie'"),
        ({**GOOD, "id": "2", "image": 7}, "image is neither a path nor a list of paths"),
        ({**GOOD, "id": "2", "image": "none.png"}, "there is no image 'none.png'"),
        (GOOD, "its id was used before"),
    ],
)
def test_a_line_that_can_not_be_used_is_named_and_the_rest_is_judged(
    row: Any, reason: str, load: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with caplog.at_level(logging.WARNING):
        rows = load(GOOD, row)
    assert len(rows) == 2
    assert f"line 2 is left out: {reason}" in caplog.text
    assert rows[0]["left_out"] == f"1: {reason} (1)"
    monkeypatch.setenv(STRICT_VARIABLE, "1")
    with pytest.raises(DataError, match="Line 2 can't be used: "):
        load(GOOD, row)


def test_labels_of_scores_keep_to_their_scale(load: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = load(SCORED, {**SCORED, "id": "2", "label": 101}, {**SCORED, "id": "3", "label": "good"}, kind="scores")
    assert [row["judged_item"] for row in rows] == ["1"]
    assert rows[0]["left_out"] == "2: label is outside 0 to 100 (1), label is not a number (1)"
    monkeypatch.setenv(SCALE_VARIABLE, "1:5")
    with pytest.raises(DataError, match="No row of the data set can be used: 1: label is outside 1 to 5"):
        load(SCORED, kind="scores")


def test_rankings_need_a_label_for_all_their_responses(load: Any) -> None:
    ranked = {**GOOD, "responses": ["a", "b", "c"]}
    rows = load({**ranked, "label": "CAB"}, {**ranked, "id": "2", "label": "CA"}, {**ranked, "id": "3"}, kind="ranks")
    assert [row["judged_item"] for row in rows] == ["1", "3"]
    assert [row["presented_order"] for row in rows] == ["ABC", "ABC"]


def test_a_table_brings_its_responses_in_columns(load: Any) -> None:
    row = {"id": "007", "question": "Which?", "response_1": "NA", "response_2": "5", "label": "B", "group": 1}
    rows = load({**row, "models": '["m", "n"]'}, {**row, "id": "8", "label": "", "models": ""}, name="items.csv")
    first, second = (task("pairs").item(rows[index]) for index in (0, 2))
    assert (first.id, first.group) == ("007", "1")
    assert [(response.text, response.model) for response in first.responses] == [("NA", "m"), ("5", "n")]
    assert [response.model for response in second.responses] == [None, None]
    assert [task("pairs").target(rows[index]) for index in (0, 2)] == ["1", ""]


def test_an_image_that_went_missing_names_its_item(load: Any, tmp_path: Path) -> None:
    rows = load(GOOD)
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(ImageError, match="item 1"):
        task("pairs").visuals(rows[0])


def test_no_file_and_an_empty_file_are_told_apart(load: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="holds no items"):
        load("")
    monkeypatch.setenv("CRITIC_EVAL_PAIRS", "no/such/file.jsonl")
    with pytest.raises(DataError, match="There is no file"):
        task("pairs").benchmark.source.path()
    (tmp_path / "items.txt").write_text("x")
    monkeypatch.setenv("CRITIC_EVAL_PAIRS", str(tmp_path / "items.txt"))
    with pytest.raises(DataError, match=r"none of \.jsonl"):
        task("pairs").benchmark.source.path()
    monkeypatch.delenv("CRITIC_EVAL_PAIRS")
    with pytest.raises(DataError, match="CRITIC_EVAL_PAIRS"):
        task("pairs").benchmark.source.path()

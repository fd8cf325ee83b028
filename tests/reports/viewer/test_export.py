"""An exported page is a folder of plain files, safe to open and complete."""

import json
from pathlib import Path

import pytest

from critic_eval.cli import main
from critic_eval.errors import ArgumentError
from critic_eval.judging import Preference
from critic_eval.reports.viewer.export import export, script
from critic_eval.reports.viewer.view import open_view
from tests.reports.viewer.conftest import pair, pairs, plant


def given(file: Path) -> tuple[str, object]:
    """What a script of the export hands over."""
    text = file.read_text(encoding="utf-8").removeprefix("Exported.give(").removesuffix("));\n")
    key, _, value = text.partition(",JSON.parse(")
    return json.loads(key), json.loads(json.loads(value))


@pytest.mark.parametrize("text", ["</script><script>alert(1)</script>", "<!--", "a\u2028b\u2029c", "\ud800", "é🙂"])
def test_values_cannot_leave_their_script(text: str) -> None:
    made = script("texts/0/0", [text, {"__proto__": text}])
    shown = made.decode("utf-8", errors="surrogatepass")
    assert "<" not in shown
    assert "\u2028" not in shown
    string = shown[shown.index("JSON.parse(") + len("JSON.parse(") : -len("));\n")]
    assert json.loads(json.loads(string)) == [text, {"__proto__": text}]


def test_texts_are_in_chunks_and_nothing_is_missing(tmp_path: Path) -> None:
    view = open_view([plant(tmp_path / "run", pairs(450, 4))])
    written = export(view, tmp_path / "out", with_images=False)
    assert sorted(written) == sorted(file for file in (tmp_path / "out").rglob("*") if file.is_file())
    sizes = []
    for chunk in range(3):
        key, texts = given(tmp_path / "out" / "data" / f"texts-0-{chunk}.js")
        assert key == f"texts/0/{chunk}"
        assert isinstance(texts, list)
        sizes.append(len(texts))
    assert sizes == [200, 200, 50]
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert "source_export.js" in page
    assert "source_server.js" not in page
    named = [part.split('"')[0] for part in page.split('src="')[1:] + page.split('href="')[1:]]
    assert all((tmp_path / "out" / name).is_file() for name in named)
    assert len(named) > 15


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = plant(tmp_path / "run", pairs(5, 4))
    command = ["view", str(run), "--export", str(tmp_path / "out"), "--no-images"]
    assert main(command) == 0
    assert "5 items, 0 images" in capsys.readouterr().out
    assert main(command) == 1
    assert "--force" in capsys.readouterr().err
    assert main([*command, "--force"]) == 0
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(ArgumentError, match="is a file"):
        export(open_view([run]), tmp_path / "file")


def test_each_image_is_written_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    image_module = pytest.importorskip("PIL.Image")
    image_module.new("RGB", (2000, 100), "red").save(tmp_path / "red.png")
    image_module.new("RGB", (20, 10), "blue").save(tmp_path / "blue.png")
    lines = [
        {"id": f"item-{item:03d}", "question": "What is shown?", "image": ["red.png", image][: item + 1]}
        | {"responses": [f"item-{item:03d} says A", f"item-{item:03d} says B"]}
        for item, image in enumerate(("red.png", "blue.png"))
    ]
    (tmp_path / "own.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    monkeypatch.setenv("CRITIC_EVAL_PAIRS", str(tmp_path / "own.jsonl"))
    said = [pair(item, "AB", Preference(0), None) for item in range(3)]
    run = plant(tmp_path / "run", said)
    assert main(["view", str(run), "--export", str(tmp_path / "out")]) == 0
    files = sorted((tmp_path / "out" / "images").iterdir())
    assert sorted(image_module.open(file).size for file in files) == [(20, 10), (1024, 51)]
    _, texts = given(tmp_path / "out" / "data" / "texts-0-0.js")
    assert isinstance(texts, list)
    found = [one["images"] for one in texts]
    assert [len(one.get("images", [])) for one in found] == [1, 2, 0]
    assert found[0]["images"][0] == found[1]["images"][0]
    assert "changed" in found[2]["reason"]
    assert "3 items, 2 images" in capsys.readouterr().out


def test_nothing_of_an_earlier_export_is_left_behind(tmp_path: Path) -> None:
    large, small = plant(tmp_path / "large", pairs(450, 4)), plant(tmp_path / "small", pairs(5, 4))
    export(open_view([large]), tmp_path / "out", with_images=False)
    (tmp_path / "out" / "mine.txt").write_text("mine", encoding="utf-8")
    written = export(open_view([small]), tmp_path / "out", force=True, with_images=False)
    left = {file for file in (tmp_path / "out").rglob("*") if file.is_file()} - set(written)
    assert {file.name for file in left} == {"mine.txt"}

"""The command `critic-eval answer`: files of questions and answers in the form of LLaVA's evaluation scripts."""

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from critic_eval.api.answers_file import AnswersFile
from critic_eval.api.question_files import FileQuestion, read_questions, take_chunk
from critic_eval.benchmarks.digits.generator import generate_items
from critic_eval.cli.command import main
from critic_eval.critics.checkpoints import Checkpoint, load_checkpoint
from critic_eval.critics.embedded import resolve_pretrained
from tests.critics.conftest import plain_answer
from tests.critics.hostile_server import hostile, sends, well
from tests.critics.servers import Server, serving

FIELDS = ["question_id", "prompt", "text", "answer_id", "model_id", "metadata"]
"""Of a line of answers, as LLaVA's scripts write them."""
NAMES = ("question_id", "id", "image", "text", "conversations", "value", "from")
COLORS = ("red", "blue", "green")

Answer = Callable[..., int]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Says what it was asked."""

    def answer(body: dict[str, Any]) -> dict[str, Any]:
        return {"message": {"role": "assistant", "content": f" Asked: {body['messages'][0]['content'][-1]['text']} "}}

    with serving(answer=answer) as running:
        yield running


@pytest.fixture
def answer(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Answer:
    """The command in a folder with images, on that server; gives its exit status."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "images").mkdir()
    for color in COLORS:
        Image.new("RGB", (8, 8), color).save(tmp_path / "images" / f"{color}.png")
    server.bodies.clear()

    def called(*options: str) -> int:
        files = ("--question-file", "q.jsonl", "--answers-file", "out/a.jsonl", "--image-folder", "images")
        return main(["answer", *files, "--base-url", server.url, "--model-path", "some/model-7b", *options])

    return called


def write(*rows: Any, file: str = "q.jsonl") -> None:
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    Path(file).write_text("\n".join(lines) + "\n", "utf-8")


def ask(number: int, color: str | None = "red") -> dict[str, Any]:
    image = {} if color is None else {"image": f"{color}.png"}
    return {"question_id": number, **image, "text": f"Question {number}?", "category": "detail"}


def written(file: str = "out/a.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(file).read_text("utf-8").splitlines()]


def test_questions_are_answered_in_llavas_fields_and_in_their_order(answer: Answer) -> None:
    # Those on one image are computed side by side, whatever their order.
    questions = [ask(n, color) for n, color in enumerate(("red", "blue", "red", None, "blue", "green"))]
    write(*questions)
    assert answer() == 0
    lines = written()
    assert [list(line) for line in lines] == [FIELDS] * 6
    assert [line["question_id"] for line in lines] == list(range(6))
    assert [line["prompt"] for line in lines] == [question["text"] for question in questions]
    assert [line["text"] for line in lines] == [f"Asked: {question['text']}" for question in questions]
    assert {line["model_id"] for line in lines} == {"model-7b"}
    assert lines[0]["metadata"]["temperature"] == 0
    assert len({line["answer_id"] for line in lines}) == 6


def test_two_questions_of_one_id_and_a_question_that_comes_twice_are_all_answered(
    answer: Answer, server: Server
) -> None:
    write(ask(1), {**ask(1), "text": "Another?"}, ask(1), {**ask(1), "image": "blue.png"})
    assert answer() == 0
    assert [line["text"] for line in written()] == [
        f"Asked: {text}" for text in ("Question 1?", "Another?", "Question 1?", "Question 1?")
    ]
    assert len(server.bodies) == 3
    before = Path("out/a.jsonl").read_bytes()
    assert answer() == 0
    assert Path("out/a.jsonl").read_bytes() == before
    assert len(server.bodies) == 3


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0, 1))
def test_a_run_that_was_cut_off_anywhere_goes_on_there_and_writes_the_same(
    answer: Answer, server: Server, share: float
) -> None:
    write(*(ask(n, COLORS[n % 3]) for n in range(5)))
    assert answer("--force") == 0
    whole = Path("out/a.jsonl").read_bytes()
    kept = whole[: round(share * len(whole))]
    Path("out/a.jsonl").write_bytes(kept)
    server.bodies.clear()
    assert answer() == 0
    assert Path("out/a.jsonl").read_bytes() == whole
    # A last line may be whole and lack its end alone.
    assert 5 - len(server.bodies) in (kept.count(b"\n"), kept.count(b"\n") + 1)


def test_answers_are_in_the_file_as_soon_as_they_come(answer: Answer, monkeypatch: pytest.MonkeyPatch) -> None:
    add, added = AnswersFile.add, list[int]()

    def interrupted(self: AnswersFile, index: int, *answer: Any) -> None:
        if len(added) == 2:
            raise KeyboardInterrupt
        add(self, index, *answer)
        added.append(index)

    write(*(ask(n) for n in range(5)))
    with monkeypatch.context() as patch:
        patch.setattr(AnswersFile, "add", interrupted)
        assert answer() == 130
    assert [line["question_id"] for line in written()] == added
    assert answer() == 0
    assert [line["question_id"] for line in written()] == list(range(5))


def test_lines_that_came_in_another_order_are_put_in_that_of_the_questions(answer: Answer) -> None:
    write(*(ask(n, COLORS[n % 3]) for n in range(5)))
    assert answer() == 0
    whole = Path("out/a.jsonl").read_bytes()
    Path("out/a.jsonl").write_bytes(b"".join(reversed(whole.splitlines(keepends=True)[:3])))
    assert answer() == 0
    assert Path("out/a.jsonl").read_bytes() == whole


@given(n=st.integers(0, 40), chunks=st.integers(1, 12))
def test_chunks_are_those_of_llava(n: int, chunks: int) -> None:
    items = list(range(n))
    size = math.ceil(n / chunks)
    theirs = [items[i : i + size] for i in range(0, n, size)] if n else []
    ours = [take_chunk(items, chunks, chunk) for chunk in range(chunks)]
    assert ours == theirs + [[]] * (chunks - len(theirs))


def test_chunks_together_are_the_whole(answer: Answer) -> None:
    write(*(ask(n) for n in range(5)))
    assert answer() == 0
    for chunk in range(4):  # of two questions each, and the last of none
        assert answer("--num-chunks", "4", "--chunk-idx", str(chunk), "--answers-file", f"part-{chunk}.jsonl") == 0
    parts = [Path(f"part-{chunk}.jsonl").read_bytes() for chunk in range(4)]
    assert b"".join(parts) == Path("out/a.jsonl").read_bytes()
    assert parts[3] == b""


def test_what_cannot_be_asked_is_named_by_its_line_and_the_rest_is_answered(
    answer: Answer, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "images" / "bad.png").write_bytes(b"no image")
    Image.new("RGB", (4, 4)).save(tmp_path / "outside.png")
    (tmp_path / "images" / "link.png").symlink_to(tmp_path / "outside.png")
    write(
        ask(0),
        "{not JSON",
        "[1]",
        {**ask(3), "question_id": None},
        {"question_id": 4, "image": "red.png"},
        {**ask(5), "image": ["red.png"]},
        {**ask(6), "image": "none.png"},
        {**ask(7), "image": "../outside.png"},
        {**ask(8), "image": "link.png"},
        {**ask(9), "image": "https://example.org/1.png"},
        {**ask(10), "image": "bad.png"},
        '{"question_id": 11, "text": "\\ud800"}',
        "[" * 100_000,
        "",
        ask(14),
    )
    assert answer() == 1
    told = capsys.readouterr()
    assert [line["question_id"] for line in written()] == [0, 14]
    faults = told.err.splitlines()
    assert [fault.split(":")[1] for fault in faults[:-1]] == [str(line) for line in range(2, 14)]
    for fault, reason in zip(
        faults,
        (
            "not JSON",
            "not a JSON object",
            "question_id is neither",
            "no text",
            "image is not a path",
            "no image 'none.png'",
            "leads out",
            "leads out",
            "is an address",
            "can't be read (it is not an image)",
            "lone surrogate",
            "not JSON",
            "12 of 14 questions have no answer.",
        ),
        strict=True,
    ):
        assert reason in fault
    assert told.out == "out/a.jsonl holds 2 answers\n"


def test_science_questions_are_asked_as_model_vqa_science_asks_them(answer: Answer, server: Server) -> None:
    turns = [{"from": "human", "value": "<image>\nContext: none. Which?"}, {"from": "gpt", "value": "A"}]
    entries = [
        {"id": "4", "image": "red.png", "conversations": turns},
        {"id": "5", "conversations": [{"from": "human", "value": "Which one?"}]},
        {"id": "6", "conversations": []},
    ]
    Path("q.json").write_text(json.dumps(entries, indent=1), "utf-8")
    assert answer("--question-file", "q.json") == 1
    lines = written()
    assert [line["prompt"] for line in lines] == ["<image>\nContext: none. Which?", "Which one?"]
    assert [line["text"] for line in lines] == ["Asked: Context: none. Which?", "Asked: Which one?"]
    shown = [[part["type"] for part in body["messages"][0]["content"]] for body in server.bodies]
    assert sorted(shown) == [["image_url", "text"], ["text"]]


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (None, ("--temperature", "0.2"), "other settings (temperature, seed)"),
        (None, ("--max_new_tokens", "8"), "other settings (max_new_tokens)"),
        (None, ("--num-chunks", "2", "--chunk-idx", "1"), "answers no question of this file and chunk"),
        (b'{"question_id": 0, "metadata": {}}\n', (), "other settings"),
        (b"some\nnotes\n", (), "Line 1 of out/a.jsonl is no answer"),
        (b"\xff\xfe\n", (), "is no answer"),
    ],
)
def test_an_answers_file_of_something_else_is_left_alone_unless_forced(
    content: bytes | None,
    options: tuple[str, ...],
    message: str,
    answer: Answer,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write(*(ask(n) for n in range(4)))
    if content is None:
        assert answer() == 0
    else:
        Path("out").mkdir()
        Path("out/a.jsonl").write_bytes(content)
    before = Path("out/a.jsonl").read_bytes()
    assert answer(*options) == 1
    assert message in capsys.readouterr().err
    assert Path("out/a.jsonl").read_bytes() == before
    assert answer(*options, "--force") == 0
    assert Path("out/a.jsonl").read_bytes() != before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--question-file", "no.jsonl"), "Can't read the questions in no.jsonl"),
        (("--num-chunks", "2", "--chunk-idx", "2"), "There is no chunk 2 of 2"),
        (("--num-chunks", "0"), "There is no chunk 0 of 0"),
        (("--temperature", "-1"), "--temperature -1.0: it is 0 or more"),
        (("--temperature", "nan"), "--temperature nan: it is 0 or more"),
        (("--top_p", "1.5"), "--top_p 1.5"),
        (("--num_beams", "0"), "--num_beams 0"),
        (("--answers-file", "images"), "images is not a file"),
        (("--batch-size", "many"), "batch_size=many"),
    ],
)
def test_options_that_mean_nothing_are_refused(
    options: tuple[str, ...], message: str, answer: Answer, capsys: pytest.CaptureFixture[str]
) -> None:
    write(ask(0))
    assert answer(*options) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(("content", "message"), [("", "holds no question"), ("[1, 2", "begins as a JSON list")])
def test_a_file_without_questions_is_refused(
    content: str, message: str, answer: Answer, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("q.jsonl").write_text(content, "utf-8")
    assert answer() == 1
    assert message in capsys.readouterr().err


def test_one_run_at_a_time_writes_an_answers_file(answer: Answer, capsys: pytest.CaptureFixture[str]) -> None:
    write(ask(0))
    other = AnswersFile(Path("out/a.jsonl"), [FileQuestion(1, 0, "?", "?")], "model", {})
    assert answer() == 1
    assert "Another run writes out/a.jsonl" in capsys.readouterr().err
    other.close()
    assert answer() == 0
    assert [file.name for file in Path("out").iterdir()] == ["a.jsonl"]


def test_a_question_that_the_model_failed_at_is_asked_again_by_the_next_run(
    answer: Answer, capsys: pytest.CaptureFixture[str]
) -> None:
    write(ask(0), ask(1))
    with serving(faults=lambda total, times: "400" if total == 1 else "ok") as failing:
        assert answer("--base-url", failing.url) == 1
        assert "1 of 2 questions have no answer" in capsys.readouterr().err
        assert len(written()) == 1
        assert answer("--base-url", failing.url) == 0
    assert [line["question_id"] for line in written()] == [0, 1]


def test_a_setting_that_a_server_refuses_is_told_in_the_metadata_and_the_file_goes_on(answer: Answer) -> None:
    def behave(connection: Any) -> None:
        refusal = sends(b"temperature is not supported", "400 Bad Request")
        (refusal if "temperature" in refusing.bodies[-1] else well)(connection)

    write(ask(0), ask(1))
    with hostile(behave) as refusing:
        assert answer("--base-url", refusing.url) == 0
        assert [line["metadata"]["refused_by_server"] for line in written()] == [["temperature"]] * 2
        before = Path("out/a.jsonl").read_bytes()
        assert answer("--base-url", refusing.url) == 0
    assert Path("out/a.jsonl").read_bytes() == before


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=6,
)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(st.binary(max_size=12) | JSON.map(lambda value: json.dumps(value).encode()), max_size=5))
def test_whatever_a_file_holds_each_line_is_a_question_or_named(tmp_path: Path, lines: list[bytes]) -> None:
    file = tmp_path / "q.jsonl"
    content = b'{"question_id": 0, "text": "First?"}\n' + b"\n".join(lines)
    file.write_bytes(content)
    questions, faults = read_questions(file, tmp_path)
    numbers = [number for number, line in enumerate(content.split(b"\n"), 1) if line.strip()]
    assert sorted([question.number for question in questions] + [fault.number for fault in faults]) == numbers
    assert all(fault.reason for fault in faults)
    for question in questions:
        json.dumps([question.id, question.text, question.prompt]).encode()
        assert question.image_file is None or question.image_file.is_relative_to(tmp_path)


def test_a_journal_answers_a_new_file(answer: Answer, server: Server) -> None:
    write(ask(0), ask(1, "blue"))
    assert answer("--journal", "j.sqlite") == 0
    assert answer("--journal", "j.sqlite", "--answers-file", "b.jsonl") == 0
    assert len(server.bodies) == 2
    assert written("b.jsonl") == written()


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    return load_checkpoint(resolve_pretrained("digits"))


def test_the_embedded_critic_answers_as_a_plain_generation_does_and_samples_by_its_seed(
    checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    images = [item["image"] for item in generate_items("score")[:2]]
    for n, image in enumerate(images):
        image.save(f"{n}.png")
    texts = ("Which digits are shown from left to right?", "Which digit is on the left?")
    rows = [{"question_id": n, "image": f"{n}.png", "text": text} for n in range(2) for text in texts]
    write(*rows)
    files = ("--question-file", "q.jsonl", "--model-path", "digits", "--device", "cpu", "--max_new_tokens", "16")
    assert main(["answer", *files, "--answers-file", "a.jsonl"]) == 0
    expected = [plain_answer(checkpoint, image, text) for image in images for text in texts]
    assert [line["text"] for line in written("a.jsonl")] == expected
    for name, seed in (("b", "1"), ("c", "1"), ("d", "2")):
        sampled = ("--temperature", "3", "--seed", seed, "--answers-file", f"{name}.jsonl")
        assert main(["answer", *files, *sampled]) == 0
    assert Path("b.jsonl").read_bytes() == Path("c.jsonl").read_bytes()
    assert [line["text"] for line in written("b.jsonl")] != [line["text"] for line in written("d.jsonl")]
    assert written("b.jsonl")[0]["metadata"]["seed"] == 1

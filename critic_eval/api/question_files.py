"""Questions in the files of LLaVA's own evaluation scripts.

Sources: `model_vqa.py`, `model_vqa_loader.py` and `model_vqa_science.py` in `llava/eval/` of
github.com/haotian-liu/LLaVA; Prometheus-Vision asks by the first of them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from critic_eval.benchmarks.loading.inside import image_inside
from critic_eval.errors import ArgumentError, DataError

T = TypeVar("T")


@dataclass(frozen=True)
class FileQuestion:
    """A question of a file.

    Attributes:
        number: of its line, or of its entry in a JSON list, from 1 on.
        id: what the file calls it; several questions may have the same, as in LLaVA's files for MME and TextVQA.
        text: what is asked.
        prompt: what goes into the answers file as its prompt.
        image: the image's path as the file has it, or None.
        image_file: the same from the current folder.
    """

    number: int
    id: int | str
    text: str
    prompt: str
    image: str | None = None
    image_file: Path | None = None


@dataclass(frozen=True)
class Fault:
    """A question that gets no answer, by the number of its line or entry, and why."""

    number: int
    reason: str


def read_questions(
    file: Path, image_folder: Path, chunks: int = 1, chunk: int = 0
) -> tuple[list[FileQuestion], list[Fault]]:
    """Read a chunk of a file of questions, and what of it can't be asked.

    Args:
        file: JSON Lines with `question_id`, `text` and, unless it is about no image, `image`; or a JSON list (of
            `model_vqa_science`) with `id`, `conversations` and `image`. Other fields are passed over.
        image_folder: what images' paths count from; they may not lead out of it.
        chunks: into how many the file is cut.
        chunk: which of them is read, from 0 on.

    Raises:
        ArgumentError: there is no such chunk.
        DataError: the file can't be read, is no JSON list though it begins as one, or holds no question.
    """
    if not 0 <= chunk < chunks:
        raise ArgumentError(f"There is no chunk {chunk} of {chunks}; --chunk-idx is from 0 to --num-chunks less 1.")
    try:
        content = file.read_bytes()
    except OSError as error:
        raise DataError(f"Can't read the questions in {file} ({error.strerror}); correct --question-file.") from error
    rows = list(_rows(content, file))
    if not rows:
        raise DataError(f"{file} holds no question.")
    read = [_read(number, row, image_folder) for number, row in take_chunk(rows, chunks, chunk)]
    questions = [question for question in read if isinstance(question, FileQuestion)]
    return questions, [fault for fault in read if isinstance(fault, Fault)]


def take_chunk(items: Sequence[T], chunks: int, chunk: int) -> Sequence[T]:
    """One of so many chunks, cut as LLaVA's `get_chunk` cuts; none is left for the last ones where items are few.

    >>> [take_chunk("abcde", 4, chunk) for chunk in range(4)]
    ['ab', 'cd', 'e', '']
    """
    size = math.ceil(len(items) / chunks)
    return items[chunk * size : (chunk + 1) * size]


def _rows(content: bytes, file: Path) -> Iterator[tuple[int, Any]]:
    """The number of each entry, and what stands there: a value of JSON, or the bytes of a line."""
    if content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] != b"[":
        for number, line in enumerate(content.split(b"\n"), start=1):
            if line.strip():
                yield number, line
        return
    try:
        entries = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{file} begins as a JSON list, and is none ({error}); repair it.") from error
    yield from enumerate(entries, start=1)


def _read(number: int, row: Any, image_folder: Path) -> FileQuestion | Fault:
    try:
        return _question(number, row, image_folder)
    except ArgumentError as error:
        return Fault(number, str(error))


def _question(number: int, row: Any, image_folder: Path) -> FileQuestion:
    """Raises ArgumentError, which says what is wrong with the row."""
    if isinstance(row, bytes):
        try:
            row = json.loads(row.decode("utf-8-sig"))
        except (ValueError, RecursionError):
            raise ArgumentError("it is not JSON") from None
    if not isinstance(row, Mapping):
        raise ArgumentError("it is not a JSON object")
    is_dialogue = "text" not in row and "conversations" in row
    name = row.get("id" if is_dialogue else "question_id")
    if isinstance(name, bool) or not isinstance(name, int | str):
        raise ArgumentError(f"its {'id' if is_dialogue else 'question_id'} is neither a number nor a text")
    image = row.get("image")
    if image is not None and not isinstance(image, str):
        raise ArgumentError("its image is not a path")
    text = _first_turn(row["conversations"]) if is_dialogue else row.get("text")
    if not isinstance(text, str):
        raise ArgumentError("it has no text")
    try:
        f"{name}{text}{image}".encode()
    except UnicodeEncodeError:
        raise ArgumentError("a text holds half a character (a lone surrogate)") from None
    # As `model_vqa_science` has it, the prompt of a dialogue says where the image is; that of a question does not.
    prompt = f"<image>\n{text}" if is_dialogue and image is not None else text
    image_file = None if image is None else image_inside(image_folder, image)
    return FileQuestion(number, name, text, prompt, image, image_file)


def _first_turn(turns: Any) -> str | None:
    """What a person says first, without the mark of the image."""
    first = turns[0] if isinstance(turns, list) and turns else None
    value = first.get("value") if isinstance(first, Mapping) else None
    return value.replace("<image>", "").strip() if isinstance(value, str) else None

"""A file of answers in the form of LLaVA's evaluation scripts, which a later run goes on with."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from critic_eval.api.question_files import FileQuestion
from critic_eval.errors import DataError
from critic_eval.whole_files import write_whole


class AnswersFile:
    """Answers line by line, as they come; in the order of the questions once all have come.

    A line has LLaVA's fields: `question_id`, `prompt`, `text`, `answer_id`, `model_id`, `metadata`. The `answer_id` is
    a digest of question, image, model and settings, so that a line tells what it answers.

    Args:
        file: it is made where it does not exist, with its folder.
        questions: what it answers.
        model_id: names the model in each line.
        metadata: of each line: the settings that answers depend on.
        is_new: whether answers that are there are dropped.

    Attributes:
        answered: of each question, whether the file holds its answer.
        repaired: whether a last line was cut off that a run did not come to write to its end.

    Raises:
        DataError: the file can't be read or written, another run writes it, or it holds what is no answer to these
            questions with these settings.
    """

    def __init__(
        self,
        file: Path,
        questions: Sequence[FileQuestion],
        model_id: str,
        metadata: Mapping[str, Any],
        *,
        is_new: bool = False,
    ) -> None:
        self.file, self._questions = file, questions
        self._model_id, self._metadata = model_id, dict(metadata)
        self._ids = [self._answer_id(question) for question in questions]
        self._lock = FileLock(file.with_name(f".{file.name}.lock"), timeout=0)
        self._lines: list[tuple[str, str]] = []
        self.repaired = False
        try:
            self._open(is_new)
        except BaseException:
            self._unlock()
            raise
        held = Counter(answer_id for answer_id, _ in self._lines)
        self.answered = []
        for answer_id in self._ids:
            self.answered.append(held[answer_id] > 0)
            held[answer_id] -= 1

    def __len__(self) -> int:
        """How many answers it holds."""
        return len(self._lines)

    def add(self, index: int, text: str, without: Sequence[str] = ()) -> None:
        """Write the answer to the question of that index. Raises DataError on a full disk.

        Args:
            index: of the question.
            text: the answer.
            without: settings that its server refused, and that it was given without.
        """
        question = self._questions[index]
        record = {
            "question_id": question.id,
            "prompt": question.prompt,
            "text": text,
            "answer_id": self._ids[index],
            "model_id": self._model_id,
            "metadata": {**self._metadata, **({"refused_by_server": list(without)} if without else {})},
        }
        line = json.dumps(record) + "\n"
        try:
            self._opened.write(line)
            self._opened.flush()
        except OSError as error:
            raise self._explained(error) from error
        self._lines.append((self._ids[index], line))

    def finish(self) -> None:
        """Put the lines in the order of their questions, and let the file be."""
        by_id: dict[str, list[str]] = {}
        for answer_id, line in self._lines:
            by_id.setdefault(answer_id, []).append(line)
        ordered = [(answer_id, by_id[answer_id].pop(0)) for answer_id in self._ids if by_id.get(answer_id)]
        if ordered != self._lines:
            self._lines = ordered
            try:
                self._rewrite(ordered)
            except OSError as error:
                raise self._explained(error) from error
        self.close()

    def close(self) -> None:
        """Let the file be; a later run goes on with it."""
        self._opened.close()
        self._unlock()

    def _open(self, is_new: bool) -> None:
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
            if self.file.exists() and not self.file.is_file():
                raise DataError(f"{self.file} is not a file; give another --answers-file.")
            if not is_new and self.file.exists():
                self._lines = self._kept(self.file.read_bytes())
            self._rewrite(self._lines)
            self._opened = self.file.open("a", encoding="utf-8")
        except Timeout as error:
            raise DataError(f"Another run writes {self.file}; wait for it, or give another --answers-file.") from error
        except OSError as error:
            raise self._explained(error) from error

    def _unlock(self) -> None:
        if self._lock.is_locked:
            Path(self._lock.lock_file).unlink(missing_ok=True)
            self._lock.release()

    def _kept(self, content: bytes) -> list[tuple[str, str]]:
        """The lines of a file and what each answers; half a last line is left out."""
        *lines, last = content.split(b"\n")
        kept: list[tuple[str, str]] = []
        room = Counter(self._ids)
        for number, line in enumerate([*lines, last] if last.strip() else lines, start=1):
            record = _record(line)
            if record is None and number > len(lines):
                self.repaired = True
                break
            answer_id = None if record is None else record.get("answer_id")
            if not isinstance(answer_id, str) or not room[answer_id]:
                raise DataError(
                    f"Line {number} of {self.file} {self._why_foreign(record)}; give another --answers-file, or "
                    "--force to begin anew."
                )
            room[answer_id] -= 1
            kept.append((answer_id, line.decode() + "\n"))
        return kept

    def _why_foreign(self, record: Mapping[str, Any] | None) -> str:
        if record is None:
            return "is no answer"
        metadata = record.get("metadata")
        theirs = metadata if isinstance(metadata, Mapping) else {}
        differing = [name for name in self._metadata if theirs.get(name) != self._metadata[name]]
        if differing:
            return f"was answered with other settings ({', '.join(differing)})"
        return "answers no question of this file and chunk, or one that is answered already"

    def _rewrite(self, lines: Sequence[tuple[str, str]]) -> None:
        write_whole(self.file, (line for _, line in lines))

    def _answer_id(self, question: FileQuestion) -> str:
        """As long as LLaVA's, which are drawn at random."""
        content = [question.id, question.prompt, question.image, self._model_id, self._metadata]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:22]

    def _explained(self, error: OSError) -> DataError:
        return DataError(f"Can't keep answers in {self.file} ({error.strerror}); give another --answers-file.")


def _record(line: bytes) -> Mapping[str, Any] | None:
    try:
        record = json.loads(line.decode())
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, Mapping) else None

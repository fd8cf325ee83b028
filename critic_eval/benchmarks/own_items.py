"""`critic_pairs`, `critic_scores`, `critic_ranks`: a user's own items, from a file named in the environment."""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from critic_eval.benchmarks.cases import Case, UnusableError, number_of, optional_text, text_of
from critic_eval.benchmarks.files import cache_folder, written_once
from critic_eval.benchmarks.sources import BUILDERS, load_arguments
from critic_eval.benchmarks.tables import Row, read_table
from critic_eval.benchmarks.task import JudgeTask
from critic_eval.benchmarks.variants import with_variants
from critic_eval.errors import ArgumentError, DataError
from critic_eval.judging import Item, Label, Response

Kind = Literal["pairs", "scores", "ranks"]

SCALE_VARIABLE = "CRITIC_EVAL_SCALE"
STRICT_VARIABLE = "CRITIC_EVAL_STRICT"


@dataclass(frozen=True)
class OwnFile:
    """The file of one task: JSON lines, CSV, TSV or parquet, named by `CRITIC_EVAL_PAIRS`, `_SCORES` or `_RANKS`.

    It stands in for a `Source`: the same methods say how `datasets` loads it.
    """

    kind: Kind

    @property
    def variable(self) -> str:
        """The environment variable that names the file."""
        return f"CRITIC_EVAL_{self.kind.upper()}"

    @property
    def file(self) -> Path:
        """The file.

        Raises:
            DataError: None is named, it does not exist, or it is of no known kind.
        """
        named = os.environ.get(self.variable)
        if not named:
            raise DataError(f"critic_{self.kind} reads your own file: set {self.variable} to it (see the README).")
        file = Path(named).expanduser().resolve()
        if not file.is_file():
            raise DataError(f"There is no file {file}, which {self.variable} names.")
        if file.suffix not in (*BUILDERS, *_TABLES):
            raise DataError(f"{file.name} is none of {', '.join((*BUILDERS, *_TABLES))}.")
        if not file.stat().st_size:
            raise DataError(f"{file} holds no items.")
        return file

    def path(self) -> str:
        """What `datasets.load_dataset` takes as path."""
        return BUILDERS[self._loaded_file().suffix]

    def name(self) -> None:
        """There is one configuration."""

    def kwargs(self) -> dict[str, Any]:
        """Further arguments of `datasets.load_dataset`."""
        return load_arguments("test", [self._loaded_file()])

    def _loaded_file(self) -> Path:
        """The file, or the lines of a table: `datasets` would make numbers of texts, and nothing of "NA"."""
        file = self.file
        if file.suffix not in _TABLES:
            return file
        digest = hashlib.sha256(file.read_bytes()).hexdigest()[:16]
        folder = written_once(cache_folder() / f"table-{digest}", partial(_write_lines, file))
        return folder / "items.jsonl"


def _write_lines(table: Path, folder: Path) -> None:
    """Write a table's rows as JSON, each on the line it ends on; what can't be read stays what it is: no JSON."""
    found = read_table(table)
    lines = {number: json.dumps(row) for number, row in found.rows}
    last = max(lines)
    text = [lines.get(number, "") for number in range(1, last + 1)]
    (folder / "items.jsonl").write_text("\n".join([*text, *found.problems]), encoding="utf-8")


_TABLES = (".csv", ".tsv")

FILES: dict[Kind, OwnFile] = {"pairs": OwnFile("pairs"), "scores": OwnFile("scores"), "ranks": OwnFile("ranks")}


def read_pair(row: Row) -> Iterator[Case]:
    """Two responses; the label is `A`, `B` or `tie`."""
    label = row.get("label")
    if label not in (None, "") and label not in _BETTER:
        raise UnusableError(f"label is {_short(label)}, none of 'A', 'B' and 'tie'")
    yield Case(
        _item(row, FILES["pairs"], (2, 2)), None if label in (None, "") else Label.preference(_BETTER[str(label)])
    )


def read_score(row: Row) -> Iterator[Case]:
    """One response; the label is a number on the scale that `CRITIC_EVAL_SCALE` states (0:100 by default)."""
    label = None if row.get("label") in (None, "") else Label.score(number_of(row, "label", *_scale()))
    yield Case(_item(row, FILES["scores"], (1, 1)), label)


def read_ranking(row: Row) -> Iterator[Case]:
    """Two or more responses; the label has their letters, best first, as in `CAB`."""
    item, label = _item(row, FILES["ranks"], (2, 26)), row.get("label")
    if label in (None, ""):
        yield Case(item)
        return
    try:
        ranking = Label.ranking([ord(letter) - ord("A") for letter in str(label)])
    except ArgumentError:
        ranking = None
    if ranking is None or len(ranking.value) != len(item.responses):  # type: ignore[arg-type]  # a ranking's value
        raise UnusableError(f"label is {_short(label)}, no ranking of {len(item.responses)} responses such as 'BA'")
    yield Case(item, ranking)


def _item(row: Row, source: OwnFile, bounds: tuple[int, int]) -> Item:
    name = row.get("id")
    if name in (None, ""):
        raise UnusableError("id is empty")
    responses = _responses(row)
    least, most = bounds
    if not least <= len(responses) <= most:
        wanted = str(least) if least == most else f"{least} to {most}"
        raise UnusableError(f"responses are {len(responses)}, not {wanted}")
    return Item(
        str(name),
        text_of(row, "question"),
        responses,
        _images(row, source.file.parent),
        reference=optional_text(row, "reference"),
        rubric=optional_text(row, "rubric"),
        group=optional_text(row, "group"),
    )


def _responses(row: Row) -> tuple[Response, ...]:
    """A list `responses`, or, as tables have it, a column `response` or columns `response_1`, `response_2` and on."""
    listed, models = _list(row, "responses"), _list(row, "models") or []
    if listed is None:
        names = [name for name in ("response", *(f"response_{number}" for number in range(1, 27))) if row.get(name)]
        listed = [row[name] for name in names]
    if not listed:
        raise UnusableError("responses are missing")
    responses = []
    for index, text in enumerate(listed):
        if not isinstance(text, str | int | float) or not str(text).strip():
            raise UnusableError(f"response {index + 1} is empty")
        responses.append(Response(str(text), str(models[index]) if index < len(models) else None))
    return tuple(responses)


def _list(row: Row, name: str) -> list[Any] | None:
    """A column with a list, which in a table's cell is written as JSON; None where it is absent or empty."""
    value = row.get(name)
    if isinstance(value, str) and value:
        try:
            value = json.loads(value)
        except ValueError:
            raise UnusableError(f"{name} is no list") from None
    if value in (None, ""):
        return None
    if not isinstance(value, list):
        raise UnusableError(f"{name} is no list")
    return value


def _images(row: Row, folder: Path) -> tuple[Any, ...]:
    """Image files; a relative path counts from the file's folder."""
    given = row.get("image")
    if not given:
        return ()
    if hasattr(given, "convert") or isinstance(given, dict):
        return (given,)
    named = [given] if isinstance(given, str) else given
    if not isinstance(named, list) or not all(isinstance(path, str) for path in named):
        raise UnusableError("image is neither a path nor a list of paths")
    for path in named:
        if not (folder / path).is_file():
            raise UnusableError(f"there is no image {_short(path)}")
    return tuple(str(folder / path) for path in named)


def _scale() -> tuple[float, float]:
    named = os.environ.get(SCALE_VARIABLE, "0:100")
    try:
        low, high = (float(part) for part in named.split(":"))
    except ValueError:
        raise DataError(f"{SCALE_VARIABLE}={named} is no scale such as 1:5.") from None
    return low, high


def _short(value: Any) -> str:
    return repr(str(value)[:40])


_BETTER = {"A": 0, "B": 1, "tie": None}


def _task(kind: Kind) -> JudgeTask:
    protocol, read, metrics = {
        "pairs": (
            "llava_critic_pair",
            read_pair,
            ("accuracy_with_tie", "accuracy_without_tie", "macro_f1", "model_kendall", "order_consistency"),
        ),
        "scores": (
            "llava_critic_score",
            read_score,
            ("pearson", "spearman", "kendall"),
        ),
        "ranks": ("llava_critic_rank", read_ranking, ("levenshtein", "kendall_distance")),
    }[kind]
    return JudgeTask(
        protocol,
        ("id", "question"),
        read,
        (*metrics, "invalid_rate", "left_out"),
        source=FILES[kind],
        own_file=True,
        strict=lambda: os.environ.get(STRICT_VARIABLE, "") not in ("", "0"),
    )


TASKS: dict[str, JudgeTask] = {name: task for kind in FILES for name, task in with_variants(kind, _task(kind)).items()}

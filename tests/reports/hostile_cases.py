"""Hostile result files, each a good run but for one thing.

A case is a run that is good but for one thing: a field of its results, of its rescored figures or of its samples that
is missing, of another type or size, or text that means something to a terminal or a page; or the file itself.
`hostile_files` puts each beside a good run.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from tests.factories import judgments
from tests.reports.conftest import write_run

RESULTS, SAMPLES = "20260101_results.json", "20260101_samples_critic_pairs.jsonl"
PAYLOAD = "<img src=x onerror=alert(1)>|`x`[l](javascript:alert(1))\x1b[31m\x1b]0;t\x07\u202e\x9b31m\n# h"
"""Text that means something to a page, to Markdown, and to a terminal."""
_RAW = {
    "NaN": "NaN",
    "Infinity": "Infinity",
    "-Infinity": "-Infinity",
    "1e999": "1e999",
    "10^400": "1" + "0" * 400,
    "10^5000": "1" + "0" * 5000,
    "100,000 levels": "[" * 100_000 + "]" * 100_000,
    "900 levels": '{"a":' * 900 + "1" + "}" * 900,
    "surrogate": '"\\ud800x"',
    "duplicate keys": '{"a": 1, "a": 2}',
}
"""Values that only stand in a file as they are written here."""
_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, -3.5, 2, 1e308, -1e308, 1 << 70, "", "text", "3", "infinity", [], {}, [1, 2], [None]),
    *(["a", ["b"]], {"a": {"b": 1}}, {"kind": "score", "value": 3}, PAYLOAD, "\x00", "../../etc/passwd", "x" * 5000),
)


@dataclass(frozen=True)
class Case:
    """What is odd, and how a good run is made so."""

    name: str
    apply: Callable[[Path], object]


def good_run(folder: Path, seed: int) -> Path:
    """A run of 30 pairs in both orders, with figures of scores in `rescored/` beside it."""
    said = []
    for one in judgments(30, 0.8, seed):
        shown: dict[str, Any] = {"models": ("gpt", "llava"), "lengths": (40, 20 + int(one.item_id)), "group": "COCO"}
        said += [
            replace(one, order=order, raw="The better response: [first]", span=(0, 3), seconds=0.5, **shown)
            for order in ("AB", "BA")
        ]
    counts = {"critic_pairs": {"original": 60, "effective": 60}}
    more: dict[str, Any] = {
        "n-samples": counts,
        "throughput": {"avg_latency": 0.5},
        "group_subtasks": {"critic_pairs": []},
    }
    own = {"accuracy_with_tie,none": 0.8, "accuracy_with_tie_stderr,none": 0.01, "alias": "critic_pairs"}
    config = {"limit": None, "offset": 0, "model": "llava_critic", "model_args": "pretrained=x"}
    settings = {"checkpoint": folder.name, "orders": "AB+BA", "items": "30-x", "invalid": "exclude"}
    write_run(folder, said, settings, results={"critic_pairs": own}, config=config, **more)
    rescored = {"benchmark": "scores", "signature": "orders:AB|items:30-x", "notes": []}
    (folder / "rescored").mkdir()
    figures = [{"name": "pearson", "group": "mean", "value": 0.3, "low": 0.2, "high": 0.4, "n": 30, "invalid": 1}]
    (folder / "rescored" / "other.json").write_text(json.dumps({**rescored, "figures": figures}))
    return folder


def cases(n: int, seed: int = 0) -> Iterator[Case]:
    """So many cases, of each kind its share; all files as a whole come first."""
    draw = random.Random(seed)
    whole = [*_whole_files(RESULTS), *_whole_files(SAMPLES), *_whole_files("rescored/other.json"), *_names()]
    yield from whole[:n]
    for number in range(max(0, n - len(whole))):
        yield _mutation((RESULTS, RESULTS, SAMPLES, SAMPLES, "rescored/other.json")[number % 5], draw)


def _mutation(file: str, draw: random.Random) -> Case:
    """One place of a file's JSON is replaced, is dropped, or its key is another; of samples in one line or in all."""
    place, how = draw.random(), draw.choice(["value", "value", "value", "raw", "raw", "drop", "key"])
    value = draw.choice(_VALUES)
    raw = draw.choice(sorted(_RAW))
    every = draw.random() < 0.5

    def changed(record: Any) -> str:
        paths = list(_paths(record))
        *parents, last = paths[int(place * len(paths))]
        holder = record
        for part in parents:
            holder = holder[part]
        if how == "drop" or (how == "key" and isinstance(holder, list)):
            del holder[last]
        elif how == "key":
            holder[value if isinstance(value, str) else "other"] = holder.pop(last)
        else:
            holder[last] = "@raw@" if how == "raw" else value
        return json.dumps(record).replace('"@raw@"', _RAW[raw])

    def apply(folder: Path) -> None:
        path = folder / file
        if not file.endswith(".jsonl"):
            path.write_text(changed(json.loads(path.read_text())))
            return
        lines = path.read_text().splitlines()
        path.write_text(
            "\n".join(changed(json.loads(line)) if every or at == 3 else line for at, line in enumerate(lines))
        )

    shown = {"value": repr(value)[:60], "raw": raw, "drop": "", "key": repr(value)[:60]}[how]
    return Case(f"{file}: {how} at {place:.3f}{' of all' if every else ''} {shown}", apply)


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield (*path, key)
        yield from _paths(part, (*path, key))


def _whole_files(file: str) -> list[Case]:
    """A file that is no file, is none of ours, or is not whole."""

    def written(data: bytes) -> Callable[[Path], object]:
        return lambda folder: (folder / file).write_bytes(data)

    def changed(change: Callable[[bytes], bytes]) -> Callable[[Path], object]:
        return lambda folder: (folder / file).write_bytes(change((folder / file).read_bytes()))

    def replaced(make: Callable[[Path], Any]) -> Callable[[Path], object]:
        def apply(folder: Path) -> None:
            (folder / file).unlink()
            make(folder / file)

        return apply

    def looped(path: Path) -> None:
        path.symlink_to(path.name)

    texts = {
        "empty": b"",
        "white space": b" \n\n",
        "binary": bytes(range(256)) * 20,
        "a list": b"[1, 2]",
        "a number": b"7",
        "null": b"null",
        "a string": b'"text"',
        "no figures": b'{"results": {}}',
        "figures of others": b'{"results": {"mmlu": {"acc,none": 0.5}}}',
        "odd tasks": b'{"results": {"critic_pairs": 7, "critic_x": [], "critic_scores": null}}',
        "a task of text": json.dumps({"results": {"critic_pairs": PAYLOAD}}).encode(),
        "a task's name": json.dumps({"results": {}, "critic_eval": {PAYLOAD: {}}}).encode(),
        "names of tasks": json.dumps(
            {"results": {name: {} for name in (PAYLOAD, "a/b", "..", "x" * 4000, "\x00")}}
        ).encode(),
        "100,000 levels": b'{"results": ' + b"[" * 100_000,
        "100,000 closed levels": b'{"results": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}",
        "a number of 5,000 digits": b'{"results": {"critic_pairs": {"accuracy_with_tie,none": ' + b"9" * 5000 + b"}}}",
        "gzip": b"\x1f\x8b\x08\x00" + bytes(40),
        "NUL": bytes(4096),
        "a page": b"<html><script>alert(1)</script></html>",
    }
    found = [(name, written(data)) for name, data in texts.items()]
    found += [(f"cut at {part:.0%}", changed(partial(_cut, part))) for part in (0.1, 0.5, 0.9, 0.99)]
    found += [
        ("a BOM", changed(lambda data: b"\xef\xbb\xbf" + data)),
        ("UTF-16", changed(lambda data: data.decode().encode("utf-16"))),
        ("UTF-32", changed(lambda data: data.decode().encode("utf-32"))),
        ("Latin-1", changed(lambda data: data.replace(b"critic_pairs", b"critic_p\xe4irs"))),
        ("CRLF", changed(lambda data: data.replace(b"\n", b"\r\n"))),
        ("twice", changed(lambda data: data + data)),
        (
            "10 MB name",
            changed(
                lambda data: data.replace(b'"20260101"', b'"' + b"x" * 10_000_000 + b'"').replace(
                    b"COCO", b"C" * 100_000
                )
            ),
        ),
        (
            "a duplicate key",
            changed(lambda data: data.replace(b"{", b'{"results": 7, "judgment": 3, "figures": 1, ', 1)),
        ),
        ("gone", replaced(lambda path: None)),
        ("a folder", replaced(lambda path: path.mkdir())),
        ("a FIFO", replaced(os.mkfifo)),
        ("a symlink loop", replaced(looped)),
        ("a dangling link", replaced(lambda path: path.symlink_to("nowhere"))),
        ("a device", replaced(lambda path: path.symlink_to("/dev/null"))),
        ("a link to all", replaced(lambda path: path.symlink_to("/"))),
    ]
    return [Case(f"{file}: {name}", apply) for name, apply in found]


def _cut(part: float, data: bytes) -> bytes:
    return data[: int(len(data) * part)]


def _names() -> list[Case]:
    """Files and folders of a run whose names mean something."""
    hostile = PAYLOAD.replace("/", "∕")

    def renamed(name: str) -> Callable[[Path], object]:
        return lambda folder: (folder / RESULTS).rename(folder / name)

    def inside(name: str) -> Callable[[Path], object]:
        def apply(folder: Path) -> None:
            (folder / name).mkdir()
            for file in (RESULTS, SAMPLES):
                (folder / file).rename(folder / name / file)

        return apply

    def named(critic: str) -> Callable[[Path], object]:
        return lambda folder: (folder / "rescored" / "other.json").rename(folder / "rescored" / f"{critic}.json")

    def many(folder: Path) -> None:
        (folder / "many").mkdir()
        for number in range(2000):
            (folder / "many" / f"{number}_results.json").write_text('{"results": {}}' if number % 2 else "[")

    texts = (
        hostile,
        "|",
        "a\nb",
        "`x`",
        "\x1b[2J",
        "x" * 200,
        "\udcff\udcfe",
        "--out",
        "[a]*",
        "\u202egpj",
        "$x$",
        "\\",
    )
    return [
        *(Case(f"file {text!r}", renamed(f"{text}_results.json")) for text in texts),
        *(Case(f"folder {text!r}", inside(text)) for text in texts),
        *(Case(f"critic {text!r}", named(text)) for text in texts),
        Case("2,000 files", many),
    ]

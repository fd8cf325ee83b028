"""Hostile result files, and what each command makes of them: `python -m tests.reports.hostile_files [N] [SEED]`.

A case is a run that is good but for one thing: a field of its results, of its rescored figures or of its samples that
is missing, of another type or size, or text that means something to a terminal or a page; or the file itself. Each is
put beside a good run. What must hold is in `held`.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import traceback
import unicodedata
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from critic_eval.cli import main
from tests.reports.conftest import judgments, write_run

COMMANDS = ("leaderboard", "compare", "view", "power", "probe")
RESULTS, SAMPLES = "20260101_results.json", "20260101_samples_critic_pairs.jsonl"
LONGEST = 30
"""Seconds that a command may take."""
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
    *(None, True, False, 0, -1, -3.5, 2, 1e308, -1e308, 1 << 70, "", "text", "3", "nan", [], {}, [1, 2], [None]),
    *(["a", ["b"]], {"a": {"b": 1}}, {"kind": "score", "value": 3}, PAYLOAD, "\x00", "../../etc/passwd", "x" * 5000),
)


@dataclass(frozen=True)
class Case:
    """What is odd, and how a good run is made so."""

    name: str
    apply: Callable[[Path], None]


def good_run(folder: Path, seed: int) -> Path:
    """A run of 30 pairs in both orders, with figures of scores in `rescored/` beside it."""
    said = []
    for one in judgments(30, 0.8, seed):
        shown = {"models": ("gpt", "llava"), "lengths": (40, 20 + int(one.item_id)), "group": "COCO"}
        said += [
            replace(one, order=order, raw="The better response: [first]", span=(0, 3), seconds=0.5, **shown)
            for order in ("AB", "BA")
        ]
    counts = {"critic_pairs": {"original": 60, "effective": 60}}
    more = {"n-samples": counts, "throughput": {"avg_latency": 0.5}, "group_subtasks": {"critic_pairs": []}}
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

    def written(data: bytes) -> Callable[[Path], None]:
        return lambda folder: (folder / file).write_bytes(data) and None

    def changed(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
        return lambda folder: (folder / file).write_bytes(change((folder / file).read_bytes())) and None

    def replaced(make: Callable[[Path], Any]) -> Callable[[Path], None]:
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
    found += [
        (f"cut at {part:.0%}", changed(lambda data, p=part: data[: int(len(data) * p)]))
        for part in (0.1, 0.5, 0.9, 0.99)
    ]
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


def _names() -> list[Case]:
    """Files and folders of a run whose names mean something."""
    hostile = PAYLOAD.replace("/", "∕")

    def renamed(name: str) -> Callable[[Path], None]:
        return lambda folder: (folder / RESULTS).rename(folder / name) and None

    def inside(name: str) -> Callable[[Path], None]:
        def apply(folder: Path) -> None:
            (folder / name).mkdir()
            for file in (RESULTS, SAMPLES):
                (folder / file).rename(folder / name / file)

        return apply

    def named(critic: str) -> Callable[[Path], None]:
        return lambda folder: (
            (folder / "rescored" / "other.json").rename(folder / "rescored" / f"{critic}.json") and None
        )

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


@dataclass(frozen=True)
class Outcome:
    """How a command ended: its status (None for a traceback), what it printed, and the files that it wrote."""

    status: int | None
    out: str
    err: str
    written: dict[str, bytes]


def arguments(command: str, good: Path, odd: Path, out: Path) -> list[str]:
    """What a command is called with."""
    samples = [str(odd / SAMPLES), str(good / SAMPLES)]
    return {
        "leaderboard": ["leaderboard", str(good), str(odd), "--out", str(out)],
        "compare": ["compare", str(good), str(odd), "--task", "critic_pairs", "--bootstrap", "50"],
        "view": ["view", str(odd), "--task", "critic_pairs", "--no-images", "--export", str(out)],
        "power": [
            "power",
            str(odd),
            "--task",
            "critic_pairs",
            "--figure",
            "accuracy_with_tie",
            "--effect",
            "0.2",
            "--agreement",
            "0.7",
            "--simulations",
            "1",
        ],
        "probe": ["probe", "length_accuracy", "critic_pairs", *samples, "--bootstrap", "20"],
    }[command]


class Hung(BaseException):
    """A command took longer than `LONGEST` seconds."""


def _hung(number: int, frame: Any) -> None:
    raise Hung


def run(command: str, good: Path, odd: Path, out: Path) -> Outcome:
    """Run a command in this process."""
    shutil.rmtree(out, ignore_errors=True)
    streams = [io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2)]
    status: int | None
    failure = ""
    with contextlib.redirect_stdout(streams[0]), contextlib.redirect_stderr(streams[1]), warnings.catch_warnings():
        warnings.simplefilter("always")
        before = signal.signal(signal.SIGALRM, _hung)
        signal.alarm(LONGEST)
        try:
            status = main(arguments(command, good, odd, out))
        except (Exception, Hung):
            status, failure = None, traceback.format_exc()
        finally:
            signal.alarm(0)
            signal.signal(signal.SIGALRM, before)
    written = {str(file.relative_to(out)): file.read_bytes() for file in out.rglob("*") if file.is_file()}
    printed = [stream.buffer.getvalue().decode("utf-8", "surrogatepass") for stream in streams]  # type: ignore[attr-defined]
    return Outcome(status, printed[0], printed[1] + failure, written)


def held(command: str, found: Outcome) -> list[str]:
    """What did not hold of an outcome: nothing, in the best case."""
    broken = []
    if found.status is None:
        return [f"traceback: {found.err.strip().splitlines()[-1][:200]}"]
    if found.status not in (0, 1):
        broken.append(f"status {found.status}")
    if found.status == 1 and len(re.findall("^error: ", found.err, re.MULTILINE)) != 1:
        broken.append("no sentence")
    if found.status == 0 and not (found.out.strip() or found.written):
        broken.append("nothing printed")
    if "Warning:" in found.err:
        broken.append(f"a warning of a library: {found.err[found.err.find('Warning:') :][:120]}")
    told = found.out + found.err
    signs = {sign for sign in told if sign != "\n" and unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp")}
    signs |= {sign for sign in told if sign in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"}
    if signs:
        broken.append(f"a terminal acts on {sorted(map(ascii, signs))}")
    if len(found.err) > 20_000 or len(found.out) > 100_000:
        broken.append(f"{len(told)} characters printed")
    texts = {name: data for name, data in found.written.items() if name.endswith((".md", ".csv", ".html"))}
    for name, data in {**texts, "the terminal": found.out.encode("utf-8", "replace")}.items():
        if figure := re.search(rb"(?<![\w'])[+-]?(nan|inf)(?![\w'])", data):
            broken.append(f"{name} prints {figure[0].decode()} as a figure")
    for name, data in texts.items():
        if b"<img src=x" in data or b"<script>alert" in data:
            broken.append(f"markup in {name}") if not name.endswith(".csv") else None
        if name.endswith(".md") and re.search(rb"(?<!\\)\[l(?<!\\)\]\(|^# h", data, re.MULTILINE):
            broken.append(f"Markdown in {name}")
        if any(sign < 9 or sign in (11, 12) or 13 < sign < 32 for sign in data) or b"\xe2\x80\xae" in data:
            broken.append(f"control characters in {name}")
    if command == "leaderboard" and (found.status != 0 or b"good" not in found.written.get("leaderboard.md", b"")):
        broken.append("the good run was lost")
    return broken


def check(odd_cases: Sequence[Case], commands: Sequence[str], tell: Callable[[str], None]) -> Counter[str]:
    """Run commands on cases; tells what does not hold, and gives how often each command held or did not."""
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        good, kept = good_run(folder / "good", 1), good_run(folder / "kept", 2)
        for case in odd_cases:
            shutil.rmtree(folder / "odd", ignore_errors=True)
            shutil.copytree(kept, folder / "odd", symlinks=True)
            case.apply(folder / "odd")
            for command in commands:
                broken = held(command, run(command, good, folder / "odd", folder / "out"))
                counts[f"{command}: {'broken' if broken else 'held'}"] += 1
                counts[f"{command}: traceback"] += any(one.startswith("traceback") for one in broken)
                for one in broken:
                    tell(f"{command}: {case.name}: {one}")
    return counts


if __name__ == "__main__":
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 1110
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    for line, times in sorted(check(list(cases(wanted, first)), COMMANDS, lambda text: print(ascii(text))).items()):
        print(f"{times:>6} {line}")

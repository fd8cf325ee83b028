"""What each command makes of hostile result files: `python -m tests.reports.hostile_files [N] [SEED]`.

What must hold is in `held`: no traceback, one sentence where nothing is left, nothing that a terminal or a page acts
on, no figure that is not a number, and the good run beside the odd one is still there.
"""

from __future__ import annotations

import contextlib
import io
import re
import shutil
import signal
import sys
import tempfile
import traceback
import unicodedata
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from critic_eval.cli import main
from tests.reports.hostile_cases import SAMPLES, Case, cases, good_run

COMMANDS = ("leaderboard", "compare", "view", "power", "probe")
LONGEST = 30
"""Seconds that a command may take."""


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
    printed = [stream.buffer.getvalue().decode("utf-8", "surrogatepass") for stream in streams]
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

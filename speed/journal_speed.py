"""How long a journal of 1,000,000 answers takes to write and to read: `python -m speed.journal_speed`."""

from __future__ import annotations

import argparse
import hashlib
import random
import resource
import tempfile
import time
from pathlib import Path

from critic_eval.critics.generation import Answer
from critic_eval.critics.journal import Journal


def main() -> None:
    """Write answers, then read each by its key, in another order, as a run that goes on does."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--characters", type=int, default=300, help="of each answer's text")
    args = parser.parse_args()
    keys = [hashlib.sha256(str(index).encode()).digest() for index in range(args.entries)]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "journal.sqlite"
        start = time.perf_counter()
        journal = Journal(file)
        for index, key in enumerate(keys):
            journal.add(key, Answer(f"{index:0{args.characters}}", 3000, 100, 0.1))
        journal.close()
        written = time.perf_counter() - start
        size = file.stat().st_size / 1e6
        random.Random(0).shuffle(keys)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start = time.perf_counter()
        journal = Journal(file)
        assert all(journal.get(key) is not None for key in keys)
        read = time.perf_counter() - start
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1e3
        journal.close()
    print(
        f"{args.entries:,} answers of {args.characters} characters ({size:,.0f} MB): written in {written:.1f} s, "
        f"read in {read:.1f} s, memory grown by {grown:.0f} MB while reading"
    )


if __name__ == "__main__":
    main()

"""How long `critic-eval rescore` takes over 10^4 to 10^6 recorded judgments: `python -m speed.rescore_speed`."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

KINDS = ("csv", "jsonl", "parquet", "text.csv")
"""Kinds of tables: `text.csv` has the critics' answers, of which 1,000 are distinct, in place of their scores."""


def main() -> None:
    """Time the command in a process of its own, all of its figures and 1,000 resamples included, and its memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--out", type=Path, help="a JSON file for the measurements")
    args = parser.parse_args()
    measured = []
    print(f"{'table':<10} {'rows':>10} {'wall s':>8} {'CPU s':>8} {'peak MB':>8}")
    with tempfile.TemporaryDirectory() as folder:
        for kind in args.kinds:
            for rows in args.rows:
                wall, cpu, memory = measure(written(Path(folder), kind, rows))
                print(f"{kind:<10} {rows:>10,} {wall:>8.1f} {cpu:>8.1f} {memory:>8.0f}", flush=True)
                measured.append({"table": kind, "rows": rows, "seconds": wall, "cpu_seconds": cpu, "peak_mb": memory})
    if args.out:
        machine = {
            "device": f"{os.cpu_count()} CPU cores",
            "python": platform.python_version(),
            "pandas": pd.__version__,
        }
        args.out.write_text(json.dumps({**machine, "rows": measured}, indent=1) + "\n", encoding="utf-8")


def written(folder: Path, kind: str, rows: int) -> Path:
    """A table's file, written by a process of its own: a child's peak of memory counts from its parent's."""
    process = multiprocessing.get_context("spawn").Process(target=write, args=(folder, kind, rows))
    process.start()
    process.join()
    return folder / f"{rows}.{kind}"


def write(folder: Path, kind: str, rows: int) -> None:
    """Write a table of scores as MLLM-as-a-Judge has it, of 14 data sets."""
    rng = np.random.default_rng(0)
    human = rng.integers(1, 6, rows)
    judge = np.clip(human + rng.integers(-2, 3, rows), 1, 5)
    table = pd.DataFrame({"score_id": np.arange(rows), "original_dataset": rng.integers(0, 14, rows), "human": human})
    table["original_dataset"] = "set " + table["original_dataset"].astype(str)
    if kind == "text.csv":
        reason = pd.Series(rng.integers(0, 200, rows)).astype(str)
        table["text"] = "Analysis: it names object " + reason + ".\nJudgement: [[" + pd.Series(judge).astype(str) + "]]"
    else:
        table["judge"] = judge
    file = folder / f"{rows}.{kind}"
    if kind == "parquet":
        table.to_parquet(file)
    elif kind == "jsonl":
        table.to_json(file, orient="records", lines=True)
    else:
        table.to_csv(file, index=False)


def measure(file: Path) -> tuple[float, float, float]:
    """Wall seconds, processor seconds and peak memory in MB (10^6 bytes) of rescoring a table."""
    command = [sys.executable, "-m", "critic_eval.cli", "rescore", "mllm_judge_score", str(file), "--json"]
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    if status:
        raise SystemExit(f"rescore failed on {file.name}")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6


if __name__ == "__main__":
    main()

"""Runs with planted verdicts, in files as lmms-eval writes them."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from critic_eval.judging import Judgment, Label, Verdict
from critic_eval.metrics import compute_figure
from critic_eval.runs.report import full_record

TASK = "critic_pairs"


def judgments(n: int, accuracy: float, seed: int = 0) -> list[Judgment]:
    rng = np.random.default_rng(seed)
    found = []
    for item in range(n):
        label = int(rng.integers(2))
        said = label if rng.random() < accuracy else 1 - label
        found.append(
            Judgment(str(item), "AB", Verdict.preference(said), "", "llava_critic_pair", label=Label.preference(label))
        )
    return found


def write_run(
    folder: Path, said: list[Judgment], settings: dict[str, str] | None = None, task: str = TASK, **results: Any
) -> Path:
    """A run's files as lmms-eval writes them."""
    folder.mkdir(parents=True)
    main = "pearson" if said[0].verdict.kind == "score" else "accuracy_with_tie"
    figures = [full_record(compute_figure(name, said)) for name in (main, "invalid_rate")]
    section = {task: {"settings": settings or {"checkpoint": folder.name}, "figures": figures, "left_out": ""}}
    content = {"results": {task: {}}, "config": {"limit": None}, "critic_eval": section, "date": "20260101", **results}
    (folder / "20260101_results.json").write_text(json.dumps(content))
    lines = [json.dumps({"doc_id": index, "judgment": one.to_record()}) for index, one in enumerate(said)]
    (folder / f"20260101_samples_{task}.jsonl").write_text("\n".join(lines) + "\n")
    return folder

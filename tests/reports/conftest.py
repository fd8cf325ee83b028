"""Runs with planted verdicts, in files as lmms-eval writes them."""

import json
from pathlib import Path
from typing import Any

from critic_eval.judging import Judgment
from critic_eval.metrics import compute_figure
from critic_eval.runs.figure_records import full_record

TASK = "critic_pairs"


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

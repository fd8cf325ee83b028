"""Runs with planted verdicts, in folders as `--output_path` makes them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from critic_eval.judging import Judgment, Preference
from tests.reports.conftest import write_run

MakeRun = Callable[..., Path]


def pairs(n: int, first_rate: float, start: int = 0) -> list[Judgment]:
    """Preferences on `n` items in both orders; what is shown first is preferred in a share of the items."""
    found = []
    for item in range(start, start + n):
        prefers_first = (item - start) < round(first_rate * n)
        for order in ("AB", "BA"):
            said = {"AB": 0, "BA": 1}[order] if prefers_first else 0
            label = Preference(0)
            found.append(Judgment(str(item), order, Preference(said), "", "llava_critic_pair", label=label))
    return found


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Writes a run `NAME/DATE_*` of a task, beside what was written of others; gives its folder."""

    def made(name: str, date: str, said: list[Judgment], critic: str = "critic", task: str = "critic_pairs") -> Path:
        written = write_run(tmp_path / "made" / f"{name}-{date}-{task}", said, {"checkpoint": critic}, task, date=date)
        folder = tmp_path / name
        folder.mkdir(parents=True, exist_ok=True)
        results = folder / f"{date}_results.json"
        found = json.loads((written / "20260101_results.json").read_text())
        if results.exists():  # a run of several tasks
            before = json.loads(results.read_text())
            for part in ("results", "critic_eval"):
                found[part] = {**before[part], **found[part]}
        results.write_text(json.dumps(found))
        (written / f"20260101_samples_{task}.jsonl").rename(folder / f"{date}_samples_{task}.jsonl")
        return folder

    return made

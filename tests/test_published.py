"""Published tables: each has its source and trust mark, and what can be recomputed of it is."""

from pathlib import Path
from typing import Any

import pytest
import yaml

FILES = sorted((Path(__file__).parents[1] / "results" / "published").glob("*.yaml"))
TRUST = ("primary", "quoted", "secondary", "digitized")


def read(file: Path) -> dict[str, Any]:
    table: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return table


def recomputed(values: dict[str, float | None], check: dict[str, Any]) -> float | None:
    """The mean that a check is about, over the columns that a row has; weighted means need them all."""
    known = [(column, values.get(column)) for column in check["of"]]
    present = [value for _, value in known if value is not None]
    weights = check.get("weights") or [1] * len(check["of"])
    if len(present) < 2 or (check.get("weights") and len(present) < len(known)):
        return None
    pairs = [(value, weight) for (_, value), weight in zip(known, weights, strict=True) if value is not None]
    return float(sum(value * weight for value, weight in pairs) / sum(weight for _, weight in pairs))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_table_names_its_source_and_how_far_to_trust_it(file: Path) -> None:
    table = read(file)
    assert table["source"]
    assert table["trust"] in TRUST
    critics = [row["critic"] for row in table["rows"]]
    assert len(critics) > 1
    for row in table["rows"]:
        assert row["values"], row["critic"]
        assert all(value is None or isinstance(value, int | float) for value in row["values"].values())


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_rows_that_contradict_themselves_are_marked_and_no_others(file: Path) -> None:
    table = read(file)
    for row in table["rows"]:
        wrong = []
        for check in table["checks"]:
            printed, found = row["values"].get(check["column"]), recomputed(row["values"], check)
            if printed is not None and found is not None and abs(found - printed) > check["tolerance"] + 1e-9:
                wrong.append(check["column"])
        assert bool(wrong) == ("contradicts_itself" in row), (row["critic"], wrong)


def test_tables_that_can_be_recomputed_are_checked() -> None:
    checked = {file.stem for file in FILES if read(file)["checks"]}
    assert {"mllm_judge_score", "vl_rewardbench", "mm_rlhf_rewardbench", "llava_critic_in_domain"} <= checked
    rows = {row["critic"]: row for row in read(next(f for f in FILES if f.stem == "vl_rewardbench"))["rows"]}
    # facts/benchmarks.md, section 3: these two only agree with other group sizes than the benchmark's.
    assert rows["R1-Reward"]["agrees_with"].startswith("r1_reward")
    assert rows["MM-RLHF-Reward"]["agrees_with"].startswith("r1_reward")

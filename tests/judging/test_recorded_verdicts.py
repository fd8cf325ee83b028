"""Verdicts that judges' own repositories recorded, and inputs on which readers failed.

Oracles: `recorded` of each file, and `label`, `human`, `score` or `Better` of the cases; the answers are real outputs.
"""

import gzip
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from critic_eval.judging import Verdict, get_protocol
from tests.conftest import SHARED

pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="the recorded judges of ../shared are not here")


def told(verdict: Verdict) -> Any:
    """A verdict as the files write it."""
    if not verdict.is_valid:
        return None
    return {0: "A", 1: "B", None: "tie"}[verdict.value] if verdict.kind == "preference" else verdict.value


def rows(file: Path) -> list[dict[str, Any]]:
    text = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    return [json.loads(line) for line in text.decode().split("\n") if line.strip()]


@pytest.mark.parametrize(
    ("name", "recorded"), [("llmbar_chatgpt", 833), ("mtbench_pair_gpt4", 147), ("mtbench_single_gpt4", 160)]
)
def test_every_recorded_verdict_is_read_and_none_differs(name: str, recorded: int) -> None:
    found: Counter[str] = Counter()
    for row in rows(SHARED / f"data/recorded_verdicts/{name}.jsonl.gz"):
        protocol = get_protocol(row["protocol"])
        read = told(protocol.parse(row["text"], 1 if protocol.kind == "score" else 2).verdict)
        if row["recorded"] is not None:
            found["same" if read == row["recorded"] else "lost" if read is None else "different"] += 1
    assert found == {"same": recorded}


def test_wildvisions_recorded_verdicts_are_read() -> None:
    labels = re.compile(r"\[\[([AB<>=]+)\]\]")
    found: Counter[str] = Counter()
    protocol = get_protocol("wildvision_bench")
    for row in rows(SHARED / "data/wildvision_bench/gpt4o_judgements.jsonl.gz"):
        if not labels.search(row["judgement"]) or len(row["score"] or "xxxxx") > 4:
            continue
        parsed = protocol.parse(row["judgement"], 2).verdict
        recorded = protocol.parse(f"My final verdict is: [[{row['score']}]]", 2).verdict
        found["same" if parsed == recorded else "lost" if not parsed.is_valid else "different"] += 1
    assert found["different"] == 0
    assert found["same"] >= 0.999 * found.total()
    assert found.total() == 5403


CASES: dict[str, tuple[tuple[str, ...], str, str]] = {
    "F2_think": (("llava_critic_pair", "verdict_last_pair", "vl_rewardbench", "mm_rewardbench"), "text", "label"),
    "F3_stray_quote": (("wildvision_bench",), "judgment", ""),
    "F4_quoted_own_prompt": (("verdict_last_pair",), "text", "label"),
    "F4_quoted_verdict": (("mm_rewardbench",), "output", "Better"),
    "F5_mllm_key": (("mllm_judge_score",), "text", "human"),
    "F7_criteria": (("vl_rewardbench", "verdict_last_pair", "llava_critic_pair"), "text", "label"),
    "F8_aspects": (("llava_critic_score", "verdict_last_score"), "text", "label"),
    "F10_tag": (("llava_critic_pair", "vl_rewardbench", "mm_rewardbench", "mllm_judge_pair"), "text", "label"),
    "F11_crlf": (("llava_bench_coco",), "text", ""),
    "F12_labels": (("llava_critic_score", "verdict_last_score"), "text", "label"),
}
STATED: dict[str, list[Any]] = {
    "F3_stray_quote": ["A"] * 5,
    "F11_crlf": [(8.0, 9.0), (7.0, 9.0)],
    "F4_quoted_verdict": ["B"] * 3,
}
"""What the answers say where the file does not tell it in our letters."""


@pytest.mark.parametrize("name", CASES)
def test_inputs_on_which_readers_failed(name: str) -> None:
    protocols, column, label = CASES[name]
    for protocol in map(get_protocol, protocols):
        n = 1 if protocol.kind == "score" and protocol.n_responses == (1, 1) else 2
        records = rows(SHARED / f"cases/{name}.jsonl")
        wanted: list[Any] = list(STATED[name]) if name in STATED else [record[label] for record in records]
        if name == "F2_think":
            wanted[-1] = None  # the thought is unfinished
        assert [told(protocol.parse(record[column], n).verdict) for record in records] == wanted, protocol.name

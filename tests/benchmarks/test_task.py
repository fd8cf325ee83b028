"""From rows to requests, and from answers to figures."""

from typing import Any

import pytest
from datasets import Dataset

from critic_eval.benchmarks.loading.cache import written_once
from critic_eval.errors import DataError
from critic_eval.lmms.aggregation import aggregation
from critic_eval.lmms.tasks import ORDER_COLUMN
from tests.benchmarks.tasks import task

PAIR, RANK = task("digits_pair"), task("digits_rank")

ROWS = [
    {"id": str(i), "image": None, "question": "Which?", "responses": ["It is 3.", "It is 5."], "label": label}
    for i, label in enumerate(["A", "B", "tie"])
]


def judged(answers: list[str], rows: Any = None) -> list[dict[str, Any]]:
    prepared = PAIR.prepare(Dataset.from_list(rows or ROWS))
    return [PAIR.results(row, [answer]) for row, answer in zip(prepared, answers, strict=True)]


def test_pairs_are_shown_in_both_orders_and_rankings_in_one() -> None:
    prepared = PAIR.prepare(Dataset.from_list(ROWS))
    assert prepared[ORDER_COLUMN][:] == ["AB", "BA"] * 3
    assert "The first response: [It is 5.]" in PAIR.text(prepared[1])
    ranked = Dataset.from_list([{**ROWS[0], "responses": ["a", "b", "c"], "label": "CAB"}])
    assert RANK.prepare(ranked)[ORDER_COLUMN][:] == ["ABC"]


def test_a_missing_column_is_named() -> None:
    with pytest.raises(DataError, match="lacks the columns responses, label"):
        PAIR.prepare(Dataset.from_list(ROWS).remove_columns(["responses", "label"]))


def test_a_critic_that_always_prefers_the_first_is_half_right_and_never_consistent() -> None:
    results = judged(["The better response: [first]"] * 6)
    assert aggregation("accuracy_without_tie")([r["accuracy_without_tie"] for r in results]) == 0.5
    assert aggregation("accuracy_with_tie")([r["accuracy_with_tie"] for r in results]) == pytest.approx(1 / 3)
    assert aggregation("order_consistency")([r["order_consistency"] for r in results]) == 0.0


def test_answers_without_a_verdict_are_counted_and_left_out() -> None:
    results = judged(["The better response: [first]", "I can't say."] * 3)
    assert aggregation("invalid_rate")([r["invalid_rate"] for r in results]) == 0.5
    assert aggregation("accuracy_without_tie")([r["accuracy_without_tie"] for r in results]) == 0.5


def test_every_figure_brings_its_standard_error() -> None:
    answers = ["The better response: [first]", "The better response: [second]"] * 60
    rows = [{**ROWS[i % 3], "id": str(i)} for i in range(60)]
    records = [r["accuracy_with_tie"] for r in judged(answers, rows)]
    error = aggregation("accuracy_with_tie").critic_eval_stderr(records)  # type: ignore[attr-defined]
    # Both orders of an item agree, so 60 items count and not 120 judgments: sqrt(p (1 - p) / 60) with p = 1/3.
    assert error == pytest.approx((1 / 3 * 2 / 3 / 60) ** 0.5, rel=0.1)


def test_a_half_written_data_set_is_never_kept(tmp_path: Any) -> None:
    def fail(folder: Any) -> None:
        (folder / "part").write_text("x")
        raise OSError("No space left on device")

    with pytest.raises(DataError, match="No space left"):
        written_once(tmp_path / "data", fail)
    assert list(tmp_path.iterdir()) == []

    def write(folder: Any) -> None:
        (folder / "whole").write_text("x")

    written_once(tmp_path / "data", write)
    assert [file.name for file in (tmp_path / "data").iterdir()] == ["whole"]

"""Judges without a model: recorded judgments answer by item or prompt, planted ones with the bias that was planted."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset
from lmms_eval.api.instance import Instance

from critic_eval.benchmarks.benchmark import Benchmark
from critic_eval.benchmarks.loading.cases import Case
from critic_eval.benchmarks.loading.own_files import OwnFile
from critic_eval.benchmarks.loading.tables import Row
from critic_eval.errors import ArgumentError, DataError
from critic_eval.judging import Item, Judgment, Preference, Response
from critic_eval.judging.protocols import digest_prompt
from critic_eval.lmms.models.planted_judge import PlantedJudge
from critic_eval.lmms.models.recorded_judge import RecordedJudge
from critic_eval.lmms.models.text_judge import TextJudge
from critic_eval.lmms.tasks import JudgeTask
from critic_eval.metrics import compute_figure
from critic_eval.metrics.probes import compute_probe

N = 600


def read(row: Row, source: object) -> Iterator[Case]:
    a, b = row["responses"]
    yield Case(Item(row["id"], "Which?", (Response(a, "m1"), Response(b, "m2"))), Preference(row["better"]))


PAIRS = Benchmark("critic_planted", OwnFile(), read, "llava_critic_pair", ("accuracy_with_tie",))
PAIR, INJECTED = JudgeTask(PAIRS), JudgeTask(replace(PAIRS, injected=True))


def rows(n: int = N) -> Any:
    rng = np.random.default_rng(7)
    made = []
    for i in range(n):
        texts = ["x" * int(length) for length in rng.integers(5, 200, 2)]
        made.append({"id": str(i), "responses": texts, "better": int(rng.integers(0, 2))})
    return Dataset.from_list(made)


def judge(model: TextJudge, task: JudgeTask = PAIR, n: int = N) -> list[Judgment]:
    prepared = task.prepare(rows(n))
    model.task_dict = {"t": {"test": prepared}}
    requests = [
        Instance(
            request_type="generate_until",
            arguments=(task.text(row), None, {}, i, "t", "test"),
            idx=0,
            metadata={"task": "t", "doc_id": i, "repeats": 1},
        )
        for i, row in enumerate(prepared)
    ]
    answers = model.generate_until(requests)
    records = [task.results(row, [answer.text])["judgment"] for row, answer in zip(prepared, answers, strict=True)]
    return [Judgment.from_record(record) for record in records]


@pytest.mark.parametrize(
    ("name", "planted", "expected", "extra"),
    [
        # A share p of verdicts goes to the first place, the rest splits evenly over both orders: p / 2 above one half.
        ("position", {"position": 0.3}, 0.15, {}),
        # The longer response gets p of the verdicts whether it is better or not: the accuracies differ by p.
        ("length_accuracy", {"length": 0.3}, 0.30, {}),
        # Points of m1 are p + (1 - p) / 2 by the verdicts and 1/2 by the labels.
        ("self_preference", {"self_preference": 0.3, "model": "m1"}, 0.15, {"model": "m1"}),
    ],
)
def test_a_probe_recovers_the_planted_bias_and_finds_none_where_none_is(
    name: str, planted: dict[str, Any], expected: float, extra: dict[str, Any]
) -> None:
    found = compute_probe(name, judge(PlantedJudge(skill=0.8, **planted)), **extra)
    assert found.low < expected < found.high, found
    assert found.low > 0
    unbiased = compute_probe(name, judge(PlantedJudge(skill=0.8)), **extra)
    assert unbiased.low < 0 < unbiased.high, unbiased


def test_the_coefficient_of_length_is_positive_with_the_bias_and_around_zero_without() -> None:
    assert compute_probe("length", judge(PlantedJudge(skill=0.8, length=0.3))).low > 0
    unbiased = compute_probe("length", judge(PlantedJudge(skill=0.8)))
    assert unbiased.low < 0 < unbiased.high


def test_the_coefficient_of_length_is_scikit_learns() -> None:
    """Oracle: LogisticRegression with C=1, whose penalty on the slopes is the same, and no penalty on the intercept."""
    from sklearn.linear_model import LogisticRegression

    judgments = judge(PlantedJudge(skill=0.7, length=0.4))
    x = [[1.0 if one.label == Preference(0) else -1.0, np.log(one.lengths[0] / one.lengths[1])] for one in judgments]
    y = [one.verdict.value == 0 for one in judgments]
    reference = LogisticRegression(C=1.0, tol=1e-10, max_iter=1000).fit(x, y)
    assert compute_probe("length", judgments, resamples=0).value == pytest.approx(reference.coef_[0, 1], abs=1e-4)


def test_obedience_to_a_response_is_measured_against_the_run_without_it() -> None:
    plain = judge(PlantedJudge(skill=0.8))
    # The worse response has 0.2 of the points; it asks, and has p + (1 - p) * 0.2 of them.
    obedient = compute_probe("injection", plain, judge(PlantedJudge(skill=0.8, injection=0.4, seed=1), INJECTED))
    assert obedient.low < 0.4 * 0.8 < obedient.high
    deaf = compute_probe("injection", plain, judge(PlantedJudge(skill=0.8, seed=1), INJECTED))
    assert deaf.low < 0 < deaf.high


def test_a_critic_that_looks_loses_its_accuracy_on_shuffled_images() -> None:
    as_is, shuffled = judge(PlantedJudge(skill=0.9)), judge(PlantedJudge(skill=0.5, seed=2))
    looking = compute_probe("image_use", as_is, shuffled)
    assert looking.low < 0.4 < looking.high
    blind = compute_probe("image_use", shuffled, judge(PlantedJudge(skill=0.5, seed=3)))
    assert blind.low < 0 < blind.high


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("length", "lengths"),
        ("self_preference", "name of a model"),
        ("injection", "_injected"),
        ("image_use", "shuffled"),
        ("position", "both orders"),
        ("beauty", "position"),
    ],
)
def test_a_probe_says_what_it_lacks(name: str, message: str) -> None:
    import dataclasses

    bare = [dataclasses.replace(one, lengths=(), order="AB") for one in judge(PlantedJudge(), n=20)[::2]]
    with pytest.raises(ArgumentError, match=message):
        compute_probe(name, bare)


def test_planted_skill_and_silence_are_what_was_planted() -> None:
    judgments = judge(PlantedJudge(skill=0.7, invalid=0.1))
    for name, expected in (("accuracy_with_tie", 0.7), ("invalid_rate", 0.1)):
        found = compute_figure(name, judgments)
        assert found.low < expected < found.high, found
    with pytest.raises(ArgumentError, match="skill"):
        PlantedJudge(skill=2)
    with pytest.raises(ArgumentError, match="did you mean position"):
        PlantedJudge(postion=0.1)


LOGGED = Judgment("0", "BA", Preference(1), "The better response: [first]", "llava_critic_pair", (0, 28))


def write(path: Path, *records: dict[str, Any]) -> str:
    path.write_text("\n".join(json.dumps(record) for record in records))
    return str(path)


@pytest.mark.parametrize(
    "record",
    [
        lambda prompt: {"item_id": "0", "order": "BA", "text": "The better response: [first]"},
        lambda prompt: {"id": "0", "order": "BA", "verdict": "A"},
        lambda prompt: {"prompt_hash": digest_prompt(prompt), "raw": "The better response: [first]"},
        lambda prompt: {"judgment": LOGGED.to_record()},
    ],
)
def test_a_record_answers_for_its_item_and_no_other(record: Callable[[str], dict[str, Any]], tmp_path: Path) -> None:
    prepared = PAIR.prepare(rows(2))
    path = write(tmp_path / "records.jsonl", record(PAIR.text(prepared[1])))
    judgments = judge(RecordedJudge(path=path), n=2)
    assert (
        judgments[1].verdict
        == PAIR.protocol.judge(PAIR.item(prepared[1]), "BA", "The better response: [first]").verdict
    )
    assert [one.verdict.reason for one in judgments] == ["not recorded", None, "not recorded", "not recorded"]


def test_a_record_without_an_order_is_of_the_data_sets_own(tmp_path: Path) -> None:
    path = write(tmp_path / "records.jsonl", {"id": "0", "text": "The better response: [first]"})
    judgments = judge(RecordedJudge(path=path), n=1)
    assert [one.verdict.value for one in judgments] == [0, None]
    assert judgments[1].verdict.reason == "not recorded"


def test_repeated_records_answer_in_turn(tmp_path: Path) -> None:
    records = [{"id": "0", "order": "AB", "verdict": verdict} for verdict in ("A", "B")]
    model = RecordedJudge(path=write(tmp_path / "records.jsonl", *records))
    values = [judge(model, n=1)[0].verdict for _ in range(3)]
    assert [verdict.value for verdict in values[:2]] == [0, 1]
    assert values[2].reason == "not recorded"


def test_an_answer_beside_a_verdict_is_what_was_judged(tmp_path: Path) -> None:
    record = {"id": "0", "order": "AB", "answer": "The better response: [first]", "result": {"judge": "B"}}
    model = RecordedJudge(path=write(tmp_path / "records.jsonl", record))
    assert judge(model, n=1)[0].verdict.value == 1


def test_records_that_name_nothing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="line 1: there is none of the columns item_id, id and prompt_hash"):
        RecordedJudge(path=write(tmp_path / "a.jsonl", {"text": "x"}))
    with pytest.raises(DataError, match=r"none of the columns text, raw, answer, verdict, judge, result\.judge"):
        RecordedJudge(path=write(tmp_path / "b.jsonl", {"id": "1"}))
    with pytest.raises(ArgumentError, match="path=FILE"):
        RecordedJudge()
    with pytest.raises(DataError, match="holds no judgment of task other"):
        RecordedJudge(path=write(tmp_path / "c.jsonl", {"id": "1", "task": "x", "verdict": "A"}), task="other")

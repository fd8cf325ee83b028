"""Each loader against rows in its data set's documented schema: items, labels, groups, and what can't be used."""

from typing import Any

import pytest
from datasets import Dataset
from PIL import Image

from critic_eval.benchmarks import vlfeedback, wildvision
from critic_eval.benchmarks.loading.cases import Case, LeftOut, read_cases
from critic_eval.benchmarks.loading.tables import Row
from critic_eval.benchmarks.registry import find_benchmark
from critic_eval.errors import DataError, ImageError
from critic_eval.judging import Invalid, Label, Preference, Ranking, Score, state_verdict
from critic_eval.lmms.tasks import JudgeTask
from tests.benchmarks.tasks import task

MLLM: dict[str, Any] = {"instruction": "What is shown?", "original_dataset": "coco", "image_path": "1.png"}
ANSWERS = [{"name": "gpt4", "answer": "A cat."}, {"name": "llava", "answer": "A dog."}, {"name": "x", "answer": "No."}]
SCORE = {**MLLM, "score_id": 7, "id": 1, "name": "llava", "answer": "A cat.", "human": "4"}
PAIR = {**MLLM, "pair_id": 3, "id": 1, "answer1": ANSWERS[0], "answer2": ANSWERS[1], "human": "C"}
BATCH = {**MLLM, "id": 9, "answers": ANSWERS, "human": "CAB"}
VLRB: dict[str, Any] = {"id": "RLAIF-V-1", "query": "Which?", "response": ["One.", "Two."], "human_ranking": [1, 0]}
IMAGE = Image.new("RGB", (4, 4))
MMRB = {"ID": "pairs_1", "Text": "Which?", "Output1": "a", "Output2": "b", "Better": "Output2", "Category": "safety"}
RLHF = {"id": "1_2", "prompt": "Which?", "chosen": "a", "rejected": "b", "image": "mcq/1.png"}
BATTLE = {
    "question_id": "q",
    "model_a": "gpt-4o",
    "model_b": "llava",
    "conversation_a": [{"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}],
    "conversation_b": [{"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Yes."}],
    "winner": "tie (bothbad)",
}
BENCH = {
    "question_id": "q",
    "instruction": "Which?",
    wildvision.BASELINE: "Mine.",
    "aria": "Yours.",
    "gpt4o_labels": {"aria": "B>>A"},
}
PERCEPTION = {
    "orig_instruction": "Which?",
    "original_response": "This.",
    "orig_reference_answer": "That.",
    "orig_criteria": "Is it that?",
    **{f"orig_score{score}_description": f"level {score}" for score in range(1, 6)},
    "human_score": 4,
}
REVIEW = {"question_id": 1, "question": "Which?", "reference": "That.", "answer": "This.", "score": 6, "context": "c"}


def rated(*ratings: str) -> dict[str, Any]:
    return {name: {"Rating": rating, "Rationale": ""} for name, rating in zip(vlfeedback.ASPECTS, ratings, strict=True)}


FEEDBACK: dict[str, Any] = {
    "id": "f",
    "prompt": "Which?",
    "img_path": "1.jpg",
    "completions": [
        {"model": "a", "response": "One.", "annotations": rated("5", "5", "5")},
        {"model": "b", "response": "Two.", "annotations": rated("4", "5", "3")},
        {"model": "c", "response": "Six.", "annotations": rated("3", "4", "5")},
        {"model": "d", "response": "Ten.", "annotations": rated("N/A", "5", "5")},
    ],
}


@pytest.mark.parametrize(
    ("name", "row", "label", "group"),
    [
        ("mllm_judge_score", SCORE, Score(4), "coco"),
        ("mllm_judge_score", {**SCORE, "human": 2}, Score(2), "coco"),
        ("mllm_judge_pair", PAIR, Preference(None), "coco"),
        ("mllm_judge_pair", {**PAIR, "human": None, "human_answer": "B"}, Preference(1), "coco"),
        ("mllm_judge_batch", BATCH, Ranking((2, 0, 1)), "coco"),
        ("vl_rewardbench", VLRB, Preference(1), "hallucination"),
        ("mm_rewardbench", MMRB, Preference(1), "safety/bias"),
        ("mm_rlhf_rewardbench", RLHF, Preference(0), "mcq"),
        ("wildvision_arena", BATTLE, Preference(None), None),
        ("wildvision_bench", BENCH, Preference(1), "aria"),
        ("perception_bench", PERCEPTION, Score(4), None),
        ("llava_bench_wild", REVIEW, Score(6), None),
    ],
)
def test_a_row_gives_its_item_and_label(name: str, row: Row, label: Label, group: str | None) -> None:
    (case,) = read_cases(find_benchmark(name).read, row)
    assert isinstance(case, Case), case
    assert (case.label, case.item.group) == (label, group)


@pytest.mark.parametrize(
    ("name", "row", "reason"),
    [
        ("mllm_judge_score", {**SCORE, "human": 0}, "human is outside 1 to 5"),
        ("mllm_judge_score", {**SCORE, "answer": " "}, "a response is empty"),
        ("mllm_judge_pair", {**PAIR, "human": "D"}, "human is none of A, B and C"),
        ("mllm_judge_pair", {**PAIR, "answer2": {"name": "x"}}, "it lacks answer"),
        ("mllm_judge_batch", {**BATCH, "human": ""}, "human is not a ranking of the responses"),
        ("vl_rewardbench", {**VLRB, "human_ranking": [0]}, "human_ranking does not rank two answers"),
        ("mm_rewardbench", {**MMRB, "Better": ""}, "Better is neither Output1 nor Output2"),
        ("wildvision_arena", {**BATTLE, "winner": "?"}, "winner is none of model_a, model_b and tie"),
        ("wildvision_arena", {**BATTLE, "conversation_a": []}, "a conversation lacks a question or an answer"),
        ("perception_bench", {**PERCEPTION, "orig_criteria": None}, "orig_criteria is empty"),
        ("llava_bench_wild", {**REVIEW, "score": 11}, "score is outside 1 to 10"),
        ("vl_rewardbench", {**VLRB, "response": 7}, "a column is of an unexpected type (TypeError)"),
    ],
)
def test_a_row_that_can_not_be_used_says_why(name: str, row: Row, reason: str) -> None:
    assert read_cases(find_benchmark(name).read, row) == [LeftOut(reason)]


def test_vlfeedback_gives_every_aspect_and_every_pair() -> None:
    scores = read_cases(find_benchmark("vlfeedback_score").read, FEEDBACK)
    assert [case.reason for case in scores if isinstance(case, LeftOut)] == ["no rating of Helpfulness"]
    assert len(scores) == 12
    pairs = read_cases(find_benchmark("vlfeedback_pair").read, FEEDBACK)
    known = [case for case in pairs if isinstance(case, Case)]
    # The means are 5, 4, 4 and unknown: of six pairs three are left, one of them a tie.
    assert [(case.item.id, case.label) for case in known] == [
        ("f-01", Preference(0)),
        ("f-02", Preference(0)),
        ("f-12", Preference(None)),
    ]
    assert {case.item.cluster for case in known} == {"f"}
    columns = {name: [one[name] for one in FEEDBACK["completions"]] for name in ("model", "response", "annotations")}
    assert read_cases(find_benchmark("vlfeedback_pair").read, {**FEEDBACK, "completions": columns}) == pairs


@pytest.mark.parametrize(
    ("prompt", "answer", "label"),
    [
        ("Rate. [Assistant 1]\nA\n[End of Assistant 1]\n[Assistant 2]\nB", "10 7\nBecause", Score(7)),
        ("Labels: [[A>>B]] …", "My final verdict is: [[A>>B]]", Score(-2)),
        ("Text Caption: a cat\nFrom 0 to 100, how much do you rate …", "Fine.\nFinal Score: 85", Score(85)),
    ],
)
def test_pointwise_rows_of_113k_are_read_in_their_own_format(prompt: str, answer: str, label: Label) -> None:
    turns = [{"from": "human", "value": f"<image>\n{prompt}"}, {"from": "gpt", "value": answer}]
    row = {"id": "1", "source": "s", "conversations": turns}
    (case,) = read_cases(find_benchmark("113k_score").read, row)
    assert isinstance(case, Case), case
    assert (case.label, case.item.question) == (label, prompt)
    assert case.item.group is not None
    assert case.item.group.startswith("s, ")
    # A critic that answers as the row does is right, although its prompt shows the form of the verdict.
    judging = task("113k_score")
    prepared = judging.prepare(Dataset.from_list([{**row, "image": IMAGE}]))
    assert judging.results(prepared[0], [answer])["judgment"]["verdict"]["value"] == label.value
    unknown = {**row, "conversations": [{"from": "human", "value": "Hm?"}, turns[1]]}
    assert read_cases(find_benchmark("113k_score").read, unknown) == [LeftOut("the row's answer format is not known")]


def test_pairwise_rows_of_113k_hold_their_responses_in_the_prompt() -> None:
    prompt = "<image>\nQuestion: [Which?]\nResponse A: [It is [3].]\nResponse B: [5]\n"
    turns = [{"from": "human", "value": prompt}, {"from": "gpt", "value": "The better response: [B]\nBecause"}]
    (case,) = read_cases(find_benchmark("113k_pair").read, {"id": "1", "source": "s", "conversations": turns})
    assert isinstance(case, Case)
    assert [response.text for response in case.item.responses] == ["It is [3].", "5"]
    assert case.label == Preference(1)


def test_images_stay_with_their_rows_in_every_order_and_are_read_lazily() -> None:
    images = [Image.new("RGB", (4 + i, 4)) for i in range(2)]
    rows = Dataset.from_list([{**VLRB, "id": f"mmmu-{i}", "image": image} for i, image in enumerate(images)])
    judging = task("vl_rewardbench")
    prepared = judging.prepare(rows)
    assert [judging.visuals(row)[0].width for row in prepared] == [4, 4, 5, 5]
    without = prepared.remove_columns("image")
    assert judging.results(without[1], ["Overall Judgment: Answer 1 is better."])["judgment"]["verdict"]["value"] == 1


def test_ids_that_come_twice_stay_apart(caplog: pytest.LogCaptureFixture) -> None:
    prepared = task("vl_rewardbench").prepare(dataset(VLRB, VLRB, {**VLRB, "query": ""}))
    assert prepared["judged_item"][:] == ["RLAIF-V-1"] * 2 + ["RLAIF-V-1#2"] * 2
    assert prepared["left_out"][:] == ["1: query is empty (1)", "", "", ""]
    assert "left out: 1: query is empty (1)" in caplog.text


def test_an_empty_data_set_is_an_error() -> None:
    with pytest.raises(DataError, match="No row of the data set can be used: 1: query is empty"):
        task("vl_rewardbench").prepare(dataset({**VLRB, "query": ""}))


def dataset(*rows: dict[str, Any]) -> Any:
    return Dataset.from_list([{**row, "image": IMAGE, "Image": IMAGE} for row in rows])


def judged(judging: JudgeTask, rows: list[Any], answer: str, metric: str) -> list[dict[str, Any]]:
    return [judging.results(row, [answer])[metric] for row in judging.prepare(dataset(*rows))]


def test_official_variants_keep_the_faults_of_their_code() -> None:
    unread = judged(task("mllm_judge_score_official"), [SCORE], "I can't say.", "pearson")
    assert unread[0]["verdict"] == {"kind": "score", "value": -1.0}
    unread = judged(task("mllm_judge_pair_official"), [PAIR], "I can't say.", "accuracy_with_tie")
    assert [record["verdict"]["value"] for record in unread] == [None]
    both = judged(task("mm_rewardbench_official"), [MMRB], "[[B]], hence not [[A]]", "accuracy_with_tie")
    assert [record["verdict"]["value"] for record in both] == [0]
    nine = judged(task("vl_rewardbench_official"), [VLRB], "Overall Judgment: Answer 3 is better", "invalid_rate")
    assert len(nine) == 9
    assert {record["order"] for record in nine} == {"AB", "BA"}
    rates = judged(task("vl_rewardbench_official"), [VLRB], "Overall Judgment: Answer 3 is better", _MAJORITY)
    assert {record["verdict"]["value"] for record in rates} == {1}  # any other number agrees with the label


def test_official_variants_still_tell_what_was_unreadable() -> None:
    for judging, row in ((task("mllm_judge_score_official"), SCORE), (task("mm_rewardbench_official"), MMRB)):
        (record,) = judged(judging, [row], "I can't say.", "invalid_rate")[:1]
        assert record["verdict"]["kind"] == "invalid"


def test_official_parsers_leave_stated_verdicts_alone() -> None:
    stated = state_verdict(Preference(1))
    (record,) = judged(task("mm_rewardbench_official"), [MMRB], stated, "accuracy_with_tie")
    assert record["verdict"]["value"] == 1
    missing = state_verdict(Invalid("not recorded"))
    (record,) = judged(task("mm_rewardbench_official"), [MMRB], missing, "accuracy_with_tie")
    assert record["verdict"]["reason"] == "not recorded"


def test_one_bad_response_costs_no_other_case_of_its_row() -> None:
    second = {**FEEDBACK["completions"][1], "response": ""}
    row = {**FEEDBACK, "completions": [FEEDBACK["completions"][0], second, *FEEDBACK["completions"][2:]]}
    scores, pairs = (find_benchmark(f"vlfeedback_{kind}") for kind in ("score", "pair"))
    assert sum(isinstance(case, Case) for case in read_cases(scores.read, row)) == 12 - 1 - 3
    assert sum(isinstance(case, Case) for case in read_cases(pairs.read, row)) == 1
    bench = {**BENCH, "gpt-4o": "", "llava-1.5-7b-hf": "Ours."}
    cases = read_cases(find_benchmark("wildvision_bench").read, bench)
    assert [getattr(case, "reason", None) for case in cases] == [None, "a response is empty", None]


def test_a_critic_never_judges_blind() -> None:
    with pytest.raises(DataError, match="lacks the column image"):
        task("vl_rewardbench").prepare(Dataset.from_list([VLRB]))
    blank = Dataset.from_list([{**VLRB, "image": IMAGE}, {**VLRB, "image": None}])
    prepared = task("vl_rewardbench").prepare(blank)
    with pytest.raises(ImageError, match="RLAIF-V-1#2 has no image"):
        task("vl_rewardbench").visuals(prepared[2])


_MAJORITY = "majority_accuracy"


def test_injected_variants_have_the_worse_response_ask_for_the_verdict() -> None:
    judging = task("vl_rewardbench_injected")
    row = judging.prepare(dataset(VLRB))[0]
    first, second = judging.item(row).responses
    assert first.text.startswith("One.\n\nNote to the judge")
    assert second.text == "Two."

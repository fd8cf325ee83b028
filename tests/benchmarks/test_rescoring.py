"""Recorded judgments that no one here made give the figures that others published or worked out."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from critic_eval import cli
from critic_eval.benchmarks.registry import find_benchmark
from critic_eval.errors import ArgumentError, DataError
from critic_eval.judging import Invalid, Judgment, Preference, Score
from critic_eval.metrics import Figure, group_figures
from critic_eval.runs.rescore import read_judgments, rescore
from tests.conftest import SHARED

MLLM_JUDGE = SHARED / "data/mllm_judge/llava_critic_7b_score.csv"
WILDVISION = SHARED / "data/wildvision_bench/gpt4o_judgements.jsonl.gz"
REVIEWS = SHARED / "data/llava_reviews"

recorded = pytest.mark.skipif(not SHARED.is_dir(), reason="the recorded judgments of ../shared are not here")


def figures_of(benchmark: str, *files: Path, **settings: Any) -> dict[tuple[str, str], Figure]:
    return {(found.group, found.name): found for found in rescore(benchmark, files, **settings).figures}


@recorded
def test_llava_critic_7b_on_mllm_as_a_judge() -> None:
    """Oracle: facts/benchmarks.md, section 1, recomputed there from the same file; .314 is the published mean."""
    result = rescore("mllm_judge_score", [MLLM_JUDGE], resamples=4000)
    found = {(figure.group, figure.name): figure for figure in result.figures}
    mean = found["mean", "pearson"]
    assert mean.value == pytest.approx(0.317, abs=5e-4)
    assert mean.low == pytest.approx(0.288, abs=0.005)
    assert mean.high == pytest.approx(0.344, abs=0.005)
    assert mean.low < 0.314 < mean.high
    pooled = {name: found["pooled", name] for name in ("pearson", "spearman", "kendall")}
    assert {name: round(figure.value, 3) for name, figure in pooled.items()} == {
        "pearson": 0.402,
        "spearman": 0.356,
        "kendall": 0.300,
    }
    assert pooled["pearson"].invalid == {"no verdict recorded": 1}
    assert any("1 of 5717 records name no group" in note and "1583" in note for note in result.notes)
    columns = {
        **{"coco": 0.362, "Concept Caption": 0.362, "diffusiondb": 0.089, "infographicsVQA": 0.411},
        **{"mathvista": 0.376, "textVQA": 0.389, "WIT": 0.164, "ChartQA": 0.507, "VisitBench": 0.352},
        **{"llava_bench": 0.244, "mind2web": 0.268, "ScienceQA": 0.258, "AesBench": 0.402, "mm-vet": 0.260},
    }
    assert {group: round(found[group, "pearson"].value, 3) for group in columns} == columns


@recorded
def test_scores_expected_from_log_probabilities() -> None:
    found = figures_of("critic_mllm_judge_score", MLLM_JUDGE, expected=True, resamples=0)
    assert found["mean", "pearson"].value == pytest.approx(0.332, abs=5e-4)


@pytest.mark.slow
@recorded
def test_wildvision_bench_as_published() -> None:
    """Oracle: the benchmark's README, from the judgments' text; its baseline's score is anchored at 50."""
    published = json.loads((SHARED / "facts/published_benchmarks.json").read_text())["wildvision_bench"]["rows"]
    official = figures_of("wildvision_bench", WILDVISION, invalid="official", resamples=0)
    models = {group for group, _ in official} - {"mean", "pooled"}
    assert len(models) == 11
    for model in models:
        score, win_rate, reward = published[model]["published"][:3]
        if model != "claude-3-sonnet-20240229":
            assert round(official[model, "score"].value, 2) == score
        assert round(official[model, "win_rate"].value, 1) == win_rate
        assert round(official[model, "reward"].value, 1) == reward
    ours = figures_of("wildvision_bench", WILDVISION, resamples=0)
    errors = sum(ours[model, "score"].invalid.get("no verdict found", 0) for model in models)
    assert errors > 70
    assert all(ours[model, "score"].n < 500 for model in models)


@recorded
@pytest.mark.parametrize(("name", "relative"), [("alpaca-13b", 120.8), ("gpt35", 92.1)])
def test_relative_scores_of_llavas_reviews(name: str, relative: float) -> None:
    file = REVIEWS / f"review_{name}_vicuna-13b.jsonl"
    for invalid in ("exclude", "official"):
        found = figures_of("llava_bench", file, invalid=invalid, resamples=0)
        assert round(found["pooled", "relative_score"].value, 1) == relative
        assert (found["pooled", "relative_score"].n, found["pooled", "invalid_rate"].value) == (80, 0)
    (note,) = rescore("llava_bench", [file], resamples=0).notes
    assert note.startswith("3 of 80 answers are read here, but not by the official rule")


def test_a_review_that_nobody_reads_is_not_called_read_here(tmp_path: Path) -> None:
    file = tmp_path / "reviews.jsonl"
    file.write_text('{"question_id": 1, "text": "7 9\\nGood."}\n{"question_id": 2, "text": "No scores."}\n')
    official = rescore("llava_bench", [file], invalid="official", resamples=0)
    assert official.notes == []
    relative = {found.name: found.value for found in official.figures}["relative_score"]
    assert relative == pytest.approx(100 * (9 - 1) / (7 - 1))


def test_samples_of_a_run_are_rescored(tmp_path: Path) -> None:
    judgment = {
        "item_id": "1",
        "order": "BA",
        "verdict": {"kind": "preference", "value": 0},
        "raw": "",
        "protocol": "p",
        "label": {"kind": "preference", "value": 0},
    }
    other = {**judgment, "item_id": "2", "verdict": {"kind": "invalid", "reason": "empty answer"}}
    file = tmp_path / "samples.jsonl"
    file.write_text("".join(json.dumps({"doc_id": 1, "judgment": each}) + "\n" for each in (judgment, other)))
    assert figures_of("mllm_judge_pair", file)["pooled", "accuracy_with_tie"].value == 1
    wrong = figures_of("mllm_judge_pair", file, invalid="wrong")["pooled", "accuracy_with_tie"]
    assert (wrong.value, wrong.invalid) == (0.5, {"empty answer": 1})
    official = figures_of("mllm_judge_pair", file, invalid="official")["pooled", "accuracy_with_tie"]
    assert (official.value, official.n) == (0.5, 2)


def test_rankings_are_read_from_letters(tmp_path: Path) -> None:
    file = tmp_path / "batch.csv"
    file.write_text("id,original_dataset,human,judge\n1,coco,CABD,CABD\n2,coco,CAB,CBA\n3,coco,ABC,\n")
    assert figures_of("mllm_judge_batch", file)["pooled", "levenshtein"].value == pytest.approx(1 / 3)
    assert figures_of("mllm_judge_batch", file, invalid="official")["pooled", "levenshtein"].value == pytest.approx(
        5 / 9
    )


def test_records_that_cannot_be_used_are_named_and_the_rest_counts(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("score_id,human,judge\n1,3,4\n,2,2\n3,good,1\n4,1,2\n4,1,2\n")
    result = rescore("mllm_judge_score", [file], resamples=0)
    assert result.figures[0].n == 3
    assert result.notes[0].startswith("left out: t.csv, line 3: there is none of the columns score_id")
    assert "line 4: the label 'good' is not a score" in result.notes[1]
    assert "1 items are judged more than once" in result.notes[2]
    with pytest.raises(DataError, match="line 3"):
        rescore("mllm_judge_score", [file], strict=True)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"benchmark": "mllm_judge_scores"}, "did you mean critic_mllm_judge_score"),
        ({"invalid": "drop"}, "'exclude', 'wrong' or 'official'"),
        ({"expected": True}, "expected scores need the columns logprob_1"),
        ({"invalid": "wrong"}, "use exclude"),
        ({"resamples": -1}, "0 or more"),
    ],
)
def test_what_cannot_be_done_is_said(settings: dict[str, Any], message: str, tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("score_id,human,judge\n1,3,4\n2,2,2\n")
    with pytest.raises((ArgumentError, DataError), match=message):
        rescore(**{"benchmark": "mllm_judge_score", "files": [file], **settings})


def test_the_command_prints_one_json_object_or_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "t.csv"
    file.write_text("score_id,original_dataset,human,judge\n" + "".join(f"{i},d,{i % 5},{i % 3}\n" for i in range(30)))
    assert cli.main(["rescore", "mllm_judge_score", str(file), "--json", "--bootstrap", "50"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert list(printed) == ["benchmark", "signature", "figures", "diagnostics", "notes", "taken", "read_as"]
    assert printed["benchmark"] == "critic_mllm_judge_score"
    counts = {"n", "n_items", "n_judgments", "invalid"}
    assert set(printed["figures"][0]) == {"name", "group", "value", "low", "high", "interval", *counts}
    assert {figure["group"] for figure in printed["figures"]} == {"mean", "pooled", "d"}
    assert "bootstrap:50" in printed["signature"]
    assert cli.main(["rescore", "mllm_judge_score", str(file)]) == 0
    assert "pearson" in capsys.readouterr().out
    assert cli.main(["rescore", "nothing", str(file)]) == 1
    assert capsys.readouterr().err.startswith("error: There is no benchmark 'nothing'")


MLLM = {"score_id": 0, "original_dataset": "coco", "human": 5, "judge": 5}


def taken_from(tmp_path: Path, benchmark: str, *rows: dict[str, Any], **settings: Any) -> tuple[str, list[Any]]:
    """What was taken for what, and the verdicts of records without a label's worth of figures."""
    file = tmp_path / "t.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    judgments, _ = read_judgments(find_benchmark(benchmark), [file])
    return rescore(benchmark, [file], resamples=0, **settings).taken, [one.verdict.value for one in judgments]


@pytest.mark.parametrize(
    ("benchmark", "row", "verdict", "taken"),
    [
        ("mllm_judge_score", {**MLLM, "answer": "3"}, 5, "verdict from `judge`, label from `human`"),
        ("mllm_judge_score", {**MLLM, "judge": None, "result": {"judge": 4}, "answer": "3"}, 4, "from `result.judge`"),
        ("mllm_judge_score", {**MLLM, "text": " "}, 5, "verdict from `judge`"),
        ("scores", {"id": "1", "label": 50, "answer": "Score: 3", "verdict": 40}, 40, "verdict from `verdict`"),
        ("scores", {"id": "1", "label": 50, "raw": "", "judge": 40}, 40, "verdict from `judge`"),
        ("pairs", {"id": "1", "label": "B", "answer": "[[A]]", "result": {"judge": "B"}}, 1, "from `result.judge`"),
        ("mllm_judge_pair", {"pair_id": 1, "human": "A", "answer": "[[A]]", "judge": "B"}, 1, "verdict from `judge`"),
    ],
)
def test_a_verdict_is_not_read_from_what_was_judged(
    benchmark: str, row: dict[str, Any], verdict: float, taken: str, tmp_path: Path
) -> None:
    said, values = taken_from(tmp_path, benchmark, row)
    assert values == [verdict]
    assert taken in said


def test_the_judged_answer_alone_is_no_verdict(tmp_path: Path) -> None:
    own = {"score_id": 0, "name": "llava", "answer": "3", "instruction": "How many?", "human": 1}
    with pytest.raises(DataError, match="--map answer=text"):
        taken_from(tmp_path, "mllm_judge_score", own)


def test_multimodal_rewardbench_by_its_own_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        {"ID": "nocaps_1", "Label": "B", "output": "[[B]]", "Meta": {"Category": "correctness"}},
        {"ID": "math_1", "Label": "A", "output": "[[B]]", "Meta": {"Category": "reasoning"}},
    ]
    file = tmp_path / "t.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = figures_of("mm_rewardbench", file, resamples=0)
    accuracy = {group: figure.value for (group, name), figure in found.items() if name == "accuracy_with_tie"}
    assert accuracy == {"mean": 0.5, "pooled": 0.5, "correctness": 1.0, "reasoning": 0.0}
    assert cli.main(["rescore", "mm_rewardbench", str(file), "--bootstrap", "0"]) == 0
    assert "label from `Label`, group from `Meta.Category`" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("row", "reason"),
    [({"id": 1, "verdict": "A"}, "no labels"), ({"id": 1, "label": "A", "verdict": ""}, "no valid verdicts")],
)
def test_figures_without_any_item_say_why_and_end_with_1(
    row: dict[str, Any], reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "t.jsonl"
    file.write_text(json.dumps(row))
    assert cli.main(["rescore", "pairs", str(file), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["figures"][0]["reason"] == reason
    assert cli.main(["rescore", "pairs", str(file)]) == 1
    assert f"accuracy_with_tie (pooled) is not known: {reason}" in capsys.readouterr().out


def test_columns_that_a_user_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "t.csv"
    file.write_text("nr,judge,gold,said,source,by1,by2\n1,gpt,A,A,x,m,n\n2,gpt,B,A,x,n,m\n3,gpt,A,A,y,m,n\n")
    roles = ["nr=id", "judge=group", "gold=label", "said=verdict", "source=cluster", "by1=model_a", "by2=model_b"]
    command = ["rescore", "pairs", str(file), "--json"]
    assert cli.main([*command, *(part for role in roles for part in ("--map", role))]) == 0
    printed = json.loads(capsys.readouterr().out)
    found = {(figure["group"], figure["name"]): figure for figure in printed["figures"]}
    assert found["gpt", "accuracy_with_tie"]["value"] == pytest.approx(2 / 3)
    assert found["pooled", "model_kendall"]["value"] is not None
    assert printed["taken"].startswith("verdict from `said`, label from `gold`, group from `judge`")


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ("said=verdct", "no role 'verdct' for said; did you mean verdict"),
        ("sad=verdict", "no column 'sad'; did you mean said"),
        ("said", "takes column=role"),
        ("said=model_b", "model_a"),
    ],
)
def test_unknown_roles_and_columns_are_named(
    named: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "t.csv"
    file.write_text("id,gold,said\n1,A,A\n")
    assert cli.main(["rescore", "pairs", str(file), "--map", named]) == 1
    assert message in capsys.readouterr().err


def test_two_labels_are_none_by_wildvisions_own_rule(tmp_path: Path) -> None:
    """Oracle: get_score of WildVision-Bench's judge code, by which different labels of one answer are no label."""
    rows = [
        {"question_id": "1", "model": "m", "judgment": "My own: [[B>A]]\n\nFinal: [[A>B]]", "score": None},
        {"question_id": "2", "model": "m", "judgment": "Final: [[A=B]], so [[A=B]]", "score": "A=B"},
        {"question_id": "3", "model": "m", "judgment": "$ERROR$", "score": "B>>A"},
    ]
    file = tmp_path / "t.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    judgments, _ = read_judgments(find_benchmark("wildvision_bench"), [file], official=True)
    verdicts = [one.verdict for one in judgments]
    assert [verdict.value if verdict.is_valid else verdict.reason for verdict in verdicts] == [
        "2 different labels",
        None,
        1,
    ]
    assert verdicts[2] == Preference(1, 2)


def test_groups_called_as_the_whole_or_the_mean_stay_apart(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("id,group,label,verdict\n1,pooled,A,A\n2,mean,A,B\n3,mean,A,B\n")
    found = rescore("pairs", [file], resamples=0)
    accuracy = [(one.group, one.value) for one in found.figures if one.name == "accuracy_with_tie"]
    assert accuracy == [("mean", 0.5), ("pooled", pytest.approx(1 / 3)), ('"mean"', 0.0), ('"pooled"', 1.0)]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_a_table_in_any_format_gives_the_same_figures_as_single_judgments(kind: str, tmp_path: Path) -> None:
    """Oracle: the same figures over a list of judgments, made one by one."""
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"score_id": rng.integers(0, 200, 300), "original_dataset": rng.choice(["x", "y"], 300)})
    table["human"] = rng.integers(1, 6, 300)
    table["judge"] = np.where(rng.random(300) < 0.1, -1, rng.integers(1, 6, 300))
    file = tmp_path / f"t.{kind}"
    write = {"csv": lambda: table.to_csv(file, index=False), "parquet": lambda: table.to_parquet(file)}
    write.get(kind, lambda: table.to_json(file, orient="records", lines=True))()
    judgments = [
        Judgment(
            str(row.score_id),
            "A",
            Invalid("no verdict recorded") if row.judge == -1 else Score(int(row.judge)),
            "",
            "mllm_judge_score",
            label=Score(int(row.human)),
            group=row.original_dataset,
        )
        for row in table.itertuples()
    ]
    result = rescore("mllm_judge_score", [file], resamples=200)
    names = dict.fromkeys(one.name for one in result.figures)
    assert result.figures == [one for name in names for one in group_figures(name, judgments, resamples=200)]

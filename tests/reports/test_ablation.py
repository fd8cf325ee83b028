"""Studies: what a file declares, what its cells come to, what is found where effects are planted."""

import re
from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from critic_eval.errors import ArgumentError
from critic_eval.judging import Invalid, Judgment, Preference
from critic_eval.metrics import compare
from critic_eval.runs.results import collect
from critic_eval.studies.effects import task_effects
from critic_eval.studies.load import read_study
from critic_eval.studies.render import make_report, to_html, to_markdown
from critic_eval.studies.running import Outcome
from critic_eval.studies.study import Study, shown
from tests.factories import judgments
from tests.reports.conftest import TASK, write_run

STUDIES = sorted((Path(__file__).parents[2] / "studies").glob("*.yaml"))


def study(folder: Path, axes: str, **more: str) -> Study:
    lines = {"tasks": "[critic_pairs]", "base": "{pretrained: digits}", **more, "axes": f"\n{axes}"}
    file = folder / "study.yaml"
    file.write_text("\n".join(f"{name}: {value}" for name, value in lines.items()))
    return read_study(file)


def test_a_grid_has_every_combination_and_one_factor_changes_one_thing(tmp_path: Path) -> None:
    axes = "  order_policy: [both, single]\n  image_policy: [as_is, blank, tiles_4]"
    grid = [tuple(cell.levels.values()) for cell in study(tmp_path, axes).cells()]
    assert grid == list(product(["both", "single"], ["as_is", "blank", "tiles_4"]))
    single = [tuple(cell.levels.values()) for cell in study(tmp_path, axes, design="one_factor").cells()]
    assert single == [("both", "as_is"), ("single", "as_is"), ("both", "blank"), ("both", "tiles_4")]


def test_settings_become_the_options_that_lmms_eval_takes(tmp_path: Path) -> None:
    axes = "  verdict_position: [first, last]\n  temperature: [0, 0.7]\n  generation_kwargs.top_p: [0.9]"
    cells = study(tmp_path, axes, seeds="[3, 4]", limit="5").cells()
    assert [cell.seed for cell in cells] == [None, 3, 4, None, 3, 4]
    assert " ".join(cells[-1].options) == (
        "--model llava_critic --model_args pretrained=digits,protocol=reason_first --gen_kwargs "
        "temperature=0.7,top_p=0.9,do_sample=True --tasks critic_pairs --seed 4 --limit 5"
    )
    assert "temperature=0,top_p=0.9,do_sample=False" in cells[0].options, "a task may draw by itself"


def test_a_path_is_found_from_the_study_and_never_looks_like_a_hub_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = study(tmp_path, "  pretrained: {all: digits, part: ./critics/part}", base="{}")
    with pytest.raises(ArgumentError, match=r"no \./critics/part beside the study"):
        found.cells()
    (tmp_path / "critics" / "part").mkdir(parents=True)
    identities = []
    for place, path in ((tmp_path, "./critics/part"), (tmp_path.parent, f"./{tmp_path.name}/critics/part")):
        monkeypatch.chdir(place)
        _, cell = found.cells()
        assert f"pretrained={path}" in cell.options
        identities.append(cell.identity)
    assert identities[0] == identities[1]


@pytest.mark.parametrize(
    ("axes", "more", "said"),
    [
        ("  imige_policy: [as_is, blank]", {}, "did you mean image_policy"),
        ("  {}", {}, "axes is empty"),
        ("  image_policy: []", {}, "image_policy has no levels"),
        ("  image_policy: [as_is]", {}, "nothing to compare"),
        ("  image_policy: [blank, blank]", {}, "blank twice"),
        ("  image_policy: {a: blank, b: blank}", {}, "Two cells are the same run: image_policy=a, and image_policy=b"),
        ("  pretrained: [a, b]", {}, "pretrained is in base and varied"),
        ("  image_policy: [as_is, blank]", {"base": "{imagepolicy: x}"}, "did you mean image_policy"),
        ("  verdict_position: [first, last]", {"base": "{protocol: llava_critic}"}, "both set protocol"),
        ("  verdict_position: [first, middle]", {}, "first or last, not 'middle'"),
        ("  revision: [main, 'a,b']", {}, "would read revision=a,b"),
        ("  image_policy: [as_is, [1, 2]]", {}, "one value"),
        ("  image_policy: [as_is, blank]\n  image_policy: [as_is, shuffled]", {}, "comes twice"),
        ("  image_policy: [as_is, blank]", {"model": "llava_kritik"}, "no model"),
        ("  image_policy: [as_is, blank]", {"axis": "{}"}, "did you mean axes"),
        ("  image_policy: [as_is, blank]", {"tasks": "[]"}, "at least one task"),
        ("  image_policy: [as_is, blank]", {"design": "star"}, "grid or one_factor"),
        ("  temperature: [0, 1]", {"seeds": "[1, 1]"}, "seed comes twice"),
        ("  temperature: [0, 1]", {"limit": "0"}, "limit"),
        ("  temperature: [0, 1", {}, "can't be read as YAML"),
        ("  temperature: [0, hot]", {}, "temperature=hot is not a temperature"),
        ("  temperature: [0, -1]", {}, "temperature=-1 is not a temperature"),
        ("  temperature: [0, .inf]", {}, "temperature=inf is not a temperature"),
        ("  temperature: [0, 1]", {"base": "{do_sample: false}"}, "contradict each other"),
        ("  temperature: [0, 1]", {"seeds": "[99999999999]"}, "seeds are whole numbers"),
        ("  temperature: [0, 1]\n  top_p: [0.5, 0.9]", {}, "Two cells are the same run"),
        ("  image_policy: [as_is, blank]", {"seeds": "[0, 1]"}, "no cell draws its answers"),
        ("  image_policy: [as_is, null]", {}, "Two cells are the same run"),
        ("  image_policy: [as_is, blurred]", {}, "image_policy=blurred is unknown"),
        ("  protocol: [llava_critic, llava_kritik]", {}, "did you mean llava_critic"),
        ("  order_policy: [both, all]", {}, "order_policy=all is unknown"),
        ("  verdict_only: [true, false]", {"base": "{reasons: false}"}, "no reasons to leave out"),
        ("  generation_kwargs.min_p: [0, 0.9]", {}, "no setting 'generation_kwargs.min_p'"),
        ("  generation_kwargs.a,b: [0, 0.9]", {}, "no setting 'generation_kwargs.a,b'"),
        ('  revision: {a: "it\'s", b: its}', {}, "would read revision=it's"),
        ("  revision: {a: '00123456', b: its}", {}, "would read revision=00123456 as 123456"),
        ("  revision: {1: a, '1': b}", {}, "revision has 1 twice"),
        ("  max_new_tokens: [" + ", ".join(map(str, range(1, 1200))) + "]", {}, "more than 1,000 cells"),
        ("  temperature: [0, 1]", {"title": "2024-13-45"}, "can't be read as YAML"),
        ("  temperature: " + "[" * 3000, {}, "can't be read as YAML"),
        ("  - image_policy", {}, "axes is a mapping"),
        ("  image_policy: [as_is, blank]", {"base": "0"}, "base is a mapping"),
        ("  image_policy: [as_is, blank]", {"resamples": "1000000000"}, "resamples is a whole number"),
    ],
)
def test_what_a_study_can_not_have_is_said_in_a_sentence(
    tmp_path: Path, axes: str, more: Mapping[str, str], said: str
) -> None:
    with pytest.raises(ArgumentError, match=re.escape(said)):
        study(tmp_path, axes, **more).cells()


@pytest.mark.parametrize("file", STUDIES, ids=lambda file: file.stem)
def test_the_studies_that_come_along_have_a_report_of_their_cells(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(file.parents[1])
    found = read_study(file)
    cells = found.cells()
    assert len(cells) > 1
    assert found.question
    report = (Path(__file__).parents[2] / "results" / "studies" / file.stem / "report.md").read_text()
    commands = [line.strip() for line in report.splitlines() if line.startswith("        lmms_eval ")]
    assert commands == [shown(cell.options) for cell in cells], "the report is of another study"


def planted(folder: Path, found: Study, said: Mapping[Any, list[Judgment]]) -> list[Outcome]:
    outcomes = []
    for cell in found.cells():
        run = collect([write_run(folder / cell.folder, said[cell.condition])]).runs[0]
        outcomes.append(Outcome(cell, {TASK: run}))
    return outcomes


def hits(said: list[Judgment]) -> np.ndarray:
    return np.array([one.label is not None and one.verdict.value == one.label.value for one in said], float)


def test_effects_and_interactions_are_paired_means_with_the_intervals_of_scipy(tmp_path: Path) -> None:
    found = study(tmp_path, "  order_policy: [both, single]\n  image_policy: [as_is, blank]", resamples="4000")
    cells = [("both", "as_is"), ("both", "blank"), ("single", "as_is"), ("single", "blank")]
    # Labels are the same where only the accuracy differs: the generator draws them alike.
    said = {cell: judgments(300, accuracy) for cell, accuracy in zip(cells, (0.9, 0.6, 0.8, 0.7), strict=True)}
    effects = task_effects(found, planted(tmp_path, found, said), TASK)
    right = {cell: hits(said[cell]) for cell in cells}
    by_hand = {
        ("order_policy",): (right[cells[2]] - right[cells[0]] + right[cells[3]] - right[cells[1]]) / 2,
        ("image_policy",): (right[cells[1]] - right[cells[0]] + right[cells[3]] - right[cells[2]]) / 2,
        ("order_policy", "image_policy"): right[cells[3]] - right[cells[2]] - right[cells[1]] + right[cells[0]],
    }
    measured = [one for one in (*effects.effects, *effects.interactions) if one.figure == "accuracy_with_tie"]
    assert {one.axes for one in measured} == set(by_hand)
    for one in measured:
        differences = by_hand[one.axes]
        assert one.difference == pytest.approx(differences.mean())
        oracle = stats.bootstrap((differences,), np.mean, n_resamples=4000, method="percentile", rng=0)
        assert (one.low, one.high) == pytest.approx(tuple(oracle.confidence_interval), abs=0.01)
        assert one.p <= one.corrected <= 1
    looked = next(one for one in measured if one.axes == ("image_policy",))
    assert looked.corrected < 0.05
    assert looked.pairs == 2


def test_an_effect_of_one_pair_of_cells_is_what_compare_finds(tmp_path: Path) -> None:
    found = study(tmp_path, "  image_policy: [as_is, blank]", resamples="1000")
    said = {("as_is",): judgments(200, 0.9), ("blank",): judgments(200, 0.7)}
    (effect, *_) = task_effects(found, planted(tmp_path, found, said), TASK).effects
    other = compare("accuracy_with_tie", said[("blank",)], said[("as_is",)], resamples=1000)
    assert (effect.difference, effect.low, effect.high) == pytest.approx((other.difference, other.low, other.high))


def test_seeds_are_averaged_and_their_range_is_told(tmp_path: Path) -> None:
    found = study(tmp_path, "  temperature: [0, 1]", seeds="[0, 1]")
    greedy, *drawn = found.cells()
    said = [judgments(100, 0.9), judgments(100, 0.8), judgments(100, 0.6)]
    outcomes = [
        Outcome(cell, {TASK: collect([write_run(tmp_path / cell.folder, one)]).runs[0]})
        for cell, one in zip([greedy, *drawn], said, strict=True)
    ]
    effects = task_effects(found, outcomes, TASK)
    values = [hits(one).mean() for one in said]
    figure = effects.conditions["1",]["accuracy_with_tie"]
    assert figure.value == pytest.approx(np.mean(values[1:]))
    assert figure.over_seeds == pytest.approx((min(values[1:]), max(values[1:])))
    assert effects.effects[0].difference == pytest.approx(np.mean(values[1:]) - values[0])


def test_a_failed_reference_is_said_to_leave_nothing_to_tell(tmp_path: Path) -> None:
    found = study(tmp_path, "  image_policy: [as_is, blank, shuffled]", design="one_factor", resamples="100")
    said = {(level,): judgments(50, 0.8) for level in ("as_is", "blank", "shuffled")}
    reference, *others = planted(tmp_path, found, said)
    report = make_report(found, [Outcome(reference.cell, {}, "it broke"), *others])
    text = to_markdown(report)
    assert "image\\_policy blank instead of as\\_is: no effect can be told" in text
    assert "it broke" in text
    assert "50 items." in text


def test_the_tokens_of_thoughts_are_told_apart_from_those_of_answers(tmp_path: Path) -> None:
    found = study(tmp_path, "  image_policy: [as_is, blank]", resamples="60")
    said = {(level,): judgments(20, 1.0) for level in ("as_is", "blank")}
    thinking, silent = planted(tmp_path, found, said)
    run = replace(thinking.runs[TASK], tokens=(400.0, 12.0))
    report = make_report(found, [replace(thinking, runs={TASK: run}), silent])
    for text in (to_markdown(report), to_html(report)):
        assert text.count("400 tokens of thought and 12 of answer") == 1
    assert report.tasks[0].tokens == {("as_is",): (400.0, 12.0)}


def test_too_few_resamples_are_said_to_make_nothing_clear(tmp_path: Path) -> None:
    found = study(tmp_path, "  image_policy: [as_is, blank]", resamples="60")
    said = {("as_is",): judgments(100, 1.0), ("blank",): judgments(100, 0.0)}
    assert "With 60 resamples for" in to_markdown(make_report(found, planted(tmp_path, found, said)))


def test_how_many_answers_were_invalid_is_told_of_the_answers_whatever_official_code_makes_of_them(
    tmp_path: Path,
) -> None:
    task = "critic_mm_rewardbench_official"
    found = study(tmp_path, "  image_policy: [as_is, blank]", tasks=f"[{task}]", resamples="100")
    said = [
        Judgment(str(item), "AB", Invalid("nothing"), "none", "mm_rewardbench", label=Preference(0))
        if item < 20
        else Judgment(str(item), "AB", Preference(0), "[[A]]", "mm_rewardbench", label=Preference(0))
        for item in range(50)
    ]
    outcomes = [
        Outcome(cell, {task: collect([write_run(tmp_path / cell.folder, said, task=task)]).runs[0]})
        for cell in found.cells()
    ]
    assert task_effects(found, outcomes, task).conditions["blank",]["invalid_rate"].value == pytest.approx(0.4)


def test_invalid_verdicts_count_as_the_study_says(tmp_path: Path) -> None:
    right = judgments(100, 1.0)
    silent = [
        Judgment(one.item_id, one.order, Invalid("nothing"), "", one.protocol, label=one.label) if number < 30 else one
        for number, one in enumerate(right)
    ]
    said = {("as_is",): right, ("blank",): silent}
    for policy, value in (("exclude", 1.0), ("wrong", 0.7)):
        found = study(tmp_path, "  image_policy: [as_is, blank]", invalid=policy)
        effects = task_effects(found, planted(tmp_path / policy, found, said), TASK)
        assert effects.conditions["blank",]["accuracy_with_tie"].value == pytest.approx(value)
        assert effects.conditions["blank",]["invalid_rate"].value == pytest.approx(0.3)


def test_a_report_shows_what_it_is_told_as_text(tmp_path: Path) -> None:
    found = study(
        tmp_path, "  image_policy: {'<b>as_is</b>': as_is, blank: blank}", title="'<script>alert(1)</script>'"
    )
    said = {("<b>as_is</b>",): judgments(50, 0.9), ("blank",): judgments(50, 0.5)}
    report = make_report(found, planted(tmp_path, found, said))
    page = to_html(report)
    assert "<script" not in page
    assert "<b>as_is" not in page
    assert "&lt;script&gt;" in page
    text = to_markdown(report).partition("## Commands")[0]
    assert "<script" not in text
    assert "<b>" not in text

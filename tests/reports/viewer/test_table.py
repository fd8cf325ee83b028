"""What the page is told of judgments agrees with the figures that are computed of them."""

import base64
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from critic_eval.errors import ArgumentError, DataError
from critic_eval.judging import Invalid, Judgment, Preference, Ranking, Score, Scores
from critic_eval.metrics import compute_figure
from critic_eval.reports.viewer.axes import make_axis
from critic_eval.reports.viewer.columns import column
from critic_eval.reports.viewer.table import AGREES, DIFFERS, FLIPS, NO_LABEL, NO_VERDICT, SAME, UNKNOWN, Table
from critic_eval.reports.viewer.texts import item_texts
from critic_eval.reports.viewer.view import open_view
from tests.reports.conftest import TASK
from tests.reports.viewer.conftest import pair, pairs, plant, texts


def table(folder: Path, *sides: Sequence[Judgment], task: str = TASK) -> Table:
    folders = [plant(folder / str(number), side, f"critic {number}", task) for number, side in enumerate(sides)]
    return open_view(folders).tasks[0].table


def test_agreement_and_flips_are_those_of_the_figures(tmp_path: Path) -> None:
    said = pairs(120, 7)
    made = table(tmp_path, said)
    agreement, flips = made.agreement(0), made.flips(0)
    accuracy = compute_figure("accuracy_with_tie", said, resamples=0)
    assert (agreement == AGREES).sum() / np.isin(agreement, (AGREES, DIFFERS)).sum() == accuracy.value
    assert np.isin(agreement, (AGREES, DIFFERS)).sum() == accuracy.n
    assert (agreement == NO_LABEL).sum() == accuracy.unlabeled
    assert (agreement == NO_VERDICT).sum() == sum(accuracy.invalid.values())
    consistency = compute_figure("order_consistency", said, resamples=0)
    assert (flips == SAME).sum() / np.isin(flips, (SAME, FLIPS)).sum() == consistency.value
    assert (flips == UNKNOWN).sum() == 9
    assert made.n_items == 120
    assert made.n_judgments == 240


def test_two_runs_meet_slot_by_slot_whatever_the_order_of_their_lines(tmp_path: Path) -> None:
    first, second = pairs(40, 7), pairs(50, 3)
    made = table(tmp_path, first, list(reversed(second)))
    verdicts = [
        [made.codes.verdicts.values[code] if code >= 0 else None for code in made.verdicts(run)] for run in (0, 1)
    ]
    keys = [
        (made.item_id(item), made.codes.orders.values[order])
        for item, order in zip(made.item_of_slot, made.order, strict=True)
    ]
    for side, found in zip((first, second), verdicts, strict=True):
        wanted = {(one.item_id, one.order): one.verdict for one in side}
        assert dict(zip(keys, found, strict=True)) == {key: wanted.get(key) for key in keys}
    assert len(keys) == 100
    both = [(a, b) for a, b in zip(*verdicts, strict=True) if a is not None and b is not None]
    agreed = sum(a == b for a, b in both if a.is_valid and b.is_valid)
    assert (made.between() == AGREES).sum() == agreed
    assert made.starts.tolist() == list(range(0, 101, 2))


def test_repeats_of_an_order_are_kept_apart_and_a_missing_order_is_no_flip(tmp_path: Path) -> None:
    a, b = Preference(0), Preference(1)
    said = [
        pair(0, "AB", a, None),
        pair(0, "AB", b, None),
        pair(1, "AB", a, None),
        pair(2, "AB", Preference(0, 2), None),
        pair(2, "BA", a, None),
    ]
    made = table(tmp_path, said)
    assert made.flips(0).tolist() == [0, 0, SAME]  # how strong a preference is makes no flip
    assert np.diff(made.starts).tolist() == [2, 1, 2]


def test_scores_agree_within_a_tenth_of_the_labels_range(tmp_path: Path) -> None:
    said = [
        Judgment(str(item), "A", Score(value), "", "p", label=Score(label))
        for item, (value, label) in enumerate([(0, 0), (10, 0), (10.5, 0), (91, 100), (89, 100)])
    ]
    made = table(tmp_path, said, task="critic_scores")
    assert made.tolerance == 10
    assert made.agreement(0).tolist() == [AGREES, AGREES, DIFFERS, AGREES, DIFFERS]


def test_axes_bin_scores_and_name_what_is_ranked_first() -> None:
    few = make_axis([Score(1), Score(5), Score(3)])
    assert few.names == ("1", "3", "5")
    assert few.category(Score(3)) == 1
    many = make_axis([Score(value) for value in np.linspace(3.2, 97, 50)])
    assert many.names[0] == "0 to 10"
    assert [many.category(Score(value)) for value in (9.99, 10, 97)] == [0, 1, 9]
    narrow = make_axis([Score(value) for value in np.linspace(0.0121, 0.0129, 30)])
    assert 5 <= len(narrow.names) <= 12
    assert make_axis([Ranking((1, 0, 2))]).category(Ranking((2, 0, 1))) == 2
    two = make_axis([Scores((7, 9))])
    assert [two.category(Scores(pair)) for pair in ((7, 9), (9, 7), (8, 8))] == [1, 0, 2]
    assert make_axis([]).category(Invalid("x")) == -1


@pytest.mark.parametrize(("top", "width"), [(255, 1), (256, 2), (65_536, 4)])
def test_columns_are_as_narrow_as_their_largest_number(top: int, width: int) -> None:
    made = column([0, top])
    assert made["bytes"] == width
    assert np.frombuffer(base64.b64decode(made["data"]), dtype=f"<u{width}").tolist() == [0, top]


def test_lines_that_cannot_be_used_are_counted_by_reason(tmp_path: Path) -> None:
    folder = plant(tmp_path / "run", pairs(10, 3))
    file = folder / f"20260101_samples_{TASK}.jsonl"
    lines = file.read_text(encoding="utf-8").splitlines()
    lines[3] = "not json"
    lines[5] = '{"doc_id": 3}'
    lines[7] = lines[7].replace('"order": "BA"', '"order": "XY"')
    file.write_text("\n".join(lines)[:-40], encoding="utf-8")
    (task,) = open_view([folder]).tasks
    assert task.table.n_judgments == 16
    (note,) = task.notes
    assert note.startswith("4 lines")
    for reason in ("1 not JSON", "1 without a judgment", "1 with a malformed judgment", "1 not whole JSON"):
        assert reason in note
    file.write_text("nothing\n", encoding="utf-8")
    with pytest.raises(DataError, match="No line of"):
        open_view([folder])


def test_texts_are_read_on_demand_and_the_span_is_cut_out(tmp_path: Path) -> None:
    said = pairs(20, 3)
    made = table(tmp_path, said, pairs(20, 5))
    for item in (0, 12, 19):
        found = item_texts(made, item)
        assert found["shown"] == texts(f"item-{item:03d}", "AB")
        for slot, order in enumerate(("AB", "BA")):
            answers = found["slots"][slot]
            own = next(one for one in said if (one.item_id, one.order) == (f"item-{item:03d}", order))
            assert "".join(answers[0]["raw"]) == own.raw
            assert answers[0]["raw"][1] == ("" if own.span is None else own.raw[slice(*own.span)])
            assert [answer["prompt"] for answer in answers] == [f"Judge {order}!", None]
    made.samples[0].file.write_text("changed", encoding="utf-8")
    with pytest.raises(DataError, match="has changed"):
        item_texts(made, 0)


def test_runs_that_cannot_be_shown_are_refused_in_a_sentence(tmp_path: Path) -> None:
    one, other = (plant(tmp_path / name, pairs(4, 3), name) for name in ("one", "other"))
    scores = plant(tmp_path / "scores", pairs(4, 3), task="critic_scores")
    with pytest.raises(ArgumentError, match="one run or holds two against each other, not 3"):
        open_view([one, other, scores])
    with pytest.raises(ArgumentError, match="no task in common"):
        open_view([one, scores])
    with pytest.raises(ArgumentError, match="no task critic_ranks"):
        open_view([one, other], "critic_ranks")
    (one / f"20260101_samples_{TASK}.jsonl").unlink()
    with pytest.raises(DataError, match="--log_samples"):
        open_view([one])


def test_two_runs_of_one_critic_are_told_apart_by_their_settings(tmp_path: Path) -> None:
    made = [
        plant(tmp_path / name, pairs(4, 3), "same", settings={"protocol": name}, config={"limit": 4})
        for name in ("short", "long")
    ]
    view = open_view(made)
    assert view.critics == ("same (protocol short)", "same (protocol long)")
    assert any("protocol" in note for note in view.tasks[0].notes)
    assert any("--limit" in note for note in view.tasks[0].notes)
    assert open_view([made[0], made[0]]).critics == ("same (first run)", "same (second run)")


def test_each_run_is_held_against_its_own_labels(tmp_path: Path) -> None:
    def said(label: int) -> list[Judgment]:
        return [pair(item, "AB", Preference(label), Preference(label)) for item in range(4)]

    view = open_view([plant(tmp_path / "one", said(0), "org/one"), plant(tmp_path / "two", said(1), "org/two")])
    table = view.tasks[0].table
    assert [table.agreement(run).tolist() for run in (0, 1)] == [[AGREES] * 4] * 2
    assert any("label 4 items differently" in note for note in view.tasks[0].notes)


def test_a_review_of_two_scores_is_held_by_its_last_and_flips_where_the_better_one_changes(tmp_path: Path) -> None:
    def review(item: str, order: str, *scores: float) -> Judgment:
        return Judgment(item, order, Scores(scores), "", "llava_bench_wild", label=Score(8))

    said = [review("1", "AB", 7, 8), review("1", "BA", 7, 8.5), review("2", "AB", 9, 2), review("2", "BA", 2, 9)]
    table = open_view([plant(tmp_path / "run", said, task="critic_llava_bench")]).tasks[0].table
    assert table.agreement(0).tolist() == [AGREES, DIFFERS, DIFFERS, DIFFERS]
    assert table.flips(0).tolist() == [SAME, FLIPS]


@pytest.mark.parametrize("values", [[1e308 * (-1) ** n / (n + 1) for n in range(20)], [5e-324 * n for n in range(20)]])
def test_extreme_scores_are_put_into_bins_or_into_one(values: list[float]) -> None:
    axis = make_axis([Score(value) for value in values])
    assert all(0 <= axis.category(Score(value)) < len(axis.names) for value in values)


def test_bins_have_names_of_their_own() -> None:
    axis = make_axis([Score(1e6 + index / 10) for index in range(20)])
    assert len(set(axis.names)) == len(axis.names)


@pytest.mark.parametrize("field", [{"span": ["a", "b"]}, {"logprobs": {"A": None}}, {"seconds": "1"}])
def test_fields_of_the_wrong_type_make_a_judgment_malformed(tmp_path: Path, field: dict[str, object]) -> None:
    folder = plant(tmp_path / "run", pairs(3, 1))
    file = next(folder.glob("*.jsonl"))
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    lines[0]["judgment"].update(field)
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    assert "1 with a malformed judgment" in open_view([folder]).tasks[0].notes[0]


def test_no_number_is_sent_that_json_does_not_have(tmp_path: Path) -> None:
    said = [replace(one, logprobs={"A": -0.1, "B": float("-inf")}, seconds=float("nan")) for one in pairs(2, 1)]
    table = open_view([plant(tmp_path / "run", said)]).tasks[0].table
    (answer,) = item_texts(table, 0)["slots"][0]
    assert answer["logprobs"] == [("A", -0.1), ("B", None)]
    assert answer["seconds"] is None


def test_lines_that_moved_since_are_not_taken_for_others(tmp_path: Path) -> None:
    folder = plant(tmp_path / "run", pairs(4, 1))
    table = open_view([folder]).tasks[0].table
    file = next(folder.glob("*.jsonl"))
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    file.write_text("".join(reversed(lines)), encoding="utf-8")
    with pytest.raises(DataError, match="has changed"):
        item_texts(table, 0)


def test_runs_that_differ_are_not_chosen_from_silently(tmp_path: Path) -> None:
    for name, drawn in (("one", "greedy"), ("two", "greedy"), ("three", "temperature=1")):
        plant(tmp_path / "runs" / name, pairs(4, 1), "org/critic", settings={"decoding": drawn})
    (note,) = open_view([tmp_path / "runs"]).notes
    assert note.startswith(f"taking {tmp_path}/runs/")
    assert note.endswith("the newest of 3; they differ in decoding")
    assert open_view([tmp_path / "runs" / "one"]).tasks[0].critics == ("org/critic",)

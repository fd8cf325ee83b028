import csv
import math
import time
import warnings
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from critic_eval.errors import ArgumentError
from critic_eval.judging import Invalid, Judgment, Preference, Ranking, Score
from critic_eval.metrics import HIGHER_IS_BETTER, compute_figure, figure_names
from tests.conftest import SHARED
from tests.factories import INVALID, judgment, pairs, scores

OF_TWO_ORDERS = ("order_consistency", "first_position_rate")
RECORDED = SHARED / "data/mllm_judge/llava_critic_7b_score.csv"


def test_names_are_those_of_results() -> None:
    assert {"pearson", "spearman", "kendall", "accuracy_with_tie", "accuracy_without_tie"} <= set(figure_names())
    assert {"order_consistency", "levenshtein", "invalid_rate"} <= set(figure_names())
    worse = {"levenshtein", "kendall_distance", "invalid_rate", "ece", "unfinished_thinking"}
    assert {name for name, better in HIGHER_IS_BETTER.items() if better is False} == worse


def test_accuracy_counts_invalid_verdicts_by_the_policy() -> None:
    judged = pairs((0, 0), (1, 0), (None, None), ("invalid", 1), ("invalid", None))
    excluded, wrong = compute_figure("accuracy_with_tie", judged), compute_figure("accuracy_with_tie", judged, "wrong")
    assert (excluded.value, excluded.n) == (2 / 3, 3)
    assert (wrong.value, wrong.n) == (2 / 5, 5)
    assert excluded.invalid == wrong.invalid == {"no verdict found": 2}
    without = compute_figure("accuracy_without_tie", judged, "wrong")
    assert (without.value, without.n, without.invalid) == (1 / 3, 3, {"no verdict found": 1})


def test_accuracies_are_those_by_hand() -> None:
    judged = pairs((0, 0), (1, 0), (1, 1), (None, 1), (None, None), (0, None))
    assert compute_figure("accuracy_with_tie", judged).value == 3 / 6
    assert compute_figure("accuracy_without_tie", judged).value == 2 / 4


def test_a_critic_that_always_ties_is_right_on_ties_only() -> None:
    judged = pairs((None, None), (None, 0))
    assert compute_figure("accuracy_with_tie", judged).value == 0.5
    assert compute_figure("accuracy_without_tie", judged).value == 0


def test_tie_is_wrong_where_the_label_is_none() -> None:
    assert compute_figure("accuracy_without_tie", pairs((None, 0), (0, 0))).value == 0.5


def test_unlabeled_judgments_are_left_out_and_counted() -> None:
    judged = [*pairs((0, 0)), judgment(9, Preference(0)), judgment(8, INVALID)]
    found = compute_figure("accuracy_with_tie", judged, "wrong")
    assert (found.value, found.n, found.unlabeled, found.invalid) == (1, 1, 2, {})


def test_order_consistency_is_of_items_judged_in_two_orders() -> None:
    said: dict[int, tuple[Any, ...]] = {
        0: (0, 0),
        1: (0, 1),
        2: (None, None),
        3: (1, "invalid"),
        4: ("invalid", "invalid"),
        5: (1,),
    }
    judged = [
        judgment(item, INVALID if verdict == "invalid" else Preference(verdict), order=order)
        for item, verdicts in said.items()
        for verdict, order in zip(verdicts, ("AB", "BA"), strict=False)
    ]
    excluded, wrong = compute_figure("order_consistency", judged), compute_figure("order_consistency", judged, "wrong")
    assert (excluded.value, excluded.n, excluded.invalid) == (2 / 3, 3, {"no verdict found": 3})
    assert (wrong.value, wrong.n, wrong.invalid) == (2 / 5, 5, {"no verdict found": 3})


def test_repeats_of_one_order_are_not_two_orders() -> None:
    judged = [judgment(0, Preference(0)), judgment(0, Preference(0))]
    assert compute_figure("order_consistency", judged).reason == "no item was judged in two orders"


def test_levenshtein_is_a_mean_distance() -> None:
    label = Ranking((0, 1, 2, 3))
    judged = [
        judgment(0, Ranking((0, 1, 2, 3)), label),
        judgment(1, Ranking((0, 1, 3, 2)), label),
        judgment(2, INVALID, label),
    ]
    assert compute_figure("levenshtein", judged).value == 0.25
    assert compute_figure("levenshtein", judged, "wrong").value == 0.5


def test_invalid_rate_is_of_all_judgments() -> None:
    found = compute_figure("invalid_rate", [*pairs((0, 0), ("invalid", 0)), judgment(7, Invalid("empty answer"))])
    assert (found.value, found.n) == (2 / 3, 3)
    assert found.invalid == {"no verdict found": 1, "empty answer": 1}


@pytest.mark.parametrize("name", ["pearson", "spearman", "kendall"])
def test_correlation_leaves_invalid_verdicts_out_and_has_no_wrong(name: str) -> None:
    judged = [*scores((1, 1), (2, 3), (3, 2), (4, 5)), judgment(9, INVALID, Score(1), "A")]
    found = compute_figure(name, judged)
    oracle: Any = {"pearson": stats.pearsonr, "spearman": stats.spearmanr, "kendall": stats.kendalltau}[name]
    assert found.value == pytest.approx(oracle([1, 2, 3, 4], [1, 3, 2, 5])[0])
    assert (found.n, found.invalid) == (4, {"no verdict found": 1})
    with pytest.raises(ArgumentError, match="exclude"):
        compute_figure(name, judged, "wrong")


@pytest.mark.parametrize("name", ["pearson", "spearman", "kendall"])
def test_error_of_a_correlation_is_that_of_a_plain_bootstrap(name: str) -> None:
    rng = np.random.default_rng(5)
    label = rng.integers(1, 6, 150).astype(float)
    said = np.clip(label + rng.integers(-2, 3, 150), 1, 5)
    items = [i // 2 for i in range(150)]
    judged = [judgment(i, Score(s), Score(t), "A") for i, s, t in zip(items, said, label, strict=True)]
    found = compute_figure(name, judged, resamples=3000)
    oracle: Any = {"pearson": stats.pearsonr, "spearman": stats.spearmanr, "kendall": stats.kendalltau}[name]
    draws = []
    for _ in range(1500):
        rows = (rng.integers(0, 75, 75)[:, None] * 2 + [0, 1]).ravel()
        draws.append(oracle(said[rows], label[rows])[0])
    assert found.stderr == pytest.approx(np.std(draws), rel=0.1)
    assert found.low == pytest.approx(np.quantile(draws, 0.025), abs=0.03)
    assert found.high == pytest.approx(np.quantile(draws, 0.975), abs=0.03)


@pytest.mark.parametrize(
    ("name", "judged", "reason"),
    [
        *((name, [], "no judgments") for name in figure_names() if name not in (*OF_TWO_ORDERS, "draw_agreement")),
        *((name, [], "no item was judged in two orders") for name in OF_TWO_ORDERS),
        ("draw_agreement", pairs((0, 0)), "no item was judged twice in one order"),
        ("accuracy_with_tie", pairs(("invalid", 0)), "no valid verdicts"),
        ("accuracy_with_tie", [judgment(0, Preference(0))], "no labels"),
        ("accuracy_without_tie", pairs((0, None)), "every label is a tie"),
        ("accuracy_without_tie", [*pairs((0, None)), judgment(9, Preference(0))], "every label is a tie"),
        ("pearson", [judgment(0, Preference(None))], "no labels"),
        ("pearson", scores((1, 1)), "fewer than two valid judgments"),
        ("pearson", scores((1, 1), (1, 2)), "every verdict is the same score"),
        ("kendall", scores((1, 1), (2, 1)), "every label is the same score"),
    ],
)
def test_degenerate_input_is_nan_with_a_reason_and_no_warning(name: str, judged: list[Judgment], reason: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = compute_figure(name, judged)
    assert found.reason == reason
    assert all(math.isnan(value) for value in (found.value, found.stderr, found.low, found.high))


def test_draws_agree_as_often_as_two_of_them_are_the_same() -> None:
    said: list[tuple[Any, ...]] = [(0, 0, 1), (1, 1, 1), (0, "invalid", 0), (0, "invalid", "invalid")]
    judged = [
        judgment(item, INVALID if one == "invalid" else Preference(one))
        for item, draws in enumerate(said)
        for one in draws
    ]
    excluded, wrong = (compute_figure("draw_agreement", judged, policy) for policy in ("exclude", "wrong"))
    assert [excluded.value, wrong.value] == pytest.approx([(1 / 3 + 1 + 1) / 3, (1 / 3 + 1 + 1 / 3 + 0) / 4])
    assert (excluded.n, wrong.n, excluded.n_judgments, wrong.n_judgments) == (3, 4, 8, 12)


def test_no_resamples_give_no_error() -> None:
    found = compute_figure("accuracy_with_tie", pairs((0, 0), (1, 0)), resamples=0)
    assert found.value == 0.5
    assert math.isnan(found.stderr)


def test_unknown_name_policy_and_kind_are_refused() -> None:
    with pytest.raises(ArgumentError, match="did you mean pearson"):
        compute_figure("pearsn", [])
    with pytest.raises(ArgumentError, match="drop"):
        compute_figure("pearson", [], "drop")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="takes score judgments; the verdict on item 0 is a preference"):
        compute_figure("pearson", pairs((0, 0)))
    with pytest.raises(ArgumentError, match="first_position_rate takes preference judgments"):
        compute_figure("first_position_rate", scores((1, 1)))
    with pytest.raises(ArgumentError, match="label on item 0 is a score"):
        compute_figure("accuracy_with_tie", [judgment(0, Preference(0), Score(1))])


sides = st.sampled_from([0, 1, None])
rows = st.lists(st.tuples(sides | st.just("invalid"), sides), min_size=1, max_size=12)


def swapped(side: int | None) -> int | None:
    return None if side is None else 1 - side


@given(rows, st.sampled_from(["exclude", "wrong"]), st.sampled_from(["accuracy_with_tie", "accuracy_without_tie"]))
@settings(max_examples=60)
def test_swapping_the_responses_of_all_items_changes_no_accuracy(
    rows: list[Any], policy: Literal["exclude", "wrong"], name: str
) -> None:
    other = [(said if said == "invalid" else swapped(said), swapped(label)) for said, label in rows]
    one, two = (compute_figure(name, pairs(*judged), policy, resamples=20) for judged in (rows, other))
    assert repr(one) == repr(two)


@given(rows)
@settings(max_examples=60)
def test_invalid_verdicts_are_counted_whatever_the_figure(rows: list[Any]) -> None:
    judged = pairs(*rows)
    invalid = sum(said == "invalid" for said, _ in rows)
    for name in ("accuracy_with_tie", "invalid_rate"):
        assert sum(compute_figure(name, judged, resamples=0).invalid.values()) == invalid
    assert compute_figure("invalid_rate", judged, resamples=0).value == invalid / len(rows)
    assert compute_figure("accuracy_with_tie", judged, resamples=0).n == len(rows) - invalid


@given(st.lists(sides, min_size=2, max_size=9))
@settings(max_examples=30)
def test_a_critic_that_ignores_the_order_is_consistent(said: list[int | None]) -> None:
    judged = [judgment(i, Preference(s), order=o) for i, s in enumerate(said) for o in ("AB", "BA")]
    assert compute_figure("order_consistency", judged, resamples=20).value == 1


def test_a_critic_that_always_takes_the_first_shown_is_never_consistent() -> None:
    judged = [judgment(i, Preference(s), order=o) for i in range(3) for s, o in ((0, "AB"), (1, "BA"))]
    assert compute_figure("order_consistency", judged).value == 0


def test_same_seed_same_figure_in_any_order_of_judgments() -> None:
    judged = pairs(*[(0, 0), (1, 0), (1, 1), (0, 1), (1, 1)] * 5)
    assert compute_figure("accuracy_with_tie", judged) == compute_figure("accuracy_with_tie", judged[::-1])
    assert (
        compute_figure("accuracy_with_tie", judged).low
        != compute_figure("accuracy_with_tie", judged, resamples=7, seed=1).low
    )


@pytest.mark.skipif(not RECORDED.exists(), reason="the recorded judgments are not here")
def test_recorded_judgments_of_llava_critic_7b() -> None:
    # Oracle: the pooled correlations that facts/benchmarks.md gives; -1 is an answer without a score.
    with RECORDED.open() as file:
        table = list(csv.DictReader(file))
    judged = [
        judgment(
            int(row["score_id"]),
            INVALID if row["judge"] == "-1" else Score(float(row["judge"])),
            Score(float(row["human"])),
            "A",
        )
        for row in table
    ]
    start = time.thread_time()
    found = compute_figure("pearson", judged, resamples=10_000)
    assert time.thread_time() - start < 3
    assert found.value == pytest.approx(0.402, abs=5e-4)
    assert found.invalid == {"no verdict found": 1}
    assert compute_figure("spearman", judged).value == pytest.approx(0.356, abs=5e-4)
    assert compute_figure("kendall", judged).value == pytest.approx(0.300, abs=5e-4)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([("a", "b"), ("b", "c"), ("a", "c"), ("c", "d")]),
            st.sampled_from([0, 1, None]),
            st.sampled_from([0, 1, None]),
        ),
        min_size=1,
        max_size=30,
    )
)
def test_the_ranking_of_models_agrees_with_scipys_tau_of_their_win_rates(battles: list[Any]) -> None:
    judgments = [
        Judgment(str(i), "AB", Preference(said), "", "p", label=Preference(is_better), models=models)
        for i, (models, is_better, said) in enumerate(battles)
    ]
    points: dict[str, list[tuple[float, float]]] = {}
    for models, is_better, said in battles:
        for side, model in enumerate(models):
            won = [0.5 if value is None else float(value == side) for value in (is_better, said)]
            points.setdefault(model, []).append((won[0], won[1]))
    rates = np.array([np.mean(points[model], axis=0) for model in sorted(points)]).round(12)
    expected = stats.kendalltau(rates[:, 0], rates[:, 1]).statistic
    found = compute_figure("model_kendall", judgments, resamples=0).value
    assert found == pytest.approx(expected, abs=1e-9, nan_ok=True)


@given(st.lists(st.lists(st.sampled_from([0, 1, None, "?"]), min_size=1, max_size=5), min_size=1, max_size=8))
def test_a_majority_is_more_than_half_of_all_judgments(items: list[list[Any]]) -> None:
    judgments = [
        Judgment(
            str(i),
            "AB",
            Invalid("none") if said == "?" else Preference(said),
            "",
            "p",
            label=Preference(0),
        )
        for i, votes in enumerate(items)
        for said in votes
    ]
    right = [2 * votes.count(0) > len(votes) for votes in items]
    wrong = [2 * sum(vote in (1, None) for vote in votes) > len(votes) for votes in items]
    decided = sum(right) + sum(wrong)
    found = compute_figure("majority_accuracy", judgments, resamples=0)
    assert found.n == decided
    assert found.value == pytest.approx(sum(right) / decided if decided else float("nan"), nan_ok=True)

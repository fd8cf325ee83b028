"""Juries of planted members. Oracles: Condorcet's sum, odds and variances that were planted, and the plain alpha."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from critic_eval.errors import ArgumentError
from critic_eval.judging import Invalid, Judgment, MemberVerdict, Preference, Ranking, Score
from critic_eval.metrics import krippendorff_alpha
from critic_eval.metrics.agreement import Level
from critic_eval.metrics.juries import JuryReport, JuryRule, jury_report, members_of, pool_members, side_by_side
from critic_eval.metrics.jury_weights import Weighing, fit_weights, hold_out
from critic_eval.metrics.raters import alpha_statistic
from tests.factories import INVALID, judgment

N = 1600


def planted(*right: Iterable[object]) -> list[Judgment]:
    """Judgments of a jury, given for each member whether it is right on each item."""
    return [
        judgment(
            item,
            Preference(0),
            Preference(0),
            members=tuple(
                MemberVerdict(f"critic {number}", Preference(0 if is_right else 1), "said")
                for number, is_right in enumerate(of_item)
            ),
        )
        for item, of_item in enumerate(zip(*right, strict=True))
    ]


def skilled(*skills: float, seed: int = 0) -> list[Judgment]:
    """A jury of independent members that are right as often as that."""
    rng = np.random.default_rng(seed)
    return planted(*(rng.random(N) < skill for skill in skills))


def report(judgments: Sequence[Judgment], rule: JuryRule | None = None) -> JuryReport:
    return jury_report(judgments, ["accuracy_without_tie"], rule=rule or JuryRule(), resamples=200)


def test_three_independent_members_are_as_good_as_condorcets_theorem_says() -> None:
    # At least two of three are right: scipy's binomial, 0.784.
    expected = stats.binom.sf(1, 3, 0.7)
    found = report(skilled(0.7, 0.7, 0.7))
    (jury,) = found.figures
    assert jury.low < expected < jury.high
    for member in found.members:
        assert abs(member.gains[0].difference - (expected - 0.7)) < 3 * member.gains[0].stderr
        assert abs(member.figures[0].value - 0.7) < 3 * member.figures[0].stderr
    kappas = [pair.figure for pair in found.agreement if len(pair.critics) == 2]
    # They are independent, and every label is A, so they agree as often as chance has it.
    assert [kappa.name for kappa in kappas] == ["cohen_kappa"] * 3
    assert all(abs(kappa.value) < 3 * kappa.stderr for kappa in kappas)


def test_members_that_say_the_same_gain_nothing() -> None:
    right = np.random.default_rng(1).random(N) < 0.7
    found = report(planted(right, right, right))
    assert all(member.gains[0].difference == member.worth[0].difference == 0 for member in found.members)
    assert [pair.figure.value for pair in found.agreement] == pytest.approx([1.0] * 4)


def test_a_weighted_jury_with_a_strong_member_beats_the_majority() -> None:
    judgments = skilled(0.9, 0.6, 0.6)
    weighed = hold_out(judgments, Weighing("weighted", fit_share=0.3))
    assert weighed.weights is not None
    # The odds that were planted, as far as some 500 judgments tell.
    assert weighed.weights == pytest.approx([math.log(9), math.log(1.5), math.log(1.5)], abs=0.35)
    weighted = report(weighed.judgments, JuryRule("weighted", weighed.weights))
    majority = report(weighed.judgments)
    assert weighted.figures[0].low > majority.figures[0].high
    # The strong member outweighs both others together, so the jury is this member.
    assert weighted.figures[0].value == weighted.members[0].figures[0].value
    assert weighted.members[0].worth[0].low > 0.1


def test_weights_are_fitted_on_the_share_that_is_held_out_and_figures_are_on_the_rest() -> None:
    judgments = skilled(0.8, 0.7)
    weighed = hold_out(judgments, Weighing("weighted", fit_share=0.2))
    held = [one.item_id for one in weighed.judgments if one.label is None]
    assert len(held) == weighed.held_out
    assert 0.17 < len(held) / N < 0.23
    found = report(weighed.judgments, JuryRule("weighted", weighed.weights))
    assert (found.figures[0].n, found.figures[0].unlabeled) == (N - len(held), len(held))
    # By name: what else is judged, and in which order, changes nothing; another seed does.
    again = hold_out(judgments[::-1], Weighing("weighted", fit_share=0.2))
    assert {one.item_id for one in again.judgments if one.label is None} == set(held)
    other = hold_out(judgments, Weighing("weighted", fit_share=0.2, fit_seed=1))
    assert {one.item_id for one in other.judgments if one.label is None} != set(held)


def test_judgments_of_one_cluster_are_held_out_together() -> None:
    said = (MemberVerdict("a", Preference(0)),)
    judgments = [
        judgment(item, Preference(0), Preference(0), cluster=str(item // 4), members=said) for item in range(400)
    ]
    weighed = hold_out(judgments, Weighing("weighted", fit_share=0.5))
    of_cluster: dict[str | None, set[bool]] = {}
    for one in weighed.judgments:
        of_cluster.setdefault(one.cluster, set()).add(one.label is None)
    assert {len(held) for held in of_cluster.values()} == {1}


def test_a_member_that_is_always_invalid_is_left_out_and_counted() -> None:
    three, mute = skilled(0.7, 0.7, 0.7)[:400], MemberVerdict("mute", Invalid("cut off"))
    found = report([replace(one, members=(*one.members, mute)) for one in three])
    assert found.figures[0].value == report(three).figures[0].value
    assert (found.members[3].invalid, found.members[3].figures[0].reason) == (400, "no valid verdicts")
    assert found.members[3].worth[0].difference == 0
    assert [pair.figure.reason for pair in found.agreement if "mute" in pair.critics and len(pair.critics) == 2] == [
        "the two share no item with valid verdicts"
    ] * 3


def test_the_best_weights_of_scores_are_their_precisions() -> None:
    rng = np.random.default_rng(2)
    labels = rng.normal(0, 3, N)
    members = [
        [
            judgment(item, Score(value), Score(label), "A")
            for item, (value, label) in enumerate(zip(said, labels, strict=True))
        ]
        for said in (labels + rng.normal(0, 1, N), labels + rng.normal(0, 2, N))
    ]
    weights = fit_weights(members)
    assert weights[0] / weights[1] == pytest.approx(4, rel=0.1)


def test_rankings_are_weighed_by_the_pairs_that_they_order_as_the_label_does() -> None:
    label = Ranking((0, 1, 2))
    good = [judgment(item, label, label, "ABC") for item in range(30)]
    bad = [judgment(item, Ranking((2, 1, 0)), label, "ABC") for item in range(30)]
    assert fit_weights([good, bad]) == pytest.approx((math.log(91), 0), abs=1e-3)


def test_where_no_member_is_better_than_chance_all_weigh_alike() -> None:
    wrong = [judgment(item, Preference(1), Preference(0)) for item in range(9)]
    assert fit_weights([wrong, wrong]) == (1, 1)


def test_weights_can_not_be_fitted_without_labels() -> None:
    unlabeled = [judgment(item, Preference(1), members=(MemberVerdict("a", Preference(1)),)) for item in range(9)]
    with pytest.raises(ArgumentError, match="give them with weights="):
        hold_out(unlabeled, Weighing("weighted", fit_share=0.5))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("mode", None, None), "rule=mode is unknown"),
        (("weighted", None, None), "needs either weights= or fit_share="),
        (("weighted", "1;1", 0.2), "needs either weights= or fit_share="),
        (("mean", "1;1", None), "no other rule takes them"),
        (("weighted", None, 1.0), "above 0 and below 1"),
        (("weighted", "1", None), "not 2 numbers"),
        (("weighted", "1;-1", None), "not 2 numbers"),
        (("weighted", "0;0", None), "not 2 numbers"),
        (("weighted", "1;a", None), "not 2 numbers"),
    ],
)
def test_weights_that_do_not_fit_are_refused(given: tuple[str, str | None, float | None], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        Weighing.read(*given, 0, 2)


def test_the_runs_of_several_critics_become_a_jury_on_what_all_of_them_judged() -> None:
    first = [judgment(item, Preference(0), Preference(0), order) for item in range(4) for order in ("AB", "BA")]
    second = [judgment(item, Preference(1), None, order) for item in (3, 2, 9) for order in ("BA", "AB")]
    jury, n_others = side_by_side([("a", first), ("b", second)])
    assert (len(jury), n_others) == (4, 4 + 2)
    assert members_of(jury) == ["a", "b"]
    assert {one.label for one in jury} == {Preference(0)}
    assert {pool_members(one, one.members, JuryRule()).verdict for one in jury} == {Preference(None)}


def test_draws_of_an_item_meet_in_their_order() -> None:
    first = [judgment(1, Preference(value), Preference(0)) for value in (0, 1, 0)]
    second = [judgment(1, Preference(value), Preference(0)) for value in (0, 1)]
    jury, n_others = side_by_side([("a", first), ("b", second)])
    assert [[member.verdict.value for member in one.members] for one in jury] == [[0, 0], [1, 1]]
    assert n_others == 1


def test_judgments_without_members_are_no_jury() -> None:
    with pytest.raises(ArgumentError, match="give the runs of its members"):
        jury_report([judgment(1, Preference(0), Preference(0))], ["accuracy_with_tie"])
    with pytest.raises(ArgumentError, match="different members"):
        members_of([*skilled(0.5)[:1], *skilled(0.5, 0.5)[:1]])


ratings = st.lists(
    st.lists(st.sampled_from([1.0, 2.0, 3.0, 5.0, math.nan]), min_size=3, max_size=3), min_size=2, max_size=20
)


@given(ratings, st.sampled_from(["nominal", "interval"]))
def test_alpha_of_sums_over_units_is_krippendorffs(units: list[list[float]], level: Level) -> None:
    table = np.array(units).T
    statistic = alpha_statistic(table, [str(unit) for unit in range(len(units))], level)
    assert statistic.value == pytest.approx(krippendorff_alpha(table, level), nan_ok=True)


def test_the_interval_of_alpha_covers_that_of_all_units() -> None:
    rng = np.random.default_rng(3)
    truth = rng.normal(0, 1, 40_000)
    table = truth + rng.normal(0, 1, (2, 40_000))
    # Half of the variance is the unit's, so alpha is 0.5.
    draws = alpha_statistic(table[:, :400], [str(unit) for unit in range(400)], "interval").draws(500, 0)
    assert np.quantile(draws, 0.025) < 0.5 < np.quantile(draws, 0.975)


def test_members_of_scores_are_held_together_by_alpha() -> None:
    judgments = [
        judgment(item, Score(3), Score(3), "A", members=(MemberVerdict("a", Score(item)), MemberVerdict("b", INVALID)))
        for item in range(5)
    ]
    (pair,) = jury_report(judgments, ["pearson"], resamples=10).agreement
    assert (pair.figure.name, pair.figure.reason) == ("krippendorff_alpha", "no unit is rated by two")

"""A figure or probe that somebody registers works like ours. Oracles: SciPy, and NumPy's means."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from critic_eval.cli.command import main
from critic_eval.errors import ArgumentError
from critic_eval.judging import Invalid, Judgment, Preference, Score
from critic_eval.metrics import (
    FIGURES,
    HIGHER_IS_BETTER,
    MEAN,
    POOLED,
    PROBES,
    Counted,
    InvalidPolicy,
    Need,
    Probed,
    Statistic,
    applies,
    compare,
    compute_figure,
    compute_probe,
    figure,
    figure_names,
    figure_of_metric,
    group_figures,
    mean_statistic,
    probe,
    probe_names,
    register_figure,
    register_probe,
)


def tie_rate(judgments: Sequence[Judgment], policy: InvalidPolicy) -> Statistic:
    """Share of verdicts that call a tie.

    By "wrong", an invalid verdict is none.
    """
    counted = [judgment for judgment in judgments if judgment.verdict.is_valid or policy == "wrong"]
    ties = [float(judgment.verdict == Preference(None)) for judgment in counted]
    return mean_statistic(ties, Counted.of(counted, among=judgments))


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    timed = Need("times", lambda judgments: None if any(one.seconds for one in judgments) else "no judgment was timed")
    register_figure("tie_rate", higher_is_better=None, kinds="preference", formula="ties / verdicts")(tie_rate)

    @register_figure("seconds", higher_is_better=False, invalid="alike", need=timed)
    def seconds(judgments: Sequence[Judgment]) -> Statistic:
        timed = [judgment for judgment in judgments if judgment.seconds is not None]
        values = [judgment.seconds or 0.0 for judgment in timed]
        return mean_statistic(values, Counted.of(timed, among=judgments), shape="mean", scale=None)

    @register_probe("haste", needs_second="a slower machine")
    def haste(probed: Probed) -> Statistic:
        """How many more ties a fast machine gives."""
        fast, slow = (
            np.mean([judgment.verdict.value is None for judgment in side]) for side in (probed.judgments, probed.second)
        )
        return mean_statistic([fast - slow], Counted.of(probed.judgments[:1]), scale=(-1.0, 1.0))

    yield
    for name in ("tie_rate", "seconds"):
        FIGURES.remove(name)
    PROBES.remove("haste")


def judged(ties: Sequence[bool], group: str | None = None) -> list[Judgment]:
    return [
        Judgment(f"{group}-{i}", "AB", Preference(None if is_tie else 0), "", "p", group=group)
        for i, is_tie in enumerate(ties)
    ]


def test_it_has_a_value_and_an_exact_interval_of_few_items() -> None:
    found = compute_figure("tie_rate", [*judged([True] * 3 + [False] * 5), *invalid(2)])
    expected = stats.binomtest(3, 8).proportion_ci(0.95, "exact")
    assert (found.value, found.n, found.invalid, found.interval) == (3 / 8, 8, {"x": 2}, "clopper-pearson")
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert compute_figure("tie_rate", [*judged([True] * 3), *invalid(1)], "wrong").value == 3 / 4


def test_it_has_a_bootstrap_interval_of_many_items() -> None:
    ties = np.random.default_rng(0).random(400) < 0.3
    found = compute_figure("tie_rate", judged(ties.tolist()), resamples=4000)
    assert found.interval == "bootstrap"
    assert found.stderr == pytest.approx(ties.std() / np.sqrt(400), rel=0.05)


def test_it_has_groups_and_their_mean() -> None:
    mean, pooled, *groups = group_figures("tie_rate", [*judged([True], "x"), *judged([True, False, False], "y")])
    assert [(one.group, one.value) for one in groups] == [("x", 1), ("y", 1 / 3)]
    assert (mean.group, mean.value, pooled.group, pooled.value) == (MEAN, 2 / 3, POOLED, 1 / 2)
    assert mean.interval == "mover"
    assert figure_of_metric("mean_tie_rate") == ("tie_rate", True)


@pytest.mark.parametrize("group", [POOLED, MEAN])
def test_critics_are_compared_by_it(group: str) -> None:
    rng = np.random.default_rng(1)
    first, second = rng.random(300) < 0.5, rng.random(300) < 0.3
    found = compare("tie_rate", judged(first.tolist(), "x"), judged(second.tolist(), "x"), resamples=2000, group=group)
    assert found.difference == pytest.approx(first.mean() - second.mean())
    assert found.stderr == pytest.approx((first.astype(float) - second).std() / np.sqrt(300), rel=0.06)
    assert found.p < 0.01


def test_it_is_among_the_names_with_what_it_says_of_itself() -> None:
    assert {"tie_rate", "seconds"} <= set(figure_names())
    assert (HIGHER_IS_BETTER["tie_rate"], HIGHER_IS_BETTER["seconds"]) == (None, False)
    assert HIGHER_IS_BETTER.get("no such figure") is None
    assert set(HIGHER_IS_BETTER) == set(figure_names())
    entry = FIGURES.get("tie_rate")
    assert (entry.about, entry.formula) == ("Share of verdicts that call a tie.", "ties / verdicts")
    assert (entry.kinds, entry.needs, FIGURES.get("seconds").needs) == (("preference",), "", "times")


def test_verdicts_of_another_kind_are_refused() -> None:
    with pytest.raises(ArgumentError, match="tie_rate takes preference judgments; the verdict on item 7 is a score"):
        compute_figure("tie_rate", [Judgment("7", "A", Score(1), "", "p")])


def test_a_taken_name_is_refused_and_keeps_its_figure() -> None:
    def other(judgments: Sequence[Judgment], policy: InvalidPolicy) -> Statistic:
        raise AssertionError

    for name in ("tie_rate", "pearson"):
        with pytest.raises(ArgumentError, match=f"There is a figure '{name}' already"):
            figure(name, higher_is_better=True)(other)
    assert compute_figure("tie_rate", judged([True])).value == 1
    with pytest.raises(ArgumentError, match="There is a probe 'position' already"):
        probe("position")(other)


def test_near_names_are_suggested() -> None:
    with pytest.raises(ArgumentError, match="no figure 'tie_rat'; did you mean tie_rate"):
        compute_figure("tie_rat", [])
    with pytest.raises(ArgumentError, match="no figure 'tie_rat'"):
        applies("tie_rat", [])
    with pytest.raises(ArgumentError, match="no probe 'hast'; did you mean haste"):
        compute_probe("hast", [])


def test_a_probe_works_and_is_refused_without_the_second_run_that_it_needs() -> None:
    assert "haste" in probe_names()
    found = compute_probe("haste", judged([True, True]), against=judged([True, False]))
    assert (found.name, found.value) == ("haste", 0.5)
    with pytest.raises(ArgumentError, match="The probe haste needs the samples of a second run, with a slower machine"):
        compute_probe("haste", judged([True]))


def test_the_command_lists_registered_probes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["probe", "--help"])
    told = " ".join(capsys.readouterr().out.split())
    assert "image_use, haste" in told
    assert "a slower machine for haste" in told


@pytest.mark.parametrize("name", [*figure_names(), *probe_names()])
def test_every_figure_and_probe_says_in_a_sentence_what_it_is(name: str) -> None:
    entry = FIGURES.get(name) if name in FIGURES else PROBES.get(name)
    assert len(entry.about) > 20
    assert entry.about.endswith(".")


@pytest.mark.parametrize(
    ("name", "changes", "reason"),
    [
        ("accuracy_with_tie", {"label": None}, "no labels"),
        ("accuracy_with_tie", {}, None),
        ("accuracy_without_tie", {"label": Preference(None)}, None),
        ("order_consistency", {}, "no item was judged in two orders"),
        ("first_position_rate", {}, "no item was judged in two orders"),
        ("draw_agreement", {}, "no item was judged twice in one order"),
        ("model_kendall", {}, "no judgment names the models of both responses"),
        ("model_kendall", {"models": ("m", None)}, "no judgment names the models of both responses"),
        ("model_kendall", {"models": ("m", "n")}, None),
        ("model_kendall", {"models": ("m", "n"), "label": None}, "no labels"),
        ("invalid_rate", {"label": None}, None),
        ("win_rate", {"label": None}, None),
        ("tie_rate", {}, None),
        ("seconds", {}, "no judgment was timed"),
        ("seconds", {"seconds": 2.0}, None),
        ("pearson", {}, "pearson takes score judgments; the verdict on item None-0 is a preference."),
    ],
)
def test_a_figure_says_why_it_does_not_apply(name: str, changes: dict[str, object], reason: str | None) -> None:
    labeled = [replace(judgment, label=Preference(0)) for judgment in judged([True, False])]
    assert applies(name, [replace(judgment, **changes) for judgment in labeled]) == reason  # type: ignore[arg-type]


def test_two_orders_and_two_draws_apply() -> None:
    once = judged([True])
    assert applies("order_consistency", [*once, replace(once[0], order="BA")]) is None
    assert applies("draw_agreement", [*once, *once]) is None
    assert applies("invalid_rate", []) == "no judgments"


def invalid(n: int) -> list[Judgment]:
    return [Judgment(f"invalid-{i}", "AB", Invalid("x"), "", "p") for i in range(n)]

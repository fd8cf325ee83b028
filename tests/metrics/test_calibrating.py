"""Scores put on their labels' scale: against scikit-learn's isotonic regression, and on other items than the fit's."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from critic_eval.errors import ArgumentError, DataError
from critic_eval.judging import Judgment, Score
from critic_eval.metrics import applies, compute_figure, isotonic_map
from critic_eval.metrics.columns import JudgmentColumns
from critic_eval.runs.calibrating import calibrate
from tests.factories import judgment

NUMBERS = st.integers(-1000, 1000).map(lambda number: number / 8)


def rated(n: int, seed: int = 0, clusters: int | None = None) -> list[Judgment]:
    """Judgments of single responses by rewards that rise with the label, in a curve."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(1, 6, n).astype(float)
    rewards = np.exp(labels / 2) + rng.normal(0, 0.2, n) - 40
    return [
        judgment(
            number,
            Score(float(reward)),
            Score(float(label)),
            "A",
            rewards=(float(reward),),
            cluster=None if clusters is None else str(number % clusters),
        )
        for number, (reward, label) in enumerate(zip(rewards, labels, strict=True))
    ]


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=30), st.lists(NUMBERS, min_size=1, max_size=9))
def test_the_map_is_that_of_isotonic_regression(points: list[tuple[float, float]], asked: list[float]) -> None:
    scores, labels = map(np.array, zip(*points, strict=True))
    knots = isotonic_map(scores, labels)
    fitted = IsotonicRegression(out_of_bounds="clip").fit(scores, labels).predict(asked)
    assert np.interp(asked, *knots) == pytest.approx(fitted, abs=1e-6)
    assert (np.diff(knots[1]) >= -1e-9).all()


def test_calibrated_scores_are_near_their_labels_and_of_other_items_than_the_fit() -> None:
    judgments = JudgmentColumns.of(rated(400))
    rest, how = calibrate(judgments, 0.25, seed=3)
    assert how == "isotonic on 25 % of items, seed 3"
    assert len(rest) == 300
    errors = [float(one.verdict.value) - float(one.label.value) for one in rest]  # type: ignore[arg-type, union-attr]
    assert np.abs(errors).mean() < 0.1
    assert all(1 <= float(one.verdict.value) <= 5 for one in rest)  # type: ignore[arg-type]
    # Of the rest nothing is known to the fit: other labels there change no score of it.
    changed = {one.item_id for one in rest}
    mixed = [replace(one, label=Score(3.0)) if one.item_id in changed else one for one in judgments]
    again, _ = calibrate(JudgmentColumns.of(mixed), 0.25, seed=3)
    assert [one.verdict for one in again] == [one.verdict for one in rest]


def test_clusters_are_not_parted() -> None:
    rest, _ = calibrate(JudgmentColumns.of(rated(200, clusters=20)), 0.5)
    assert len({one.cluster for one in rest}) == 10
    assert len(rest) == 100


@pytest.mark.parametrize("share", [0, 1, -0.2, 1.5, float("nan")])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    with pytest.raises(ArgumentError, match="above 0 and below 1"):
        calibrate(JudgmentColumns.of(rated(20)), share)


def test_too_few_items_are_refused() -> None:
    with pytest.raises(DataError, match="leave none to fit on"):
        calibrate(JudgmentColumns.of(rated(3)), 0.1)
    with pytest.raises(DataError, match="no two different scores"):
        calibrate(JudgmentColumns.of(rated(4)), 0.25)


def test_figures_that_need_a_scale_say_so_of_raw_rewards_and_ranks_do_not() -> None:
    raw = rated(60)
    for name in ("score_accuracy", "quadratic_kappa", "concordance"):
        assert applies(name, raw) == "raw rewards are on no scale; rescore with --calibrate"
        figure = compute_figure(name, raw)
        assert np.isnan(figure.value)
        assert figure.reason == "raw rewards are on no scale; rescore with --calibrate"
    for name in ("pearson", "spearman", "kendall"):
        assert compute_figure(name, raw).value > 0.7
    calibrated, _ = calibrate(JudgmentColumns.of(raw), 0.5)
    assert compute_figure("concordance", calibrated).value > 0.9


def test_the_command_says_how_in_the_signature(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from critic_eval.cli.command import main

    table = tmp_path / "scores.csv"
    rows = [f"{one.item_id},{one.verdict.value},{one.label.value}" for one in rated(100)]  # type: ignore[union-attr]
    table.write_text("\n".join(["id,verdict,label", *rows]))
    assert main(["rescore", "mllm_judge_score", str(table), "--calibrate", "0.2", "--bootstrap", "0"]) == 0
    printed = capsys.readouterr().out
    assert "calibrated:isotonic on 20 % of items, seed 0" in printed
    assert "items:80-" in printed
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("id,verdict,label\n1,A,A\n2,B,A\n")
    assert main(["rescore", "mllm_judge_pair", str(pairs), "--calibrate", "0.5"]) != 0
    assert "is of preferences" in capsys.readouterr().err

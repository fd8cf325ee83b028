"""Two runs agree where their verdicts are equal, and only there."""

from collections.abc import Sequence

import pytest

from critic_eval.errors import ArgumentError
from critic_eval.judging import Invalid, Judgment, Preference, Score, Verdict
from critic_eval.metrics.paired import agreement_figures


def judgments(verdicts: Sequence[Verdict], orders: str = "AB") -> list[Judgment]:
    return [
        Judgment(str(item), orders, verdict, "", "llava_critic_pair", label=Preference(0))
        for item, verdict in enumerate(verdicts)
    ]


def test_equal_verdicts_are_counted_whatever_the_labels_say() -> None:
    one: list[Verdict] = [*map(Preference, (0, 1, None, 1)), Invalid("x"), Preference(0)]
    other: list[Verdict] = [*map(Preference, (0, 1, 1, 1)), Preference(0), Invalid("x")]
    share, kappa = agreement_figures(judgments(one), judgments(other))
    assert (share.value, share.n, share.invalid, share.unlabeled) == (0.75, 4, {"x": 1}, 1)
    assert kappa.name == "cohen_kappa"
    assert 0 < kappa.value < 1


def test_scores_are_correlated() -> None:
    one, other = ([Score(value) for value in values] for values in ([1, 2, 4], [2, 4, 8]))
    figures = {found.name: found.value for found in agreement_figures(judgments(one, "A"), judgments(other, "A"))}
    assert figures["pearson"] == pytest.approx(1.0)
    assert figures["concordance"] < 0.9


def test_runs_that_share_nothing_are_refused() -> None:
    one = judgments([Preference(0)])
    with pytest.raises(ArgumentError, match="no item in common"):
        agreement_figures(one, judgments([Preference(0)], "BA"))
    with pytest.raises(ArgumentError, match="several kinds"):
        agreement_figures(judgments([Preference(0)] * 2), judgments([Preference(0), Score(1)]))

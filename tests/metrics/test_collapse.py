"""How a critic uses its scale. Oracles: SciPy's entropy, and counts."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from critic_eval.judging import Score, Scores
from critic_eval.metrics import COLLAPSE_FIGURES, collapse_note, compute_figure
from critic_eval.metrics.columns import JudgmentColumns
from tests.factories import INVALID, judgment, scored

said = st.lists(st.sampled_from([1.0, 2.0, 3.5, 4.0, 10.0]), min_size=1, max_size=40)


@settings(max_examples=30)
@given(said)
def test_figures_are_of_the_counts_of_each_score(values: list[float]) -> None:
    times = Counter(values)
    judgments = [*scored(values, values), judgment("lost", INVALID, Score(1), "A")]
    expected = (len(times), stats.entropy(list(times.values()), base=2), max(times.values()) / len(values))
    for judged in (judgments, JudgmentColumns.of(judgments)):
        figures = [compute_figure(name, judged, resamples=2) for name in COLLAPSE_FIGURES]
        assert [figure.value for figure in figures] == pytest.approx(expected)
        assert {(figure.n, sum(figure.invalid.values())) for figure in figures} == {(len(values), 1)}
        assert figures[0].interval == "none"


def test_of_a_review_the_last_score_counts() -> None:
    judgments = [judgment(item, Scores((item, 7)), Score(7)) for item in range(9)]
    assert compute_figure("distinct_scores", judgments).value == 1


def test_a_critic_of_fewer_than_five_scores_is_warned_of() -> None:
    note = collapse_note(scored([0.0] * 3 + [4.0] * 27, range(30)))
    assert note is not None
    assert note.startswith("only 2 distinct scores in 30 judgments (90% are 4)")
    assert (collapse_note(scored([3.0] * 30, range(30))) or "").startswith("one score only in 30 judgments")


@pytest.mark.parametrize(
    ("scores", "labels"),
    [
        ([1.0, 2.0] * 14, list(range(28))),  # few judgments
        ([1.0, 2.0, 3.0, 4.0, 5.0] * 6, list(range(30))),  # five scores
        ([1.0, 2.0, 3.0] * 10, [1, 2, 3] * 10),  # labels have no more
    ],
)
def test_there_is_no_warning_of_few_judgments_nor_of_as_many_scores_as_labels(
    scores: list[float], labels: list[float]
) -> None:
    assert collapse_note(scored(scores, labels)) is None

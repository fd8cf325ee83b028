import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from critic_eval.errors import ArgumentError
from critic_eval.judging import Invalid, Judgment, Label, Preference, Ranking, Score, Scores, Verdict, read_verdict

floats = st.floats(allow_nan=False, allow_infinity=False)
rankings = st.integers(2, 6).flatmap(lambda n: st.permutations(range(n)))
preferences = st.sampled_from([0, 1, None])
labels = st.one_of(floats.map(Score), preferences.map(Preference), rankings.map(Ranking), st.none())
verdicts = st.one_of(
    floats.map(Score),
    st.lists(floats, min_size=2, max_size=2).map(Scores),
    preferences.map(Preference),
    rankings.map(Ranking),
    st.text(min_size=1).map(Invalid),
)


@given(verdicts)
def test_verdict_survives_json(verdict: Verdict) -> None:
    assert read_verdict(json.loads(json.dumps(verdict.to_record()))) == verdict


@given(verdicts, labels, st.text(), st.none() | st.floats(0, 9), st.none() | st.tuples(st.integers(0), st.integers(0)))
def test_judgment_survives_json(
    verdict: Verdict, label: Label | None, raw: str, seconds: float | None, span: tuple[int, int] | None
) -> None:
    judgment = Judgment("1", "BA", verdict, raw, "llava_critic_pair", span, label, "coco", seconds)
    assert Judgment.from_record(json.loads(json.dumps(judgment.to_record()))) == judgment


def test_numpy_integers_become_plain() -> None:
    value: object = Preference(np.int64(1)).value
    assert type(value) is int
    assert json.dumps(Ranking(np.array([1, 0])).to_record())  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [math.nan, math.inf, "many", None, 10**400])
def test_score_must_be_a_finite_number(value: float) -> None:
    with pytest.raises(ArgumentError):
        Score(value)
    with pytest.raises(ArgumentError):
        Score(value)


@pytest.mark.parametrize("value", [2, -1, 0.0, "A"])
def test_preference_must_name_a_response(value: int) -> None:
    with pytest.raises(ArgumentError):
        Preference(value)


@pytest.mark.parametrize("value", [(), (0,), (0, 0), (1, 2), (0.0, 1.0)])
def test_ranking_must_be_a_permutation(value: tuple[int, ...]) -> None:
    with pytest.raises(ArgumentError):
        Ranking(value)


@pytest.mark.parametrize("record", [{}, {"kind": "maybe"}, {"kind": "invalid"}, {"kind": "score"}])
def test_unfit_record_is_refused(record: dict[str, str]) -> None:
    with pytest.raises(ArgumentError):
        read_verdict(record)


def test_judgment_record_names_what_it_lacks() -> None:
    with pytest.raises(ArgumentError, match="verdict, raw"):
        Judgment.from_record({"item_id": "1", "order": "AB", "protocol": "p"})

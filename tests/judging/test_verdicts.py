import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from critic_eval.errors import ArgumentError
from critic_eval.judging import Judgment, Label, Verdict

floats = st.floats(allow_nan=False, allow_infinity=False)
rankings = st.integers(2, 6).flatmap(lambda n: st.permutations(range(n)))
preferences = st.sampled_from([0, 1, None])
labels = st.one_of(floats.map(Label.score), preferences.map(Label.preference), rankings.map(Label.ranking), st.none())
verdicts = st.one_of(
    floats.map(Verdict.score),
    st.lists(floats, min_size=2, max_size=2).map(Verdict.scores),
    preferences.map(Verdict.preference),
    rankings.map(Verdict.ranking),
    st.text(min_size=1).map(Verdict.invalid),
)


@given(verdicts)
def test_verdict_survives_json(verdict: Verdict) -> None:
    assert Verdict.from_record(json.loads(json.dumps(verdict.to_record()))) == verdict


@given(verdicts, labels, st.text(), st.none() | st.floats(0, 9), st.none() | st.tuples(st.integers(0), st.integers(0)))
def test_judgment_survives_json(
    verdict: Verdict, label: Label | None, raw: str, seconds: float | None, span: tuple[int, int] | None
) -> None:
    judgment = Judgment("1", "BA", verdict, raw, "llava_critic_pair", span, label, "coco", seconds)
    assert Judgment.from_record(json.loads(json.dumps(judgment.to_record()))) == judgment


def test_numpy_integers_become_plain() -> None:
    assert type(Verdict.preference(np.int64(1)).value) is int
    assert json.dumps(Verdict.ranking(np.array([1, 0])).to_record())  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [math.nan, math.inf, "many", None, 10**400])
def test_score_must_be_a_finite_number(value: float) -> None:
    with pytest.raises(ArgumentError):
        Verdict.score(value)
    with pytest.raises(ArgumentError):
        Label.score(value)


@pytest.mark.parametrize("value", [2, -1, 0.0, "A"])
def test_preference_must_name_a_response(value: int) -> None:
    with pytest.raises(ArgumentError):
        Verdict.preference(value)


@pytest.mark.parametrize("value", [(), (0,), (0, 0), (1, 2), (0.0, 1.0)])
def test_ranking_must_be_a_permutation(value: tuple[int, ...]) -> None:
    with pytest.raises(ArgumentError):
        Label.ranking(value)


@pytest.mark.parametrize("record", [{}, {"kind": "maybe"}, {"kind": "invalid"}, {"kind": "score"}])
def test_unfit_record_is_refused(record: dict[str, str]) -> None:
    with pytest.raises(ArgumentError):
        Verdict.from_record(record)


def test_judgment_record_names_what_it_lacks() -> None:
    with pytest.raises(ArgumentError, match="verdict, raw"):
        Judgment.from_record({"item_id": "1", "order": "AB", "protocol": "p"})

"""A run that is killed at any moment goes on where it was: nothing is lost, nothing is asked or answered twice."""

from pathlib import Path

import pytest

from tests.critics.killing import prove


@pytest.mark.parametrize(
    ("kills", "in_mid_judging"), [(4, 1), pytest.param(100, 25, marks=pytest.mark.slow)], ids=["a few", "hundred"]
)
def test_a_killed_run_loses_nothing_and_doubles_nothing(kills: int, in_mid_judging: int, tmp_path: Path) -> None:
    proof = prove(kills, 1, tmp_path)
    assert proof.faults == []
    assert proof.kills == kills
    assert proof.in_mid_judging >= in_mid_judging

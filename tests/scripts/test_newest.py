"""The package that broke the main job is found, whether or not the traceback names it."""

from collections.abc import Callable, Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.newest import diagnose, main, smallest, suspected

TRACEBACK = """
  File "/x/lib/python3.11/site-packages/lmms_eval/evaluator.py", line 134, in _enable_reentrant_filelocks
    import filelock._api as _fl_api
ModuleNotFoundError: No module named 'filelock._api'
"""


class Machine:
    """An environment in which the job fails while certain packages are other than tested."""

    def __init__(self, newest: Mapping[str, str], tested: Mapping[str, str], broken_by: Sequence[str]) -> None:
        self.now, self.tested, self.broken_by = dict(newest), tested, broken_by
        self.trials = 0

    def smoke(self) -> str | None:
        self.trials += 1
        return TRACEBACK if any(self.now[name] != self.tested.get(name) for name in self.broken_by) else None

    def install(self, versions: Mapping[str, str]) -> None:
        self.now.update(versions)


NEWEST = {f"p{number:02}": "2" for number in range(40)} | {"filelock": "4.3.1", "torch": "3", "same": "1"}
TESTED = {f"p{number:02}": "1" for number in range(40)} | {"filelock": "3.32.7", "same": "1"}


@pytest.mark.parametrize(
    ("broken_by", "trials"), [(["filelock"], 10), (["p17"], 16), (["p03", "p31"], 26), (["filelock", "p39"], 20)]
)
def test_what_broke_the_job_is_named_after_few_trials(broken_by: list[str], trials: int) -> None:
    machine = Machine(NEWEST, TESTED, broken_by)
    report = diagnose(NEWEST, TESTED, machine.smoke, machine.install)
    assert not report.runs
    assert sorted(report.broke) == broken_by
    assert all(name in report.lines[-1] for name in broken_by)
    assert machine.trials <= trials


def test_the_broken_version_and_the_one_that_works_are_told() -> None:
    machine = Machine(NEWEST, TESTED, ["filelock"])
    told = diagnose(NEWEST, TESTED, machine.smoke, machine.install).lines
    assert told[-1] == "Broken by filelock 4.3.1: the job runs with filelock==3.32.7."
    assert "  filelock 4.3.1 (tested: 3.32.7)" in told


def test_a_job_that_runs_is_said_to() -> None:
    machine = Machine(NEWEST, TESTED, [])
    report = diagnose(NEWEST, TESTED, machine.smoke, machine.install)
    assert report.runs
    assert report.lines[0].startswith("41 of 43 packages differ")
    assert machine.now == NEWEST


def test_what_no_constrained_version_mends_is_laid_to_something_else() -> None:
    machine = Machine(NEWEST, TESTED, ["torch"])
    report = diagnose(NEWEST, TESTED, machine.smoke, machine.install)
    assert not report.runs
    assert report.broke == []
    assert "torch" in report.lines[-1]


def test_packages_of_a_traceback_come_innermost_first() -> None:
    found = suspected(TRACEBACK.replace("lmms_eval/eval", "lmms_eval/eval") + '\n  File "a/site-packages/yaml/x.py"\n')
    assert found == ["filelock", "pyyaml", "lmms-eval"]


@given(
    st.integers(1, 60).flatmap(lambda n: st.tuples(st.just(n), st.sets(st.integers(0, n - 1), min_size=1, max_size=4)))
)
def test_the_smallest_part_is_found_whatever_it_is(case: tuple[int, set[int]]) -> None:
    n, needed = case
    names = [str(number) for number in range(n)]
    passes: Callable[[Sequence[str]], bool] = lambda kept: {str(number) for number in needed} <= set(kept)  # noqa: E731
    assert {int(name) for name in smallest(names, passes)} == needed


def test_it_leaves_the_environment_of_a_person_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main() == 1
    assert ".ci/newest" in capsys.readouterr().err

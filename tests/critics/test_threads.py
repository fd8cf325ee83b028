"""How many CPUs a process may use, how its threads wait, and what a trial chooses."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from critic_eval.critics.engines.local.cpus import allowed_cpus, group_cpus
from critic_eval.critics.engines.local.threads import (
    SLEEPING,
    TINY,
    TOLERANCE,
    Choice,
    Measured,
    beside_others,
    best,
    choices,
    let_waiting_threads_sleep,
)


def groups(folder: Path, of_process: str, files: dict[str, str]) -> float:
    """What these files of control groups leave a process."""
    (folder / "cgroup").write_text(of_process)
    for name, text in files.items():
        file = folder / "fs" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return group_cpus(folder / "cgroup", folder / "fs")


V1 = "12:memory:/docker/7f\n4:cpu,cpuacct:/docker/7f\n"


@pytest.mark.parametrize(
    ("of_process", "files", "cpus"),
    [
        pytest.param("0::/\n", {"cpu.max": "150000 100000\n"}, 1.5, id="version 2, the group of a container"),
        pytest.param("0::/a/b\n", {"a/cpu.max": "200000 100000\n", "a/b/cpu.max": "max 100000\n"}, 2.0, id="above"),
        pytest.param("0::/a/b\n", {"a/cpu.max": "50000 50000\n", "a/b/cpu.max": "300000 100000\n"}, 1.0, id="least"),
        pytest.param("0::/gone\n", {"cpu.max": "max 100000\n"}, float("inf"), id="no limit"),
        pytest.param("0::/\n", {"cpu.max": "no numbers here\n"}, float("inf"), id="unreadable"),
        pytest.param("nonsense\n", {}, float("inf"), id="not of this form"),
        pytest.param(
            V1,
            {"cpu,cpuacct/cpu.cfs_quota_us": "250000\n", "cpu,cpuacct/cpu.cfs_period_us": "100000\n"},
            2.5,
            id="version 1, mounted as the root",
        ),
        pytest.param(
            V1,
            {
                "cpu,cpuacct/docker/7f/cpu.cfs_quota_us": "50000\n",
                "cpu,cpuacct/docker/7f/cpu.cfs_period_us": "100000\n",
                "cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
                "cpu,cpuacct/cpu.cfs_period_us": "100000\n",
            },
            0.5,
            id="version 1",
        ),
    ],
)
def test_control_groups_limit_the_cpus(of_process: str, files: dict[str, str], cpus: float, tmp_path: Path) -> None:
    assert groups(tmp_path, of_process, files) == cpus


def test_without_control_groups_there_is_no_limit(tmp_path: Path) -> None:
    assert group_cpus(tmp_path / "none", tmp_path) == float("inf")


@pytest.mark.skipif(sys.platform != "linux", reason="affinity is Linux's")
def test_a_process_that_is_bound_to_a_cpu_has_one() -> None:
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))});"
        "from critic_eval.critics.engines.local.cpus import allowed_cpus; print(allowed_cpus())"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "1\n"
    assert 1 <= allowed_cpus() <= (os.cpu_count() or 1)


WAITING = """
import os, sys
from critic_eval.{module} import main
sys.argv[1:] = ["--version"]
try:
    main({arguments})
except SystemExit:
    pass
print({{name: os.environ.get(name) for name in {names}}}, "torch" in sys.modules)
"""


@pytest.mark.parametrize(
    ("given_by_user", "expected"),
    [
        ({}, {"GOMP_SPINCOUNT": "2000", "KMP_BLOCKTIME": "0"}),
        ({"OMP_WAIT_POLICY": "ACTIVE"}, {"GOMP_SPINCOUNT": None, "KMP_BLOCKTIME": None}),
        ({"GOMP_SPINCOUNT": "100"}, {"GOMP_SPINCOUNT": "100", "KMP_BLOCKTIME": None}),
    ],
)
def test_our_commands_let_threads_sleep_before_torch_is_imported(
    given_by_user: dict[str, str], expected: dict[str, str | None]
) -> None:
    code = WAITING.format(module="cli.command", arguments="", names=[*SLEEPING])
    kept = {name: value for name, value in os.environ.items() if name not in (*SLEEPING, "OMP_WAIT_POLICY")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=kept | given_by_user)
    assert done.stdout.splitlines()[-1] == f"{expected} False", done.stderr


def test_lmms_evals_command_of_ours_lets_threads_sleep_before_anything_else(monkeypatch: pytest.MonkeyPatch) -> None:
    from critic_eval.lmms import command

    begun: list[str] = []
    monkeypatch.setattr(command, "let_waiting_threads_sleep", lambda: begun.append("sleep"))
    monkeypatch.setattr(command, "_main", lambda arguments, run: begun.append("run"))
    command.main()
    assert begun == ["sleep", "run"]


def test_what_a_user_says_of_waiting_stays() -> None:
    environment = {"KMP_BLOCKTIME": "200"}
    let_waiting_threads_sleep(environment)
    assert environment == {"KMP_BLOCKTIME": "200"}


sizes = st.integers(1, 20 * TINY)


@given(cpus=st.integers(1, 256), parameters=sizes)
def test_no_choice_takes_more_cpus_than_are_allowed(cpus: int, parameters: int) -> None:
    for choice in choices(cpus, parameters):
        assert 1 <= choice.cpus <= cpus


@given(cpus=st.integers(1, 256), parameters=sizes, threads=st.integers(1, 64), processes=st.integers(2, 64))
def test_what_is_asked_for_is_had(cpus: int, parameters: int, threads: int, processes: int) -> None:
    assert {choice.threads for choice in choices(cpus, parameters, threads=threads)} == {threads}
    assert choices(cpus, parameters, None, processes) == [Choice(processes, 1)]
    assert {choice.processes for choice in choices(cpus, parameters, processes=1)} == {1}


def test_a_tiny_model_begins_with_one_thread_and_a_large_one_has_a_thread_for_each_cpu() -> None:
    assert choices(4, TINY) == [Choice(1, 1), Choice(4, 1)]
    assert choices(4, TINY + 1) == [Choice(1, 4)]
    assert choices(1, TINY) == [Choice(1, 1)]


rates = st.floats(0.01, 1e6)


@given(st.lists(st.tuples(st.integers(1, 8), st.integers(1, 8), rates), min_size=1, max_size=6))
def test_the_best_is_as_fast_as_the_fastest_and_nothing_as_fast_takes_fewer_cpus(
    planted: list[tuple[int, int, float]],
) -> None:
    measured = [Measured(Choice(processes, threads), rate, rate) for processes, threads, rate in planted]
    chosen = best(measured)
    enough = (1 - TOLERANCE) * max(rate for *_, rate in planted)
    assert chosen.rate >= enough
    assert all(chosen.choice.cpus <= one.choice.cpus for one in measured if one.rate >= enough)


def test_threads_are_tried_that_others_leave_free() -> None:
    assert beside_others(Choice(1, 2), cpus=2, busy=0.97) == Choice(1, 1)
    assert beside_others(Choice(1, 8), cpus=8, busy=2.4) == Choice(1, 6)
    assert beside_others(Choice(1, 8), cpus=8, busy=11.0) == Choice(1, 1)
    assert beside_others(Choice(1, 2), cpus=2, busy=0.3) is None
    assert beside_others(Choice(1, 1), cpus=2, busy=1.5) is None

"""How many CPUs this process may use: those that it may be scheduled on, and its control groups' share of time."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

GROUPS_OF_PROCESS = Path("/proc/self/cgroup")
GROUPS = Path("/sys/fs/cgroup")


def allowed_cpus() -> int:
    """Whole CPUs that this process may keep busy, at least 1."""
    scheduled = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return max(1, int(min(scheduled, group_cpus())))


def busy_seconds() -> float:
    """Seconds that those CPUs which this process may be scheduled on have been busy since the machine started."""
    times = psutil.cpu_times(percpu=True)
    scheduled = os.sched_getaffinity(0) if sys.platform == "linux" else range(len(times))
    return float(sum(times[cpu].user + times[cpu].system for cpu in scheduled if cpu < len(times)))


def group_cpus(of_process: Path = GROUPS_OF_PROCESS, groups: Path = GROUPS) -> float:
    """CPUs' worth of time that the control groups of this process leave it, as 1.5; infinite without a limit.

    Args:
        of_process: names the group of a process in each hierarchy, as Linux's `/proc/self/cgroup`.
        groups: where the hierarchies are mounted, of version 1, 2 or both.
    """
    return min((cpus for folder in _folders(of_process, groups) for cpus in _limits(folder)), default=float("inf"))


def _folders(of_process: Path, groups: Path) -> Iterator[Path]:
    """The groups' folders and all above them, each of which limits those below."""
    try:
        lines = of_process.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, _, named = line.partition(":")
        controllers, _, path = named.partition(":")
        if controllers and "cpu" not in controllers.split(","):
            continue
        mount = groups / controllers
        # A container's group may be mounted as the root of the hierarchy: what is not there has no limit to read.
        group = mount / path.lstrip("/")
        while True:
            yield group
            if group == mount or mount not in group.parents:
                break
            group = group.parent


def _limits(folder: Path) -> Iterator[float]:
    """Time over period of a group: none for one without a limit, and for what is not there."""
    with suppress(OSError, ValueError):
        time, period = (folder / "cpu.max").read_text().split()
        if time != "max":
            yield int(time) / int(period)
    with suppress(OSError, ValueError):
        time, period = ((folder / name).read_text() for name in ("cpu.cfs_quota_us", "cpu.cfs_period_us"))
        if int(time) > 0:  # -1 is no limit
            yield int(time) / int(period)

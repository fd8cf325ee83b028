"""Kills processes that outlive another: `python reaper.py PID CHILD...`, run as a script by `orphans`.

It ends when they have ended, whichever way.
"""

from __future__ import annotations

import sys
import time
from contextlib import suppress

import psutil

SECONDS = 0.5
"""Between two looks at whether the parent is there; at its children's children it looks less often."""
LOOKS = 4


def main(parent: int, children: list[int]) -> None:
    """Wait for the parent's end, and kill its children then, with theirs.

    Args:
        parent: process id.
        children: process ids.
    """
    watched = _found(parent)
    family = {child for pid in children if (child := _found(pid)) is not None}
    looks = 0
    while watched is not None and _is_running(watched):
        if looks % LOOKS == 0:
            family |= {child for member in list(family) for child in _children(member)}
            family = {member for member in family if _is_running(member)}
            if not family:
                return
        looks += 1
        time.sleep(SECONDS)
    # Killed parents leave children to be found: once more after the first are dead.
    for _ in range(3):
        family |= {child for member in list(family) for child in _children(member)}
        for member in family:
            with suppress(psutil.Error):
                member.kill()
        time.sleep(0.2)


def _found(pid: int) -> psutil.Process | None:
    try:
        return psutil.Process(pid)
    except psutil.Error:
        return None


def _is_running(process: psutil.Process) -> bool:
    """Whether a process runs, and not another one that was given its id."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


if __name__ == "__main__":
    main(int(sys.argv[1]), [int(pid) for pid in sys.argv[2:]])

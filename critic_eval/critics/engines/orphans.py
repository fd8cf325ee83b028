"""Processes that end with the one that started them, also where that is killed and can't end them itself.

Little is imported here: a process is guarded before it imports what takes long.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

_SECONDS = 1.0


def end_with_parent() -> None:
    """End this process of `multiprocessing` at once when its parent ends, for whatever reason."""
    threading.Thread(target=_watch_parent, name="critic-eval-parent", daemon=True).start()


def packed(function: Callable[..., None], *arguments: Any) -> bytes:
    """A call for `start_guarded`, which opens it once the process is guarded."""
    return pickle.dumps((function, arguments))


def start_guarded(call: bytes) -> None:
    """Call a function in a process that ends with its parent; for a pool's `initializer`."""
    end_with_parent()
    function, arguments = pickle.loads(call)
    function(*arguments)


@contextmanager
def reaped_children() -> Iterator[None]:
    """Whatever this process starts inside, with all that those start, is killed when this process ends.

    By a small process of its own, since those are programs of others (Ray's), and nothing of this one outlives SIGKILL.
    """
    import psutil

    this = psutil.Process()
    before = {child.pid for child in this.children()}
    try:
        yield
    finally:
        started = [str(child.pid) for child in this.children() if child.pid not in before]
        if started:
            reaper = Path(__file__).with_name("reaper.py")
            command = [sys.executable, str(reaper), str(this.pid), *started]
            process = subprocess.Popen(
                command,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
            process.returncode = 0  # it outlives this process by intention, which is nothing to warn of


def _watch_parent() -> None:
    parent, family = os.getppid(), multiprocessing.parent_process()
    while os.getppid() == parent:
        if family is None:
            time.sleep(_SECONDS)
        elif wait([family.sentinel], _SECONDS):
            break
    os._exit(1)

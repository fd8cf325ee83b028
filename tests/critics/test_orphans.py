"""What a run starts ends with it, also when it is killed and can't end anything itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest

POOL = """
import multiprocessing, os, time
from concurrent.futures import ProcessPoolExecutor
from critic_eval.critics.engines.orphans import packed, start_guarded

if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(2, context, start_guarded, (packed(os.write, 1, b"there\\n"),))
    held = [pool.submit(time.sleep, 100) for _ in range(2)]
    time.sleep(100)
"""

OTHERS = """
import subprocess, time
from critic_eval.critics.engines.orphans import reaped_children

with reaped_children():
    shell = "sleep 100 & setsid sleep 100 & exec sleep 100"
    started = [subprocess.Popen(["sh", "-c", shell], start_new_session=True) for _ in range(2)]
print("there\\nthere", flush=True)
time.sleep(100)
"""

WORKERS = """
from critic_eval.critics.checkpoints import load_checkpoint
from critic_eval.critics.engines.local.engine import LocalEngine
from critic_eval.critics.embedded import resolve_pretrained
from critic_eval.benchmarks.digits.generator import generate_items
from tests.critics.conftest import grouped

if __name__ == "__main__":
    engine = LocalEngine(load_checkpoint(resolve_pretrained("digits")), workers=2)
    groups = grouped(generate_items("pair")[:4]) * 1000
    answered = engine.answer(groups)
    next(answered), print("there\\nthere", flush=True)
    for _ in answered:
        pass
"""

RAY = """
import time
from critic_eval.critics.engines.opening import EngineArguments
from critic_eval.critics.engines.ray import RayEngine

if __name__ == "__main__":
    engine = RayEngine(EngineArguments("digits"), actors=1)
    print("there\\nthere", flush=True)
    time.sleep(100)
"""

has_ray = pytest.mark.skipif(find_spec("ray") is None, reason="engine=ray needs Ray: pip install 'critic-eval[ray]'")


@contextmanager
def running(code: str, folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], list[psutil.Process]]]:
    """A process of that code, once two of its children are there, with all that it started."""
    file = folder / "run.py"
    file.write_text(code)
    path = str(Path(__file__).resolve().parents[2])
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(file)]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, start_new_session=True)
    children: list[psutil.Process] = []
    try:
        assert run.stdout is not None
        assert [run.stdout.readline() for _ in range(2)] == [b"there\n"] * 2
        children = psutil.Process(run.pid).children(recursive=True)
        yield run, children
    finally:
        run.kill()
        run.communicate()
        for child in children:
            with suppress(psutil.Error):
                child.kill()


def left(children: list[psutil.Process], seconds: float) -> list[str]:
    """What is still running of them after at most so long."""
    deadline = time.monotonic() + seconds
    while found := [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]:
        if time.monotonic() > deadline:
            return [" ".join(child.cmdline()) for child in found]
        time.sleep(0.1)
    return []


@pytest.mark.parametrize(
    ("code", "end"),
    [
        pytest.param(POOL, signal.SIGKILL, id="pool, killed"),
        pytest.param(POOL, signal.SIGTERM, id="pool, terminated"),
        pytest.param(OTHERS, signal.SIGKILL, id="programs of others, killed"),
        pytest.param(OTHERS, signal.SIGTERM, id="programs of others, terminated"),
        pytest.param(WORKERS, signal.SIGKILL, id="workers, killed", marks=pytest.mark.slow),
        pytest.param(RAY, signal.SIGKILL, id="ray, killed", marks=[pytest.mark.slow, has_ray]),
    ],
)
def test_nothing_outlives_a_run_that_is_killed(code: str, end: signal.Signals, tmp_path: Path) -> None:
    with running(code, tmp_path) as (run, children):
        assert len(children) >= 3
        os.kill(run.pid, end)
        run.wait(timeout=10)
        assert left(children, 8) == []

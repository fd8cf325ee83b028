"""A cluster of two nodes on this machine, of which one is ended in mid-run: every answer comes once, as one process
gives it."""

import os
import signal
import time
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import psutil
import pytest

from critic_eval.benchmarks.digits.generator import generate_items
from critic_eval.critics.checkpoints import Checkpoint
from critic_eval.critics.engines.local.engine import LocalEngine
from critic_eval.critics.engines.opening import EngineArguments
from critic_eval.critics.engines.ray import RayEngine
from tests.critics.conftest import answers, grouped, texts

if find_spec("ray") is None:
    pytest.skip("engine=ray needs Ray: pip install 'critic-eval[ray]'", allow_module_level=True)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A head with one core and a node with another, on the loopback address alone, as `RAY_ADDRESS` says."""
    for name, value in (("RAY_USAGE_STATS_ENABLED", "0"), ("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")):
        os.environ.setdefault(name, value)  # read when Ray is first imported, for good
    import ray
    from ray.cluster_utils import Cluster

    node: dict[str, Any] = {"num_cpus": 1, "node_ip_address": "127.0.0.1", "object_store_memory": 100_000_000}
    ray.shutdown()
    running = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
    try:
        running.add_node(**node)
        monkeypatch.setenv("RAY_ADDRESS", running.address)
        yield running
    finally:
        ray.shutdown()
        running.shutdown()  # type: ignore[no-untyped-call]


@pytest.mark.slow
def test_a_node_that_is_lost_in_mid_run_loses_and_doubles_no_answer(cluster: Any, checkpoint: Checkpoint) -> None:
    import ray

    groups = grouped(generate_items("pair")[:200])
    engine = RayEngine(EngineArguments("digits"), actors=2)
    (lost,) = cluster.worker_nodes
    (raylet,) = [process.process.pid for process in lost.all_processes["raylet"]]
    on_lost = [raylet, *(child.pid for child in psutil.Process(raylet).children(recursive=True))]
    before = engine.pids()
    assert len(set(before) & set(on_lost)) == 1
    given: dict[int, Any] = {}
    try:
        for batch in engine.answer(groups):
            if not given:
                for pid in on_lost:
                    os.kill(pid, signal.SIGKILL)
            for number, answer in batch:
                assert number not in given
                given[number] = answer
        end = time.monotonic() + 60.0  # Ray is as slow to see that a node is lost; the plan may be done before
        while len(alive := [node for node in ray.nodes() if node["Alive"]]) > 1 and time.monotonic() < end:  # type: ignore[no-untyped-call]
            time.sleep(0.2)
    finally:
        engine.close()
    assert len(alive) == 1
    assert texts(given) == texts(answers(LocalEngine(checkpoint), groups))

"""The commands that time things run, and write what they say: on a tiny critic, whose figures mean nothing."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from speed import gpu, linear_cost, throughput
from speed.throughput import ready_critic
from tests.conftest import SHARED
from tests.critics.servers import Server, serving

SMALL = ("--device", "cpu", "--size", "tiny", "--images", "1", "--repeats", "1", "--new-tokens", "2")


@pytest.fixture(scope="module")
def critic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ready_critic("tiny", tmp_path_factory.mktemp("random") / "critic")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


def shown_images(server: Server) -> set[str]:
    """The images that a server was sent since it was looked at last."""
    parts = [part for body in server.bodies for message in body["messages"] for part in message["content"]]
    server.bodies.clear()
    return {part["image_url"]["url"] for part in parts if part["type"] == "image_url"}


def test_a_server_is_timed_beside_the_engine_on_images_that_it_never_saw(
    critic: Path, server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report.json"
    options = (*SMALL, "--critic", str(critic), "--server", server.url, "--out", str(out), "--workloads", "both_orders")
    assert throughput.main([*options, "scores_of_5", "--variants"]) == 0
    before = shown_images(server)
    assert throughput.main([*options, "--variants", "all"]) == 0
    seen = shown_images(server)
    assert (len(before), len(seen)) == (3, 2)  # an image a workload, and one before all to warm up
    assert not seen & before
    report = json.loads(out.read_text("utf-8"))
    rows = {(row["workload"], row["variant"]): row for row in report["rows"] if row["variant"] != "stock"}
    assert set(rows) == {("both_orders", "all"), ("both_orders", "server")}
    assert (rows["both_orders", "server"]["requests"], rows["both_orders", "server"]["failed"]) == (2, 0)
    assert all(row["requests_per_second"] > 0 for row in rows.values())
    assert "prefill" in rows["both_orders", "all"]
    assert "prefill" not in rows["both_orders", "server"]
    assert "server" in capsys.readouterr().out


def test_requests_that_a_server_fails_at_are_told(
    critic: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(faults=lambda total, times: "400") as failing:
        options = ("--critic", str(critic), "--server", failing.url, "--variants", "--workloads", "both_orders")
        assert throughput.main([*SMALL, *options]) == 0
    assert "both_orders, server: 2 requests failed, so its rate says nothing" in capsys.readouterr().out


def on_cpu(out: Path, critic: Path, *options: str) -> tuple[int, dict[str, Any]]:
    status = gpu.main([*SMALL, "--critic", str(critic), "--workloads", "both_orders", "--out", str(out), *options])
    return status, json.loads(out.read_text("utf-8"))["parts"]


@pytest.mark.slow
def test_without_a_gpu_each_part_says_what_it_lacks_and_the_others_are_measured(critic: Path, tmp_path: Path) -> None:
    status, parts = on_cpu(tmp_path / "gpu.json", critic, "--fixtures", str(tmp_path))
    assert status == 0
    assert {name: part["status"] for name, part in parts.items()} == {
        "fixtures": "not here",
        "throughput": "done",
        "attention": "not here",
        "quantized": "not here",
    }
    assert all(part["reason"] for part in parts.values() if part["status"] == "not here")
    summary = {row["variant"]: row for row in parts["throughput"]["summary"] if row["variant"] != "stock"}
    assert set(summary) == {"batches", "all", "all, verdict only"}
    assert all(row["peak_mb"] > 0 for row in summary.values())


def test_a_run_that_is_out_of_time_or_fails_keeps_what_it_had(
    critic: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(args: Any, folder: Path) -> Iterator[dict[str, Any]]:
        yield {"variant": "first"}
        raise RuntimeError("the card is gone")

    monkeypatch.setattr(gpu, "_PARTS", {**gpu._PARTS, "fixtures": failing})
    status, parts = on_cpu(tmp_path / "gpu.json", critic, "--parts", "fixtures", "attention")
    assert status == 1
    assert parts["fixtures"]["measured"] == [{"variant": "first"}]
    assert parts["fixtures"]["reason"] == "RuntimeError: the card is gone"
    assert parts["attention"]["status"] == "not here"
    status, parts = on_cpu(tmp_path / "gpu.json", critic, "--parts", "throughput", "--minutes", "0")
    assert (status, parts["throughput"]["status"]) == (0, "cut off")
    assert parts["throughput"]["reason"] == "0 minutes are over"


@pytest.mark.slow
def test_reference_checkpoints_are_near_in_every_dtype(critic: Path, tmp_path: Path) -> None:
    if not (SHARED / "fixtures").is_dir():
        pytest.skip("there is no ../shared/fixtures on this machine")
    _, parts = on_cpu(tmp_path / "gpu.json", critic, "--parts", "fixtures", "--fixtures", str(SHARED / "fixtures"))
    largest = {"float32": 2e-3, "bfloat16": 0.1, "float16": 0.02}
    for measured in parts["fixtures"]["measured"]:
        assert measured["largest_logit_difference"] < largest[measured["dtype"]]
    assert len(parts["fixtures"]["measured"]) == 6


def test_the_cost_of_many_requests_is_measured() -> None:
    assert linear_cost._measured(4)["seconds"] > 0

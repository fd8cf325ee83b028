"""The scripts of `examples/clusters/` hold together; a cluster of two nodes itself is in test_ray_cluster.py."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from critic_eval.benchmarks.registry import find_benchmark
from scripts.project import CONSTRAINTS, pinned

FAKES = {
    "scontrol": "printf 'first\\nsecond\\n'",
    "srun": 'echo "srun $*" >> "$CALLS"; while [[ $1 == --* ]]; do shift; done; exec "$@"',
    "hostname": "echo 127.0.0.1",
    "ray": 'echo "ray token $RAY_AUTH_TOKEN" >> "$CALLS"',
    "python": 'cat > "$CALLS.py"',
    "lmms_eval": 'echo "lmms_eval $RAY_ADDRESS $*" >> "$CALLS"',
}
"""What a SLURM node has; each writes down how it was called."""


@pytest.fixture
def folder(repository: Path) -> Path:
    return repository / "examples" / "clusters"


def test_the_slurm_script_starts_ray_on_all_nodes_and_runs_on_them(folder: Path, tmp_path: Path) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash on this machine")
    for name, text in FAKES.items():
        (tmp_path / name).write_text(f"#!{bash}\n{text}\n", "utf-8")
        (tmp_path / name).chmod(0o755)
    slurm = {"JOB_NODELIST": "n[1-2]", "NNODES": "2", "CPUS_PER_TASK": "4", "GPUS_ON_NODE": "8", "JOB_NAME": "job"}
    environment = {f"SLURM_{name}": value for name, value in slurm.items()}
    environment |= {"PATH": f"{tmp_path}:{os.environ['PATH']}", "CALLS": str(tmp_path / "calls")}
    environment |= {"RAY_HEAD_SECONDS": "0", "TASKS": "critic_digits", "MODEL_ARGS": "dtype=float16"}
    subprocess.run([bash, str(folder / "slurm.sbatch")], env=environment, check=True, timeout=60)
    calls = (tmp_path / "calls").read_text("utf-8")
    resources = "--num-cpus=4 --num-gpus=8 --block"
    assert re.search(rf"srun .*--nodelist=first ray start --head --node-ip-address=127.0.0.1 .*{resources}", calls)
    assert re.search(rf"srun .*--nodes=1 .*--exclude=first ray start --address=127.0.0.1:6379 {resources}", calls)
    model = "pretrained=lmms-lab/llava-critic-7b,engine=ray,dtype=float16"
    assert f"lmms_eval 127.0.0.1:6379 --model llava_critic --model_args {model} --tasks critic_digits" in calls
    (token,) = set(re.findall("ray token (.*)", calls))
    assert re.fullmatch("[0-9a-f]{64}", token)
    compile((tmp_path / "calls.py").read_text("utf-8"), "waits for the nodes", "exec")


def test_the_manifest_parses_and_its_parts_agree(folder: Path) -> None:
    job: dict[str, Any] = yaml.safe_load((folder / "rayjob.yaml").read_text("utf-8"))
    cluster = job["spec"]["rayClusterSpec"]
    head, (workers,) = cluster["headGroupSpec"], cluster["workerGroupSpecs"]
    (head_pod,), (worker_pod,) = (group["template"]["spec"]["containers"] for group in (head, workers))
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    assert head_pod["image"] == worker_pod["image"]
    assert cluster["rayVersion"] == pinned(CONSTRAINTS.read_text("utf-8").splitlines(), "3.11")["ray"]
    assert cluster["authOptions"] == {"mode": "token"}
    assert all(isinstance(value, str) for value in head["rayStartParams"].values())
    assert int(worker_pod["resources"]["limits"]["nvidia.com/gpu"]) <= int(worker_pod["resources"]["limits"]["cpu"])
    words = job["spec"]["entrypoint"].split()
    assert "engine=ray" in words[words.index("--model_args") + 1]
    find_benchmark(words[words.index("--tasks") + 1])
    mounted = worker_pod["volumeMounts"][0]["mountPath"]
    assert words[words.index("--output_path") + 1].startswith(mounted)

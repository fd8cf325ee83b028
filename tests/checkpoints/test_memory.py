"""Memory at its peak while a checkpoint of several shards loads."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from critic_eval.critics.checkpoints import build_config, conversion, convert_checkpoint
from critic_eval.critics.checkpoints.weight_names import to_original, tower_prefix
from critic_eval.critics.checkpoints.weights import empty_model
from tests.conftest import Once

from .conftest import NEXT_CONFIG, Tiny, save_chatml_tokenizer

SHARD_BYTES = 90 * 2**20
SLACK_BYTES = 20 * 2**20

CONFIG = {
    **NEXT_CONFIG,
    "vocab_size": 12000,
    "hidden_size": 1024,
    "intermediate_size": 2816,
    "num_hidden_layers": 6,
    "num_attention_heads": 16,
    "num_key_value_heads": 16,
}

LOADS = [
    ("safetensors", "original", "float32"),
    ("safetensors", "original", "bfloat16"),
    ("bin", "original", "float32"),
    ("safetensors", "converted", "bfloat16"),
    ("safetensors", "sum", "float32"),
    ("safetensors", "written sum", "bfloat16"),
]
"""A sum is that of a delta, here the original, with a base of as many shards."""

MEASURE = """
import ctypes, gc, json, shutil, sys
from pathlib import Path
from critic_eval.critics.checkpoints import convert_checkpoint, load_checkpoint

def memory(field):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(field))

for folder, dtype, base, out in json.loads(sys.argv[1]):
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # gives back what the load before took
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak
    before = memory("VmRSS:")
    if out:
        convert_checkpoint(folder, out, dtype=dtype, base=base)
        print(memory("VmHWM:") - before, sum(file.stat().st_size for file in Path(out).glob("*.safetensors")))
        shutil.rmtree(out)
        continue
    loaded = load_checkpoint(folder, dtype=dtype, base=base)
    print(memory("VmHWM:") - before, sum(w.numel() * w.element_size() for w in loaded.model.parameters()))
    del loaded
"""


def write_shards(folder: Path, suffix: str) -> None:
    """Write a checkpoint of float32 shards."""
    from transformers import LlavaOnevisionForConditionalGeneration

    model = empty_model(LlavaOnevisionForConditionalGeneration, build_config(CONFIG), torch.float32)
    prefix, rows = tower_prefix(model), CONFIG["vocab_size"]
    shards: list[dict[str, torch.Tensor]] = [{}]
    for name, weight in model.named_parameters():
        shape = (rows, *weight.shape[1:]) if weight.shape[0] == rows + 2 else weight.shape
        if sum(w.nbytes for w in shards[-1].values()) > SHARD_BYTES - weight.numel() * 4:
            shards.append({})
        shards[-1][to_original(name, prefix)] = torch.full(tuple(shape), 0.01)
    folder.mkdir()
    stem, index = ("model", "model.safetensors.index.json")
    if suffix == "bin":
        stem, index = "pytorch_model", "pytorch_model.bin.index.json"
    weight_map = {}
    for number, shard in enumerate(shards, 1):
        file = f"{stem}-{number:05d}-of-{len(shards):05d}.{suffix}"
        if suffix == "bin":
            torch.save(shard, folder / file)
        else:
            save_file(shard, folder / file, metadata={"format": "pt"})
        weight_map.update(dict.fromkeys(shard, file))
    (folder / index).write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    (folder / "config.json").write_text(json.dumps(CONFIG))
    save_chatml_tokenizer(folder)


@dataclass
class Measured:
    """What a load took, in bytes: memory at its peak, the model's weights, and the largest of its shards."""

    peak: int
    model: int
    largest: int
    shards: int


def measure(base: Path, tiny: Path) -> list[tuple[int, int, int, int]]:
    """Measure each load, one after the other in a process of its own: starting it takes longer than the loads."""
    folders = {(suffix, "original"): base / suffix for suffix in ("safetensors", "bin")}
    for (suffix, _), folder in folders.items():
        write_shards(folder, suffix)
    folders["safetensors", "converted"], warm_up = base / "converted", base / "warm-up"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conversion, "_SHARD_SIZE", SHARD_BYTES)
        convert_checkpoint(folders["safetensors", "original"], folders["safetensors", "converted"])
        convert_checkpoint(tiny, warm_up)
    # What a first use of each library takes is not the checkpoint's.
    for sums in ("sum", "written sum"):
        folders["safetensors", sums] = folders["safetensors", "original"]
    summed, out = str(folders["bin", "original"]), str(base / "out")
    loads: list[tuple[str, str, str | None, str | None]] = [
        (str(tiny), "float32", None, None),
        (str(warm_up), "float32", None, None),
    ]
    loads += [(str(tiny), "float32", str(tiny), out)]
    for suffix, layout, dtype in LOADS:
        written = out if layout == "written sum" else None
        loads += [(str(folders[suffix, layout]), dtype, summed if "sum" in layout else None, written)]
    command = [sys.executable, "-c", MEASURE, json.dumps(loads)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rows = []
    for (suffix, layout, _), line in zip(LOADS, done.stdout.splitlines()[3:], strict=True):
        shards = [file.stat().st_size for file in folders[suffix, layout].glob(f"*.{suffix}")]
        peak, model = map(int, line.split())
        rows.append((peak, model, max(shards), len(shards)))
    return rows


@pytest.fixture(scope="module")
def measured(
    once: Once, tmp_path_factory: pytest.TempPathFactory, tiny_next: Tiny
) -> dict[tuple[str, str, str], Measured]:
    base = tmp_path_factory.mktemp("large")
    try:
        rows = once("peak_memory", lambda: measure(base, tiny_next.folder))
    finally:
        shutil.rmtree(base)  # pytest would keep the hundreds of megabytes in it
    return {load: Measured(*row) for load, row in zip(LOADS, rows, strict=True)}


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="peak memory is read from /proc (Linux)")
@pytest.mark.parametrize(("suffix", "layout", "dtype"), LOADS)
def test_peak_memory_stays_under_model_and_largest_shard(
    measured: dict[tuple[str, str, str], Measured], suffix: str, layout: str, dtype: str
) -> None:
    load = measured[suffix, layout, dtype]
    print(f"{layout} {suffix} as {dtype}: {load}")
    assert load.shards >= 4
    assert load.model > load.largest
    shards = 2 * load.largest if "sum" in layout else load.largest
    assert load.model * 0.9 < load.peak < load.model + shards + SLACK_BYTES

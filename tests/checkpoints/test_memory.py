"""Measures peak memory while a checkpoint of several shards loads, in a process of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from critic_eval.critics.checkpoints import build_config, conversion, convert_checkpoint
from critic_eval.critics.checkpoints.weights import empty_model, to_original, tower_prefix

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

MEASURE = """
import sys
from critic_eval.critics.checkpoints import load_checkpoint

def memory(field):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(field))

# What a first use of each library takes is not the checkpoint's.
load_checkpoint(sys.argv[1])
before = memory("VmRSS:")
loaded = load_checkpoint(sys.argv[2], dtype=sys.argv[3])
print(memory("VmHWM:") - before, sum(w.numel() * w.element_size() for w in loaded.model.parameters()))
"""


def write_shards(folder: Path, suffix: str) -> int:
    """Write a checkpoint of float32 shards and give the bytes of the largest."""
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
    return max((folder / file).stat().st_size for file in set(weight_map.values()))


@pytest.fixture
def large(tmp_path: Path) -> Iterator[Path]:
    """A folder that is removed afterwards, since pytest would keep the hundreds of megabytes in it."""
    yield tmp_path
    shutil.rmtree(tmp_path)


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="peak memory is read from /proc (Linux)")
@pytest.mark.parametrize(
    ("suffix", "layout", "dtype"),
    [
        ("safetensors", "original", "float32"),
        ("safetensors", "original", "bfloat16"),
        ("bin", "original", "float32"),
        ("safetensors", "converted", "bfloat16"),
    ],
)
def test_peak_memory_stays_under_model_and_largest_shard(
    large: Path, tiny_next: Tiny, monkeypatch: pytest.MonkeyPatch, suffix: str, layout: str, dtype: str
) -> None:
    folder = large / "original"
    largest = write_shards(folder, suffix)
    warm_up = tiny_next.folder
    if layout == "converted":
        monkeypatch.setattr(conversion, "_SHARD_SIZE", SHARD_BYTES)
        convert_checkpoint(folder, large / "converted")
        convert_checkpoint(warm_up, large / "warm-up")
        folder, warm_up = large / "converted", large / "warm-up"
        largest = max(file.stat().st_size for file in folder.glob("*.safetensors"))
    measured = subprocess.run(
        [sys.executable, "-c", MEASURE, str(warm_up), str(folder), dtype],
        capture_output=True,
        text=True,
        check=True,
    )
    peak, model = map(int, measured.stdout.split())
    shards = len(list(folder.glob(f"*.{suffix}")))
    mib = [size >> 20 for size in (peak, model, largest)]
    print(f"{layout} {suffix} as {dtype}, {shards} shards: peak {mib[0]} MiB, model {mib[1]}, largest shard {mib[2]}")
    assert shards >= 4
    assert peak < model + largest + SLACK_BYTES

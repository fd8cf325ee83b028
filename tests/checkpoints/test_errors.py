from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from critic_eval.critics.checkpoints import build_config, convert_checkpoint, load_checkpoint
from critic_eval.errors import ArgumentError, CheckpointError

from .conftest import LLAVA_CONFIG, NEXT_CONFIG, Tiny

TILED = {
    "image_aspect_ratio": "anyres",
    "mm_patch_merge_type": "spatial_unpad",
    "image_grid_pinpoints": [[28, 56], [56, 28]],
}


@pytest.fixture
def broken(tiny_next: Tiny, tmp_path: Path) -> Path:
    """A copy of a LLaVA-NeXT checkpoint, to be broken."""
    return Path(shutil.copytree(tiny_next.folder, tmp_path / "broken"))


@pytest.fixture
def broken_bin(tiny_llava: Tiny, tmp_path: Path) -> Path:
    """A copy of a LLaVA-1.5 checkpoint, to be broken."""
    return Path(shutil.copytree(tiny_llava.folder, tmp_path / "broken"))


def edit(folder: Path, **changes: Any) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **changes}))


def edit_weights(folder: Path, changes: dict[str, torch.Tensor], drop: str = "") -> None:
    weights = {name: w for name, w in load_file(folder / "model.safetensors").items() if name != drop}
    save_file({**weights, **changes}, folder / "model.safetensors")


def refused(folder: Path | str, **arguments: Any) -> str:
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(folder, **arguments)
    return str(caught.value)


def test_hub_id_out_of_reach(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    said = refused("nobody/no-such-critic")
    assert "nobody/no-such-critic can't be reached" in said
    assert "local folder" in said
    assert "HF_HOME" in said


def test_hub_id_in_the_cache_is_loaded_without_a_network(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    commit = "0123456789abcdef0123456789abcdef01234567"
    repository = tmp_path / "models--someone--tiny-critic"
    shutil.copytree(tiny.folder, repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    identity = load_checkpoint("someone/tiny-critic").identity
    assert (identity["name"], identity["revision"]) == ("someone/tiny-critic", commit)


@pytest.mark.parametrize("place", ["/no/such/folder", "no/such/folder/here", Path("absent")])
def test_folder_that_does_not_exist(place: str | Path) -> None:
    assert "There is no folder" in refused(place)


def test_folder_without_config(tmp_path: Path) -> None:
    assert "There is no config.json" in refused(tmp_path)


def test_config_that_is_no_json(broken: Path) -> None:
    (broken / "config.json").write_text("{")
    assert "can't be read as JSON" in refused(broken)


def test_file_instead_of_folder(broken: Path) -> None:
    assert "give the folder" in refused(str(broken / "config.json"))


def test_unknown_architecture(broken: Path) -> None:
    edit(broken, architectures=["LlavaGemmaForCausalLM"], model_type="llava_gemma")
    assert "unknown architecture (LlavaGemmaForCausalLM)" in refused(broken)


def test_remote_code_is_off_unless_asked_for(broken: Path) -> None:
    edit(broken, architectures=["MyCritic"], model_type="my_critic", auto_map={"AutoConfig": "code.Config"})
    assert "trust_remote_code=True" in refused(broken)


def test_no_weights(broken: Path) -> None:
    (broken / "model.safetensors").unlink()
    assert "There are no weights" in refused(broken)


def test_missing_shard(broken_bin: Path) -> None:
    (broken_bin / "pytorch_model-00002-of-00002.bin").unlink()
    said = refused(broken_bin)
    assert "1 of 2 weight files" in said
    assert "pytorch_model-00002-of-00002.bin" in said


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_truncated_safetensors(broken: Path, share: float) -> None:
    file = broken / "model.safetensors"
    file.write_bytes(file.read_bytes()[: int(file.stat().st_size * share)])
    said = refused(broken)
    assert "model.safetensors is truncated or damaged" in said
    assert "\n" not in said


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_truncated_bin(broken_bin: Path, share: float) -> None:
    file = broken_bin / "pytorch_model-00001-of-00002.bin"
    file.write_bytes(file.read_bytes()[: int(file.stat().st_size * share)])
    said = refused(broken_bin)
    assert "pytorch_model-00001-of-00002.bin is truncated or damaged" in said
    assert "\n" not in said


def test_bin_of_torchs_older_format_loads(broken_bin: Path) -> None:
    file = broken_bin / "pytorch_model-00001-of-00002.bin"
    torch.save(torch.load(file, weights_only=True), file, _use_new_zipfile_serialization=False)
    load_checkpoint(broken_bin)


def test_damaged_index(broken_bin: Path) -> None:
    (broken_bin / "pytorch_model.bin.index.json").write_text("{}")
    assert "index" in refused(broken_bin)


def test_weights_of_other_shapes(broken: Path) -> None:
    edit(broken, intermediate_size=64)
    said = refused(broken)
    assert "6 have other shapes than config.json says" in said
    assert "model.layers.0.mlp.down_proj.weight [32, 48] instead of [32, 64]" in said
    assert "..." in said


def test_missing_weights(broken: Path) -> None:
    edit_weights(broken, {}, drop="model.layers.1.mlp.up_proj.weight")
    assert "1 are missing (model.language_model.layers.1.mlp.up_proj.weight)" in refused(broken)


def test_unexpected_weights(broken: Path) -> None:
    edit_weights(broken, {"model.resampler.query": torch.zeros(2)})
    assert "1 are unexpected (model.resampler.query)" in refused(broken)


def test_tower_that_is_neither_inside_nor_reachable(broken_bin: Path, tmp_path: Path) -> None:
    edit(broken_bin, mm_vision_tower=str(tmp_path / "gone"), vision_config=NEXT_CONFIG["vision_config"])
    said = refused(broken_bin)
    assert "holds no vision tower" in said
    assert "gone" in said


def test_tower_of_unknown_sizes(broken: Path) -> None:
    config = {key: value for key, value in NEXT_CONFIG.items() if key != "vision_config"}
    (broken / "config.json").write_text(json.dumps(config))
    assert "pass them with vision_config=FILE" in refused(broken)
    load_checkpoint(broken, vision_config=NEXT_CONFIG["vision_config"])
    (broken / "vision.json").write_text(json.dumps(NEXT_CONFIG["vision_config"]))
    load_checkpoint(broken, vision_config=str(broken / "vision.json"))


def test_vision_config_with_gaps(broken: Path) -> None:
    assert "lacks hidden_size, intermediate_size" in refused(broken, vision_config={"patch_size": 14})


def test_vision_config_that_is_no_file(broken: Path) -> None:
    with pytest.raises(ArgumentError, match="is not a file"):
        load_checkpoint(broken, vision_config="absent.json")


def test_no_tokenizer(broken: Path) -> None:
    (broken / "tokenizer.json").unlink()
    assert "no tokenizer" in refused(broken)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"mm_patch_merge_type": "flat"}, "mm_patch_merge_type 'flat'"),
        ({"mm_newline_position": "somewhere"}, "mm_newline_position 'somewhere'"),
        ({"mm_projector_type": "linear"}, "projector 'linear'"),
        ({"mm_resampler_type": "perceiver"}, "resampler"),
        ({"image_aspect_ratio": "square"}, "image_aspect_ratio 'square'"),
        ({"image_grid_pinpoints": None}, "image_grid_pinpoints None"),
    ],
)
def test_settings_that_the_mapping_does_not_cover(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(CheckpointError, match=said):
        build_config({**NEXT_CONFIG, **changes})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"image_aspect_ratio": "anyres"}, "mm_patch_merge_type 'flat' is not supported with tiles"),
        ({"image_aspect_ratio": "pad", "mm_patch_merge_type": "spatial_unpad"}, "image_aspect_ratio 'pad'"),
        ({**TILED, "image_aspect_ratio": "anyres_max_9"}, "image_aspect_ratio 'anyres_max_9'"),
        ({**TILED, "mm_vision_select_feature": "cls_patch"}, "'cls_patch' is not supported with tiles"),
        ({**TILED, "image_grid_pinpoints": "no sizes"}, "image_grid_pinpoints"),
        ({"mm_projector_type": "mlp3x_gelu"}, "projector 'mlp3x_gelu'"),
        ({"mm_resampler_type": "perceiver"}, "resampler"),
        ({**TILED, "image_grid_pinpoints": [[28, 10**7]]}, "image_grid_pinpoints"),
        ({"mm_vision_select_layer": -9}, "mm_vision_select_layer -9 is none of"),
        ({"mm_vision_select_feature": "cls"}, "mm_vision_select_feature 'cls'"),
    ],
)
def test_settings_of_llama_that_the_mapping_does_not_cover(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(CheckpointError, match=said):
        build_config({**LLAVA_CONFIG, "mm_vision_tower": "clip-tiny", **changes}, NEXT_CONFIG["vision_config"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"device": "gpu0"}, "device=gpu0 is unknown"),
        ({"dtype": "int3"}, "dtype=int3 is unknown"),
        ({"device_map": "everywhere"}, "device_map=everywhere is unknown"),
        ({"device_map": {"": "disk"}}, "disk"),
        ({"device_map": {"lm_head": "cpu"}}, "leaves out some modules"),
        ({"quantization": "3bit"}, "quantization=3bit is unknown"),
        ({"attn_implementation": "made_up"}, "attn_implementation=made_up"),
    ],
)
def test_arguments_that_are_unknown(tiny_next: Tiny, arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(ArgumentError, match=said):
        load_checkpoint(tiny_next.folder, **arguments)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
def test_cuda_asked_for_and_absent(tiny_next: Tiny, device: str) -> None:
    with pytest.raises(ArgumentError, match="no CUDA GPU here; use device=cpu"):
        load_checkpoint(tiny_next.folder, device=device)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
@pytest.mark.parametrize("quantization", ["4bit", "8bit"])
def test_quantization_without_a_gpu_or_bitsandbytes(tiny_next: Tiny, quantization: Any) -> None:
    with pytest.raises(ArgumentError, match=r"critic-eval\[quantized\]"):
        load_checkpoint(tiny_next.folder, quantization=quantization)


def test_convert_refuses_a_full_folder_and_a_converted_source(tiny_next: Tiny, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("keep")
    with pytest.raises(CheckpointError, match="not empty"):
        convert_checkpoint(tiny_next.folder, out)
    assert (out / "mine.txt").read_text() == "keep"
    convert_checkpoint(tiny_next.folder, tmp_path / "good")
    with pytest.raises(CheckpointError, match="transformers' layout already"):
        convert_checkpoint(tmp_path / "good", tmp_path / "again")


def test_a_failed_conversion_leaves_nothing(tiny_next: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from critic_eval.critics.checkpoints import conversion

    def fail(*arguments: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(conversion, "_processor", fail)
    with pytest.raises(OSError, match="disk is full"):
        convert_checkpoint(tiny_next.folder, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []

"""Bases and vision towers of checkpoints that don't hold them, and configs that no one meant to be read."""

from __future__ import annotations

import inspect
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from critic_eval import load_critic
from critic_eval.cli import main
from critic_eval.critics.checkpoints import convert_checkpoint, load_checkpoint
from critic_eval.critics.conversations import Message
from critic_eval.errors import CheckpointError
from critic_eval.lmms.models.llava_critic import LlavaCritic

from .conftest import LLAVA_CONFIG, Tiny, noise
from .families import FAMILIES, MPT_CONFIG, make
from .test_corrupted import Attack

BASE_ROWS = 400


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """A LLaVA v0."""
    return make(FAMILIES["v0"], tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def base(whole: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A language model of random weights, with three rows fewer, in one `.bin` file."""
    folder = tmp_path_factory.mktemp("parts") / "llama"
    folder.mkdir()
    generator = torch.Generator().manual_seed(5)
    tensors = {}
    for name, weight in load_file(whole.folder / "model.safetensors").items():
        if "mm_projector" not in name and "vision_tower" not in name:
            shape = (BASE_ROWS, *weight.shape[1:]) if len(weight) == 403 else weight.shape
            tensors[name] = torch.randn(shape, generator=generator).half().float()
    torch.save(tensors, folder / "pytorch_model.bin")
    (folder / "config.json").write_text(json.dumps({"model_type": "llama", "vocab_size": BASE_ROWS}))
    return folder


@pytest.fixture(scope="module")
def delta(whole: Tiny, base: Path) -> Path:
    """What the base lacks of the whole, in two shards that are cut otherwise than the base."""
    folder = base.parent / "LLaVA-7B-delta-v0"
    shutil.copytree(whole.folder, folder)
    (folder / "model.safetensors").unlink()
    weights, theirs = (
        load_file(whole.folder / "model.safetensors"),
        torch.load(base / "pytorch_model.bin", weights_only=True),
    )
    for name, weight in theirs.items():
        weights[name][: len(weight)] -= weight
    names = sorted(weights)
    mapped: dict[str, str] = {}
    for number, part in enumerate((names[::2], names[1::2]), 1):
        file = f"model-{number:05d}-of-00002.safetensors"
        save_file({name: weights[name] for name in part}, folder / file)
        mapped |= dict.fromkeys(part, file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": mapped}))
    return folder


def test_a_delta_and_its_base_give_the_whole(whole: Tiny, delta: Path, base: Path) -> None:
    ours, theirs = load_checkpoint(delta, base=base).model, load_checkpoint(whole.folder).model
    for name, weight in theirs.named_parameters():
        torch.testing.assert_close(ours.get_parameter(name), weight, atol=1e-5, rtol=1e-5)


def test_sums_are_rounded_as_the_delta_is_stored(whole: Tiny, delta: Path, base: Path, tmp_path: Path) -> None:
    # LLaVA's apply_delta adds in float16; a sum in float32 would differ from the released one in its last bit.
    folder = Path(shutil.copytree(delta, tmp_path / "half-delta"))
    expected: dict[str, torch.Tensor] = {}
    theirs = torch.load(base / "pytorch_model.bin", weights_only=True)
    for file in folder.glob("*.safetensors"):
        tensors = {name: tensor.half() for name, tensor in load_file(file).items()}
        save_file(tensors, file)
        expected |= tensors
    model = load_checkpoint(folder, base=base).model
    name = "model.layers.0.mlp.up_proj.weight"
    released = (expected[name] + theirs[name].half()).float()
    assert torch.equal(model.model.language_model.layers[0].mlp.up_proj.weight, released)


def test_a_delta_without_its_base_is_refused_by_its_name(delta: Path) -> None:
    with pytest.raises(CheckpointError, match=r"LLaVA-7B-delta-v0 is a delta by its name.*give base=FOLDER"):
        load_checkpoint(delta)


def change_base(folder: Path, change: Any) -> None:
    tensors = torch.load(folder / "pytorch_model.bin", weights_only=True)
    change(tensors)
    torch.save(tensors, folder / "pytorch_model.bin")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda tensors: tensors.pop("model.norm.weight"), "lacks model.norm.weight; give the base from which"),
        (lambda tensors: tensors.update({"model.norm.weight": torch.zeros(3)}), "of shape [3], which doesn't fit"),
        (lambda tensors: tensors.update({"lm_head.weight": torch.zeros(999, 32)}), "of shape [999, 32]"),
        (lambda tensors: tensors.update({"lm_head.weight": torch.zeros(400, 8)}), "of shape [400, 8]"),
        (lambda tensors: tensors.update({"lm_head.weight": torch.tensor(1.0)}), "of shape []"),
    ],
)
def test_another_base_is_refused(delta: Path, base: Path, tmp_path: Path, change: Any, said: str) -> None:
    other = Path(shutil.copytree(base, tmp_path / "other"))
    change_base(other, change)
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(delta, base=other)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_base_with_code_never_runs_it(delta: Path, base: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(base, tmp_path / "other"))
    torch.save({"lm_head.weight": Attack(tmp_path / "trace")}, other / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match="holds code that loading it would run"):
        load_checkpoint(delta, base=other)
    assert not (tmp_path / "trace").exists()


def test_a_base_is_part_of_the_identity(delta: Path, base: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(base, tmp_path / "other"))
    change_base(other, lambda tensors: tensors["model.norm.weight"].add_(1))
    found = [load_checkpoint(delta, base=folder, weights=False).identity["base"] for folder in (base, other, base)]
    assert found[0] == found[2] != found[1]


@pytest.fixture(scope="module")
def without_tower(whole: Tiny, base: Path) -> tuple[Path, Path]:
    """The checkpoint without its vision tower, and that tower in a folder of its own."""
    folder, tower = base.parent / "frozen", base.parent / "tower"
    shutil.copytree(whole.folder, folder)
    weights = load_file(folder / "model.safetensors")
    save_file({n: w for n, w in weights.items() if "vision_tower" not in n}, folder / "model.safetensors")
    config = json.loads((folder / "config.json").read_text())
    del config["vision_config"]
    (folder / "config.json").write_text(json.dumps({**config, "mm_vision_tower": "openai/clip-not-known"}))
    whole.model.model.vision_tower.save_pretrained(tower)
    return folder, tower


def test_a_tower_apart_gives_its_weights_and_sizes(
    without_tower: tuple[Path, Path], whole: Tiny, tmp_path: Path
) -> None:
    folder, tower = without_tower
    convert_checkpoint(folder, tmp_path / "out", vision_tower=tower)
    for checkpoint in (load_checkpoint(folder, vision_tower=tower), load_checkpoint(tmp_path / "out")):
        for name, weight in whole.model.model.vision_tower.named_parameters():
            assert torch.equal(checkpoint.model.model.vision_tower.get_parameter(name), weight)


def test_a_tower_is_part_of_the_identity(without_tower: tuple[Path, Path], tmp_path: Path) -> None:
    folder, tower = without_tower
    other = Path(shutil.copytree(tower, tmp_path / "other"))
    weights = load_file(other / "model.safetensors")
    save_file({name: weight + 1 for name, weight in weights.items()}, other / "model.safetensors", {"format": "pt"})
    found = [
        load_checkpoint(folder, vision_tower=path, weights=False).identity["vision_tower"] for path in (tower, other)
    ]
    assert found[0] != found[1]


def test_the_command_and_the_api_take_all_parts(
    without_tower: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, tower = without_tower
    main(["convert", str(folder), str(tmp_path / "out"), "--vision-tower", str(tower), "--conversation", "vicuna_v1"])
    assert "wrote" in capsys.readouterr().out
    converted = load_checkpoint(tmp_path / "out")
    assert converted.encoder.render([Message("user", ("Which?",))]).endswith("USER: Which? ASSISTANT:")
    critic = load_critic(folder, vision_tower=tower, conversation="vicuna_v1", device="cpu", max_new_tokens=3)
    assert critic.score(noise(28, 28), "What is shown?", "A cross.").text is not None
    named = inspect.signature(LlavaCritic).parameters
    assert {"base", "vision_tower", "conversation", "adapter", "merge_adapter"} <= set(named)


@pytest.mark.parametrize("damage", ["no config", "config is a list", "no weights", "other sizes", "absent"])
def test_a_damaged_tower_is_refused_in_one_sentence(
    without_tower: tuple[Path, Path], tmp_path: Path, damage: str
) -> None:
    folder, tower = without_tower[0], Path(shutil.copytree(without_tower[1], tmp_path / "tower"))
    config = tower / "config.json"
    if damage == "no config":
        config.unlink()
    elif damage == "config is a list":
        config.write_text("[]")
    elif damage == "no weights":
        (tower / "model.safetensors").unlink()
    elif damage == "other sizes":
        config.write_text(json.dumps({**json.loads(config.read_text()), "hidden_size": 48}))
    else:
        shutil.rmtree(tower)
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(folder, vision_tower=tower)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


JUNK_FAMILIES = ("v0", "1.6", "MPT")
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(["linear", "anyres", "spatial_unpad", "clip", "siglip", "LlavaMptForCausalLM", "patch", "pad"])
KEYS = sorted(
    {
        *LLAVA_CONFIG,
        *MPT_CONFIG,
        "mm_use_im_start_end",
        "mm_patch_merge_type",
        "image_grid_pinpoints",
        "mm_vision_tower",
    }
    | {"vision_config", "mm_resampler_type", "rope_scaling", "sliding_window", "head_dim", "tie_word_embeddings"}
)


@given(
    changes=st.dictionaries(st.sampled_from(KEYS), JUNK | NAMES | st.lists(NAMES, max_size=2), min_size=1, max_size=3)
)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("name", JUNK_FAMILIES)
def test_a_config_of_junk_loads_or_is_refused_in_one_sentence(
    name: str, changes: dict[str, Any], junk_folders: dict[str, Path]
) -> None:
    folder = junk_folders[name]
    original = json.loads((folder / "whole.txt").read_text())
    (folder / "config.json").write_text(json.dumps({**original, **changes}))
    try:
        load_checkpoint(folder, weights=False)
    except CheckpointError as error:
        assert str(error).endswith(".")  # noqa: PT017
        assert "\n" not in str(error)  # noqa: PT017


@pytest.fixture(scope="module")
def junk_folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Checkpoints whose config may be overwritten, and is kept beside."""
    folders = {name: make(FAMILIES[name], tmp_path_factory.mktemp("junk")).folder for name in JUNK_FAMILIES}
    for folder in folders.values():
        shutil.copy(folder / "config.json", folder / "whole.txt")
    return folders

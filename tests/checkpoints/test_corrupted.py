"""Damaged and hostile checkpoints: each ends in one clear sentence, runs no code, and takes no memory."""

from __future__ import annotations

import json
import pickle
import resource
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from critic_eval.critics.checkpoints import convert_checkpoint, load_checkpoint
from critic_eval.critics.embedded import resolve_pretrained
from critic_eval.errors import CheckpointError

from .conftest import Tiny

Change = Callable[[Path], None]


def config(**changes: Any) -> Change:
    def change(folder: Path) -> None:
        file = folder / "config.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))

    return change


def vision(**changes: Any) -> Change:
    def change(folder: Path) -> None:
        file = folder / "config.json"
        content = json.loads(file.read_text())
        file.write_text(json.dumps({**content, "vision_config": {**content["vision_config"], **changes}}))

    return change


def without(key: str) -> Change:
    def change(folder: Path) -> None:
        file = folder / "config.json"
        content = json.loads(file.read_text())
        del content[key]
        file.write_text(json.dumps(content))

    return change


def content(name: str, data: bytes) -> Change:
    def change(folder: Path) -> None:
        (folder / name).write_bytes(data)

    return change


def cut(name: str, share: float) -> Change:
    def change(folder: Path) -> None:
        data = (folder / name).read_bytes()
        (folder / name).write_bytes(data[: int(len(data) * share)])

    return change


def index(weight_map: Any) -> Change:
    """An index instead of the one file, which goes beside the folder."""

    def change(folder: Path) -> None:
        (folder / "model.safetensors").rename(folder.parent / "outside.safetensors")
        (folder / "link.safetensors").symlink_to(folder.parent / "outside.safetensors")
        mapped = weight_map(folder) if callable(weight_map) else weight_map
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": mapped}))

    return change


def folder_named(name: str) -> Change:
    def change(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        (folder / name).mkdir()

    return change


def tokenizer(**changes: Any) -> Change:
    def change(folder: Path) -> None:
        file = folder / "tokenizer.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))

    return change


def image_token_far_away(folder: Path) -> None:
    file = folder / "tokenizer.json"
    tokens = json.loads(file.read_text())
    tokens["model"]["vocab"]["<image>"] = 10**9
    tokens["added_tokens"] = [token for token in tokens["added_tokens"] if token["content"] != "<image>"]
    file.write_text(json.dumps(tokens))


def terabytes(folder: Path) -> None:
    header = b'{"a": {"dtype": "F32", "shape": [1000000, 1000000], "data_offsets": [0, 4000000000000]}}'
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + b"\0" * 64)


def other_tensors(folder: Path) -> None:
    save_file({"weight": torch.zeros(3)}, folder / "model.safetensors")


def single_rows(folder: Path) -> None:
    file = folder / "model.safetensors"
    save_file({name: tensor[:1].contiguous() for name, tensor in load_file(file).items()}, file)


NO_SIZES: tuple[Any, ...] = (-1, 0, 1.5, "128", "many", [128], {}, True, 10**6, 10**9, 10**30)

CORRUPTED: dict[str, Change] = {
    "config: empty": content("config.json", b""),
    "config: half": cut("config.json", 0.5),
    "config: a list": content("config.json", b"[1]"),
    "config: bytes": content("config.json", b"\xff\xfe\x00\x80"),
    "config: deep": content("config.json", b"[" * 100_000),
    "config: a folder": folder_named("config.json"),
    "config: empty object": content("config.json", b"{}"),
    "config: architectures is a number": config(architectures=7),
    "config: architectures holds null": config(architectures=[None]),
    "config: model_type is a list": config(architectures=[], model_type=["llava"]),
    **{f"config: without {key}": without(key) for key in ("vocab_size", "hidden_size", "intermediate_size")},
    "config: without layers": without("num_hidden_layers"),
    "config: without heads": without("num_attention_heads"),
    **{f"config: hidden_size {value!r}": config(hidden_size=value) for value in NO_SIZES},
    "config: hidden_size of other weights": config(hidden_size=132),
    "config: vocab_size -5": config(vocab_size=-5),
    "config: vocab_size 10^9": config(vocab_size=10**9),
    "config: layers -1": config(num_hidden_layers=-1),
    "config: layers 10^8": config(num_hidden_layers=10**8),
    "config: intermediate_size 10^9": config(intermediate_size=10**9),
    "config: heads 7": config(num_attention_heads=7),
    "config: key-value heads 3": config(num_key_value_heads=3),
    "config: unknown activation": config(hidden_act="no_such"),
    "config: rope_theta text": config(rope_theta="ten"),
    "config: rope_scaling text": config(rope_scaling="linear"),
    "config: rope_scaling unknown": config(rope_scaling={"type": "no_such", "factor": 2}),
    "config: eps text": config(rms_norm_eps="small"),
    "config: eos_token_id text": config(eos_token_id="end"),
    "config: pinpoints of words": config(image_grid_pinpoints=["a", "b"]),
    "config: pinpoints of triples": config(image_grid_pinpoints=[[1, 2, 3]]),
    "config: pinpoints number": config(image_grid_pinpoints=5),
    "config: projector list": config(mm_projector_type=["mlp2x_gelu"]),
    "config: tower number": config(mm_vision_tower=7, vision_config=None),
    "config: vision_config text": config(vision_config="siglip"),
    "config: vision_config empty": config(vision_config={}),
    "vision: patch_size 0": vision(patch_size=0),
    "vision: image_size -1": vision(image_size=-1),
    "vision: image_size 10^8": vision(image_size=10**8),
    "vision: layers 10^8": vision(num_hidden_layers=10**8),
    "vision: hidden_size 10^7": vision(hidden_size=10**7),
    "vision: heads text": vision(num_attention_heads="four"),
    "vision: heads 7": vision(num_attention_heads=7),
    "weights: empty": content("model.safetensors", b""),
    "weights: half": cut("model.safetensors", 0.5),
    "weights: header of 2^63 bytes": content("model.safetensors", b"\xff" * 7 + b"\x7f" + b"{}"),
    "weights: header is not JSON": content("model.safetensors", (8).to_bytes(8, "little") + b"not json"),
    "weights: terabytes promised": terabytes,
    "weights: an HTML page": content("model.safetensors", b"<!DOCTYPE html><title>404</title>"),
    "weights: a pointer of Git LFS": content("model.safetensors", b"version https://git-lfs.github.com/spec/v1\n"),
    "weights: a folder": folder_named("model.safetensors"),
    "weights: other tensors": other_tensors,
    "weights: one row of each": single_rows,
    "index: empty": index({}),
    "index: a list": index([]),
    "index: numbers": index({"a": 1}),
    "index: nested": index({"a": {"b": "c"}}),
    "index: absent shard": index({"a": "absent.safetensors"}),
    "index: ..": index({"a": "../outside.safetensors"}),
    "index: absolute": index(lambda folder: {"a": str(folder.parent / "outside.safetensors")}),
    "index: a link": index({"a": "link.safetensors"}),
    "index: a zero byte": index({"a": "a\0.safetensors"}),
    "index: a long name": index({"a": "a" * 5000}),
    "index: its own folder": index({"a": "."}),
    "index: no JSON": lambda folder: (index({})(folder), content("model.safetensors.index.json", b"{")(folder))[0],
    "tokenizer: empty": content("tokenizer.json", b""),
    "tokenizer: half": cut("tokenizer.json", 0.5),
    "tokenizer: empty object": content("tokenizer.json", b"{}"),
    "tokenizer: unknown model": tokenizer(model={"type": "NoSuch"}),
    "tokenizer: no vocabulary": tokenizer(model={"type": "BPE", "vocab": {}, "merges": []}),
    "tokenizer: merges of nothing": tokenizer(model={"type": "BPE", "vocab": {"a": 0}, "merges": ["x y"]}),
    "tokenizer: <image> at 10^9": image_token_far_away,
    "tokenizer_config: a list": content("tokenizer_config.json", b"[]"),
    "generation_config: no JSON": content("generation_config.json", b"{"),
    "generation_config: eos of words": content("generation_config.json", b'{"eos_token_id": ["a"]}'),
}


@pytest.fixture(scope="session", autouse=True)
def _imports_are_over() -> None:
    load_checkpoint(resolve_pretrained("digits"))


def refused(folder: Path) -> str:
    """The one sentence with which it is refused, for which no memory was taken."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(folder)
    said = str(caught.value)
    assert said.endswith(".")
    assert "\n" not in said
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB
    return said


@pytest.mark.parametrize("name", CORRUPTED)
def test_a_corrupted_checkpoint_is_refused_in_one_sentence(name: str, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(resolve_pretrained("digits"), tmp_path / "critic"))
    CORRUPTED[name](folder)
    said = refused(folder)
    if name in ("index: ..", "index: absolute", "index: a link"):
        assert "leads out of its folder" in said


@pytest.fixture(scope="session")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("converted") / "critic"
    convert_checkpoint(resolve_pretrained("digits"), folder)
    return folder


LAYOUT: dict[str, Change] = {
    "no vision_config": without("vision_config"),
    "text_config is a list": config(text_config=[]),
    "text_config is text": config(text_config="qwen2"),
    "text_config of another kind": config(text_config={"model_type": "no_such"}),
    "image token is text": config(image_token_index="x", image_token_id="x"),
    "model_type unknown": config(model_type="no_such"),
    "hidden_size 10^6": vision(hidden_size=10**6),
    "weights of 100 bytes": cut("model.safetensors", 0.0001),
    "no weights": lambda folder: (folder / "model.safetensors").unlink(),
    "processor is not JSON": content("processor_config.json", b"{"),
    "tokenizer half": cut("tokenizer.json", 0.5),
    "generation_config is not JSON": content("generation_config.json", b"{"),
}


@pytest.mark.parametrize("name", LAYOUT)
def test_a_corrupted_checkpoint_in_transformers_layout_is_refused_too(
    name: str, converted: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(converted, tmp_path / "critic"))
    LAYOUT[name](folder)
    refused(folder)


class Attack:
    """A pickle of it makes a file when it is loaded."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.trace,))


def zipped(value: Any, file: Path) -> None:
    torch.save(value, file)


def older(value: Any, file: Path) -> None:
    torch.save(value, file, _use_new_zipfile_serialization=False)


def plain(value: Any, file: Path) -> None:
    file.write_bytes(pickle.dumps(value))


@pytest.mark.parametrize("save", [zipped, older, plain])
@pytest.mark.parametrize("deep", [False, True])
def test_a_pickle_with_code_is_called_that_and_never_runs(
    save: Callable[[Any, Path], None], deep: bool, tiny_llava: Tiny, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(tiny_llava.folder, tmp_path / "critic"))
    attack = Attack(tmp_path / "trace")
    value = {"state_dict": {"lm_head.weight": [attack]}} if deep else {"lm_head.weight": attack}
    save(value, folder / "pytorch_model-00001-of-00002.bin")
    said = refused(folder)
    assert "pytorch_model-00001-of-00002.bin holds code that loading it would run (" in said
    assert not (tmp_path / "trace").exists()


def test_a_zip_that_is_no_torch_file_is_damaged(tiny_llava: Tiny, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_llava.folder, tmp_path / "critic"))
    with zipfile.ZipFile(folder / "pytorch_model-00001-of-00002.bin", "w") as archive:
        archive.writestr("data.pkl", b"nothing")
    assert "truncated or damaged" in refused(folder)


def test_a_model_that_does_not_fit_in_memory_is_refused_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("critic_eval.critics.checkpoints.sizes.free_memory", lambda: 10**6)
    with pytest.raises(CheckpointError, match=r"takes at least .* GiB, and 0\.0 GiB are free here"):
        load_checkpoint(resolve_pretrained("digits"))
    load_checkpoint(resolve_pretrained("digits"), weights=False)


def test_an_index_of_shards_in_its_folder_and_the_hubs_cache_loads(tmp_path: Path) -> None:
    repository = tmp_path / "models--someone--critic"
    folder = Path(shutil.copytree(resolve_pretrained("digits"), repository / "snapshots" / "0123"))
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    (repository / "blobs").mkdir()
    save_file(weights, repository / "blobs" / "abc")
    (folder / "shard.safetensors").symlink_to(Path("../../blobs/abc"))
    mapped = dict.fromkeys(weights, "shard.safetensors")
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": mapped}))
    load_checkpoint(folder)

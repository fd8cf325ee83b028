"""Oracle: `W + alpha / r * B @ A` by hand in float32, and PEFT itself."""

from __future__ import annotations

import copy
import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from critic_eval.critics.checkpoints import Checkpoint, convert_checkpoint, load_checkpoint
from critic_eval.critics.checkpoints.weight_names import renamer
from critic_eval.errors import ArgumentError, CheckpointError

from .conftest import LLAVA_CONFIG, Tiny, judge, noise, save_sentencepiece_tokenizer
from .test_corrupted import Attack, content, cut

RANK, ALPHA = 3, 6
LAYERS = ["model.layers.0.self_attn.q_proj", "model.layers.1.mlp.down_proj"]
PROJECTOR = "model.mm_projector.0.weight"


@pytest.fixture(scope="module")
def factors(tiny_llava: Tiny) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """For each of LAYERS, A and B."""
    generator = torch.Generator().manual_seed(7)
    rename = renamer(tiny_llava.model)
    made = {}
    for layer in LAYERS:
        outputs, inputs = tiny_llava.model.get_parameter(rename(f"{layer}.weight")).shape
        made[layer] = (
            torch.randn(RANK, inputs, generator=generator) * 0.3,
            torch.randn(outputs, RANK, generator=generator) * 0.3,
        )
    return made


Factors = dict[str, tuple[torch.Tensor, torch.Tensor]]


def write_lora(folder: Path, factors: Factors, suffix: str = "safetensors", **settings: Any) -> Path:
    """An adapter in PEFT's form, by the names of LLaVA's own format."""
    folder.mkdir(exist_ok=True)
    tensors = {}
    for layer, (a, b) in factors.items():
        tensors[f"base_model.model.{layer}.lora_A.weight"] = a
        tensors[f"base_model.model.{layer}.lora_B.weight"] = b
    if suffix == "safetensors":
        save_file(tensors, folder / "adapter_model.safetensors")
    else:
        torch.save(tensors, folder / "adapter_model.bin")
    config = {"peft_type": "LORA", "r": RANK, "lora_alpha": ALPHA, "target_modules": ["q_proj", "down_proj"]}
    (folder / "adapter_config.json").write_text(json.dumps({**config, **settings}))
    return folder


def changed(tiny: Tiny, factors: Factors, scales: dict[str, float] | None = None) -> Any:
    """The tiny model with the adapter in its weights, by hand."""
    model, rename = copy.deepcopy(tiny.model), renamer(tiny.model)
    for layer, (a, b) in factors.items():
        with torch.no_grad():
            model.get_parameter(rename(f"{layer}.weight")).add_((scales or {}).get(layer, ALPHA / RANK) * (b @ a))
    return model


def logits(model: Any, checkpoint: Checkpoint, rows: int = LLAVA_CONFIG["vocab_size"]) -> torch.Tensor:
    """What a model says to a prompt as the checkpoint encodes it."""
    encoder = checkpoint.encoder
    batch = encoder.collate([encoder.encode(judge("Which answer is better?", noise(40, 30)))])
    ids = batch["input_ids"]
    batch["input_ids"] = ids.masked_fill(ids == encoder.image_token_id, model.config.image_token_id)
    with torch.no_grad():
        found: torch.Tensor = model(**batch).logits[0, :, :rows]
    return found


def assert_answers_alike(checkpoint: Checkpoint, oracle: Any) -> None:
    torch.testing.assert_close(logits(checkpoint.model, checkpoint), logits(oracle, checkpoint), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("merge", [True, False])
@pytest.mark.parametrize("suffix", ["safetensors", "bin"])
def test_an_adapter_adds_its_product_to_the_weights(
    tiny_llava: Tiny, factors: Factors, tmp_path: Path, merge: bool, suffix: str
) -> None:
    adapter = write_lora(tmp_path / "adapter", factors, suffix)
    checkpoint = load_checkpoint(tiny_llava.folder, adapter=adapter, merge_adapter=merge)
    assert_answers_alike(checkpoint, changed(tiny_llava, factors))
    assert not checkpoint.model.training
    assert not any(weight.requires_grad for weight in checkpoint.model.parameters())
    plain = load_checkpoint(tiny_llava.folder)
    assert (logits(plain.model, plain) - logits(checkpoint.model, checkpoint)).abs().max() > 0.1


@pytest.mark.parametrize(
    ("settings", "scales"),
    [
        ({"use_rslora": True}, dict.fromkeys(LAYERS, ALPHA / math.sqrt(RANK))),
        ({"alpha_pattern": {"q_proj": 12}}, {LAYERS[0]: 12 / RANK, LAYERS[1]: ALPHA / RANK}),
        (
            {"alpha_pattern": {r"^model\.layers\.0\.self_attn\.q_proj": 12}},
            {LAYERS[0]: 12 / RANK, LAYERS[1]: ALPHA / RANK},
        ),
    ],
)
def test_scales_are_those_of_peft(
    tiny_llava: Tiny, factors: Factors, tmp_path: Path, settings: dict[str, Any], scales: dict[str, float]
) -> None:
    adapter = write_lora(tmp_path / "adapter", factors, **settings)
    checkpoint = load_checkpoint(tiny_llava.folder, adapter=adapter)
    assert_answers_alike(checkpoint, changed(tiny_llava, factors, scales))


@pytest.fixture(scope="module")
def converted(tiny_llava: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("converted") / "critic"
    convert_checkpoint(tiny_llava.folder, folder)
    return folder


@pytest.mark.parametrize("merge", [True, False])
def test_an_adapter_that_peft_trained_gives_what_peft_gives(converted: Path, tmp_path: Path, merge: bool) -> None:
    peft = pytest.importorskip("peft")
    from transformers import AutoModelForImageTextToText

    model = AutoModelForImageTextToText.from_pretrained(converted)
    config = peft.LoraConfig(
        r=4,
        lora_alpha=10,
        target_modules=r".*language_model.*\.(v_proj|up_proj)",
        rank_pattern={"up_proj": 2},
        modules_to_save=["lm_head"],
    )
    trained = peft.get_peft_model(model, config).eval()
    with torch.no_grad():
        for name, weight in trained.named_parameters():
            if "lora_" in name or "modules_to_save" in name:
                weight.copy_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(len(name))) * 0.2)
    trained.save_pretrained(tmp_path / "adapter")
    checkpoint = load_checkpoint(converted, adapter=tmp_path / "adapter", merge_adapter=merge)
    assert_answers_alike(checkpoint, trained)


def test_peft_puts_the_same_layers_beside_the_weights(tiny_llava: Tiny, factors: Factors, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    checkpoint = load_checkpoint(tiny_llava.folder, adapter=write_lora(tmp_path / "a", factors), merge_adapter=False)
    kept = [name for name, module in checkpoint.model.named_modules() if type(module).__module__.startswith("peft")]
    assert {name.rpartition(".")[2] for name in kept if name.endswith("_proj")} == {"q_proj", "down_proj"}
    assert type(checkpoint.model) is type(tiny_llava.model)


def test_without_peft_an_adapter_can_only_be_merged(
    tiny_llava: Tiny, factors: Factors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = write_lora(tmp_path / "adapter", factors)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ArgumentError, match=r"pip install 'critic-eval\[adapters\]'"):
        load_checkpoint(tiny_llava.folder, adapter=adapter, merge_adapter=False)


# LLaVA's own forms: a language model alone, and in the adapter's folder the config of the whole with what it lacks.


def write_language_model(tiny: Tiny, folder: Path) -> Path:
    """The language model of a tiny LLaVA-1.5, as a checkpoint of its own."""
    folder.mkdir()
    index = json.loads((tiny.folder / "pytorch_model.bin.index.json").read_text())["weight_map"]
    tensors: dict[str, torch.Tensor] = {}
    for file in set(index.values()):
        tensors |= torch.load(tiny.folder / file, weights_only=True)
    torch.save({name: t for name, t in tensors.items() if "mm_projector" not in name}, folder / "pytorch_model.bin")
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama"}
    kept = {key: value for key, value in LLAVA_CONFIG.items() if not key.startswith(("mm_", "image_"))}
    (folder / "config.json").write_text(json.dumps({**kept, **config}))
    save_sentencepiece_tokenizer(folder)
    return folder


def projector(tiny: Tiny) -> dict[str, torch.Tensor]:
    weights = dict(tiny.model.model.multi_modal_projector.named_parameters())
    names = {"linear_1": "0", "linear_2": "2"}
    return {
        f"model.mm_projector.{names[name.partition('.')[0]]}.{name.partition('.')[2]}": weight.detach().clone()
        for name, weight in weights.items()
    }


@pytest.mark.parametrize("prefix", ["base_model.model.", "base_model.", ""])
def test_llavas_lora_is_put_on_a_language_model(
    tiny_llava: Tiny, factors: Factors, tmp_path: Path, prefix: str
) -> None:
    base = write_language_model(tiny_llava, tmp_path / "vicuna")
    adapter = write_lora(tmp_path / "llava-v1.5-lora", factors, "bin")
    shutil.copy(tiny_llava.folder / "config.json", adapter)
    level = "model." if prefix == "base_model." else ""  # names that begin with model.model. lose one level
    whole = {f"{prefix}{level}{name}": weight for name, weight in projector(tiny_llava).items()}
    torch.save(whole, adapter / "non_lora_trainables.bin")
    checkpoint = load_checkpoint(base, adapter=adapter)
    assert checkpoint.identity["format"] == "llava_1_5"
    assert_answers_alike(checkpoint, changed(tiny_llava, factors))


def test_a_projector_alone_is_put_on_a_language_model(tiny_llava: Tiny, tmp_path: Path) -> None:
    base, adapter = write_language_model(tiny_llava, tmp_path / "vicuna"), tmp_path / "projector"
    adapter.mkdir()
    shutil.copy(tiny_llava.folder / "config.json", adapter)
    torch.save(projector(tiny_llava), adapter / "mm_projector.bin")
    assert_answers_alike(load_checkpoint(base, adapter=adapter), tiny_llava.model)
    with pytest.raises(CheckpointError, match="unknown architecture"):
        load_checkpoint(base)


def test_what_is_trained_in_whole_takes_the_place_of_the_checkpoints(
    tiny_llava: Tiny, factors: Factors, tmp_path: Path
) -> None:
    adapter = write_lora(tmp_path / "adapter", factors)
    replaced = projector(tiny_llava)[PROJECTOR] + 1
    torch.save({f"base_model.model.{PROJECTOR}": replaced}, adapter / "non_lora_trainables.bin")
    model = load_checkpoint(tiny_llava.folder, adapter=adapter).model
    assert torch.equal(model.model.multi_modal_projector.linear_1.weight, replaced)


def test_a_converted_checkpoint_has_its_adapter_in_its_weights(
    tiny_llava: Tiny, factors: Factors, tmp_path: Path
) -> None:
    adapter = write_lora(tmp_path / "adapter", factors)
    convert_checkpoint(tiny_llava.folder, tmp_path / "out", adapter=adapter)
    assert_answers_alike(load_checkpoint(tmp_path / "out"), changed(tiny_llava, factors))


def test_an_adapter_is_part_of_the_identity(tiny_llava: Tiny, factors: Factors, tmp_path: Path) -> None:
    first = write_lora(tmp_path / "first", factors)
    other = write_lora(tmp_path / "other", {layer: (a, b + 1) for layer, (a, b) in factors.items()})
    scaled = write_lora(tmp_path / "scaled", factors, lora_alpha=2 * ALPHA)
    adapters: list[dict[str, Any]] = [{}, {"adapter": first}, {"adapter": other}, {"adapter": scaled}]
    adapters.append({"adapter": first, "merge_adapter": False})
    identities = [load_checkpoint(tiny_llava.folder, weights=False, **given).identity for given in adapters]
    assert len({json.dumps(identity, sort_keys=True) for identity in identities}) == len(adapters)
    assert identities[1] == load_checkpoint(tiny_llava.folder, adapter=str(first)).identity


def drop_factor(folder: Path) -> None:
    tensors = torch.load(folder / "adapter_model.bin", weights_only=True)
    torch.save({name: tensor for name, tensor in tensors.items() if "lora_B" not in name}, folder / "adapter_model.bin")


def with_settings(**settings: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        file = folder / "adapter_config.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), **settings}))

    return change


def with_tensors(make: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        torch.save(make(torch.load(folder / "adapter_model.bin", weights_only=True)), folder / "adapter_model.bin")

    return change


DAMAGED: dict[str, tuple[Callable[[Path], None], str]] = {
    "no weights": (lambda folder: (folder / "adapter_model.bin").unlink(), "no adapter in"),
    "no settings": (lambda folder: (folder / "adapter_config.json").unlink(), "no adapter_config.json"),
    "settings are a list": (content("adapter_config.json", b"[]"), "JSON object"),
    "weights are cut": (cut("adapter_model.bin", 0.5), "truncated or damaged"),
    "alpha by a pattern": (with_settings(alpha_pattern={"(a+)+q": 3}), "alpha_pattern"),
    "not LoRA": (with_settings(peft_type="IA3"), "only LORA is applied"),
    "peft_type is a list": (with_settings(peft_type=["LORA"]), "only LORA is applied"),
    "DoRA": (with_settings(use_dora=True), "use_dora"),
    "PiSSA": (with_settings(init_lora_weights="pissa"), "init_lora_weights"),
    "alpha is text": (with_settings(lora_alpha="many"), "lora_alpha as 'many'"),
    "alpha is infinite": (with_settings(lora_alpha=float("inf")), "lora_alpha as 'inf'"),
    "patterns are a list": (with_settings(alpha_pattern=["q_proj"], lora_alpha=None), "lora_alpha as 'None'"),
    "one factor": (drop_factor, "no pair of matrices"),
    "unknown layer": (
        with_tensors(lambda tensors: {name.replace("layers.0", "layers.99"): t for name, t in tensors.items()}),
        "which the model doesn't have",
    ),
    "other shapes": (
        with_tensors(lambda tensors: {name: t[:, :2] if "lora_A" in name else t for name, t in tensors.items()}),
        "in the shape",
    ),
    "two ranks": (
        with_tensors(lambda tensors: {name: t[:2] if "lora_A" in name else t for name, t in tensors.items()}),
        "two ranks",
    ),
    "another kind of factor": (
        with_tensors(lambda tensors: {**tensors, "base_model.model.x.lora_magnitude_vector": torch.zeros(2)}),
        "a kind of LoRA that is not read",
    ),
    "a list instead of tensors": (with_tensors(lambda tensors: [1, 2]), "not named tensors"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_adapter_is_refused_in_one_sentence(
    tiny_llava: Tiny, factors: Factors, tmp_path: Path, name: str
) -> None:
    adapter = write_lora(tmp_path / "adapter", factors, "bin")
    damage, said = DAMAGED[name]
    damage(adapter)
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(tiny_llava.folder, adapter=adapter)
    assert said in str(caught.value)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("file", ["adapter_model.bin", "non_lora_trainables.bin"])
def test_an_adapter_with_code_never_runs_it(tiny_llava: Tiny, factors: Factors, tmp_path: Path, file: str) -> None:
    adapter = write_lora(tmp_path / "adapter", factors, "bin")
    torch.save({"lm_head.weight": Attack(tmp_path / "trace")}, adapter / file)
    with pytest.raises(CheckpointError, match=f"{file} holds code that loading it would run"):
        load_checkpoint(tiny_llava.folder, adapter=adapter)
    assert not (tmp_path / "trace").exists()

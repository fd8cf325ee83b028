"""Adapters: what was trained on top of a checkpoint, opened and checked.

Three forms are read: PEFT's LoRA (`adapter_config.json` with `adapter_model.safetensors` or `.bin`); LLaVA's own, which
puts what was trained in whole beside it (`non_lora_trainables.bin`); and LLaVA's projector alone (`mm_projector.bin`).
LLaVA's own two bring the config of the whole model, whose language model is then `pretrained`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from critic_eval.critics.checkpoints.kinds import language_model_of
from critic_eval.critics.checkpoints.shards import check_whole, digest, open_shard
from critic_eval.critics.checkpoints.sources import fetch, read_json
from critic_eval.errors import CheckpointError

_LORA = ("adapter_model.safetensors", "adapter_model.bin")
_WHOLE = ("non_lora_trainables.bin", "mm_projector.bin")
_PICKLED = ("adapter_model.bin", *_WHOLE)
# Kinds of LoRA that compute something else than W + scale B A.
_OTHER_LORA = (
    *("use_dora", "lora_bias", "fan_in_fan_out", "layer_replication", "trainable_token_indices", "target_parameters"),
    *("alora_invocation_tokens", "use_qalora", "use_bdlora", "arrow_config", "megatron_config"),
    *("velora_config", "monteclora_config", "kasa_config"),
)
# Ways to begin that leave the weights of the layers as they are; others take a part of them into the adapter.
_PLAIN_BEGINNINGS = (None, True, False, "gaussian", "eva", "orthogonal")
_FACTOR = re.compile(r"(?P<module>.+)\.lora_(?P<side>[AB])(?:\.default)?\.weight$")


@dataclass(frozen=True)
class LowRank:
    """The change of one linear layer: its weight plus `scale * B @ A`.

    Attributes:
        a: of shape (rank, inputs).
        b: of shape (outputs, rank).
        scale: of the product.
    """

    a: torch.Tensor
    b: torch.Tensor
    scale: float


@dataclass(frozen=True)
class Adapter:
    """An adapter on this machine.

    Attributes:
        name: the hub id, or the folder's name.
        folder: where its files are.
        files: its weight files; those of LoRA first.
        settings: PEFT's `adapter_config.json`, empty where there is none.
        llava_config: the config of the whole model that LLaVA's own forms bring, or None.
    """

    name: str
    folder: Path
    files: list[Path]
    settings: dict[str, Any]
    llava_config: dict[str, Any] | None

    def digest(self) -> str:
        """Hash its settings and weights, as `shards.digest` does."""
        settings = [self.folder / name for name in ("adapter_config.json", "config.json")]
        first, *others = [file for file in settings if file.is_file()]
        return digest(first, [*others, *self.files])

    def low_rank(self) -> dict[str, LowRank]:
        """Read the changes of linear layers, by the layer's name when the adapter was trained.

        Raises:
            CheckpointError: a file can't be read, or a factor lacks its other.
        """
        factors: dict[str, dict[str, torch.Tensor]] = {}
        for name, tensor in self._tensors():
            if match := _FACTOR.fullmatch(name):
                factors.setdefault(match["module"], {})[match["side"]] = tensor.clone()
        return {module: self._low_rank(module, sides) for module, sides in factors.items()}

    def whole_weights(self) -> Iterator[tuple[str, torch.Tensor]]:
        """Give the weights that it holds in whole, by name, such as a projector's.

        Raises:
            CheckpointError: a file can't be read, or holds what is neither a weight nor a factor of LoRA.
        """
        for name, tensor in self._tensors():
            if _FACTOR.fullmatch(name):
                continue
            if "lora_" in name:
                raise CheckpointError(f"The adapter {self.name} holds {name[:100]}, a kind of LoRA that is not read.")
            yield re.sub(r"\.(modules_to_save|base_layer)(\.default)?\.", ".", name), tensor

    def _tensors(self) -> Iterator[tuple[str, torch.Tensor]]:
        for file in self.files:
            with open_shard(file) as tensors:
                # LLaVA's trainer may leave the wrapper's level in the names where it takes PEFT's off.
                inner = any(name.startswith("model.model.") for name in tensors)
                for name in tensors:
                    bare = name.removeprefix("base_model.model.")
                    yield bare.removeprefix("model.") if inner and bare == name else bare, tensors[name]

    def _low_rank(self, module: str, sides: dict[str, torch.Tensor]) -> LowRank:
        if set(sides) != {"A", "B"} or any(side.dim() != 2 for side in sides.values()):
            raise CheckpointError(f"The adapter {self.name} has no pair of matrices for {module[:100]}.")
        rank = sides["A"].shape[0]
        if rank != sides["B"].shape[1]:
            raise CheckpointError(f"The adapter {self.name} has matrices of two ranks for {module[:100]}.")
        alpha = self._by_pattern("alpha_pattern", module, self.settings.get("lora_alpha", 8))
        if not isinstance(alpha, int | float) or not math.isfinite(alpha):
            raise CheckpointError(f"The adapter_config.json of {self.name} gives lora_alpha as {str(alpha)[:40]!r}.")
        root = math.sqrt(rank) if self.settings.get("use_rslora") else rank
        return LowRank(sides["A"], sides["B"], alpha / root)

    def _by_pattern(self, setting: str, module: str, otherwise: Any) -> Any:
        """What a setting by name gives a module: that of the first name which is its own or the end of it.

        PEFT reads these names as patterns; those of a stranger are not run here.
        """
        patterns = self.settings.get(setting)
        for pattern, value in (patterns if isinstance(patterns, dict) else {}).items():
            name = pattern.removeprefix("^").removesuffix("$").replace("\\.", ".")
            if not re.fullmatch(r"[\w.]+", name):
                raise CheckpointError(f"The adapter {self.name} has a pattern in {setting} that is no name of a layer.")
            if module == name or (not pattern.startswith("^") and module.endswith(f".{name}")):
                return value
        return otherwise


def open_adapter(adapter: str | Path) -> Adapter:
    """Find an adapter in a folder or on the hub, and check that it is of a form that can be applied.

    Raises:
        CheckpointError: it can't be found, is damaged, or is not one of LoRA or of LLaVA's own.
    """
    folder, name, _ = fetch(adapter, pickled=_PICKLED)
    lora = [folder / file for file in _LORA if (folder / file).is_file()][:1]
    whole = [folder / file for file in _WHOLE if (folder / file).is_file()][:1]
    if not lora and not whole:
        raise CheckpointError(
            f"There is no adapter in {name}: expected {', '.join((*_LORA, *_WHOLE))}; give the folder that was trained."
        )
    settings = {}
    if lora:
        if not (folder / "adapter_config.json").is_file():
            raise CheckpointError(f"The adapter {name} has no adapter_config.json; download it again.")
        settings = read_json(folder / "adapter_config.json")
        _check_settings(settings, name)
    config = read_json(folder / "config.json") if (folder / "config.json").is_file() else None
    if not lora and config is None:
        raise CheckpointError(f"The projector in {name} has no config.json beside it, which says of what model it is.")
    for file in (*lora, *whole):
        check_whole(file)
    return Adapter(name, folder, [*lora, *whole], settings, config if _is_llava(config) else None)


def _check_settings(settings: dict[str, Any], name: str) -> None:
    if (kind := settings.get("peft_type", "LORA")) != "LORA":
        raise CheckpointError(f"The adapter {name} is of the kind {str(kind)[:40]!r}, and only LORA is applied.")
    others = [key for key in _OTHER_LORA if settings.get(key)]
    if settings.get("init_lora_weights") not in _PLAIN_BEGINNINGS:
        others.append("init_lora_weights")
    if others:
        raise CheckpointError(
            f"The adapter {name} asks for {', '.join(others)}, which is not applied here; merge it into its checkpoint "
            "with peft (merge_and_unload), and load the result."
        )


def _is_llava(config: dict[str, Any] | None) -> bool:
    if config is None:
        return False
    architectures = config.get("architectures") or []
    named = [str(architecture) for architecture in architectures] if isinstance(architectures, list) else []
    return language_model_of(config, named) is not None

"""Where a model's weights go, and in which type."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from critic_eval.critics.checkpoints.shards import open_shard
from critic_eval.errors import ArgumentError

Quantization = Literal["4bit", "8bit"]
DeviceMap = str | dict[str, Any] | None

_DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
_AUTOMATIC_MAPS = ("auto", "balanced", "balanced_low_0", "sequential")


@dataclass(frozen=True)
class Placement:
    """Where and how weights are put: checked arguments of `load_checkpoint`."""

    device: torch.device
    device_map: DeviceMap
    dtype: torch.dtype
    attn_implementation: str | None = None
    quantization: Quantization | None = None

    @property
    def spread(self) -> str | dict[str, Any]:
        """The device map, or the one device as a map."""
        return self.device_map if self.device_map is not None else {"": self.device}

    @property
    def is_empty(self) -> bool:
        """Whether the model is to stay without weights."""
        return self.device.type == "meta"

    def arguments(self) -> dict[str, Any]:
        """Give the arguments of transformers' `from_pretrained` that say the same."""
        chosen = {"attn_implementation": self.attn_implementation} if self.attn_implementation else {}
        quantized = quantization_settings(self.quantization, self.dtype)
        return {"dtype": self.dtype, "device_map": self.spread, **quantized, **chosen}


def check_device(device: str) -> torch.device:
    """Give the torch device of that name.

    Raises:
        ArgumentError: the name is unknown, or this machine has no such device.
    """
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise ArgumentError(f"device={device} is unknown; use cpu, cuda or cuda:N.") from error
    if chosen.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if count == 0:
            raise ArgumentError(f"device={device} was asked for, but there is no CUDA GPU here; use device=cpu.")
        if (chosen.index or 0) >= count:
            raise ArgumentError(f"device={device} was asked for, but the last GPU here is cuda:{count - 1}.")
    if chosen.type == "mps" and not torch.backends.mps.is_available():
        raise ArgumentError(f"device={device} was asked for, but it is not available here; use device=cpu.")
    return chosen


def check_quantization(quantization: Quantization | None) -> None:
    """Raise `ArgumentError` if quantization is unknown, or bitsandbytes or a GPU is absent."""
    if quantization is None:
        return
    if quantization not in ("4bit", "8bit"):
        raise ArgumentError(f"quantization={quantization} is unknown; use 4bit or 8bit.")
    if importlib.util.find_spec("bitsandbytes") is None:
        raise ArgumentError(f"Loading in {quantization} needs bitsandbytes: pip install 'critic-eval[quantized]'.")
    if not torch.cuda.is_available():
        raise ArgumentError(
            f"Loading in {quantization} needs a CUDA GPU (and critic-eval[quantized]); load without quantization here."
        )


def quantization_settings(quantization: Quantization | None, dtype: torch.dtype) -> dict[str, Any]:
    """Give the arguments of `from_pretrained` that quantize the language model; what sees stays as it is."""
    if quantization is None:
        return {}
    from transformers import BitsAndBytesConfig

    kept = ["lm_head", "score", "model.vision_tower", "model.multi_modal_projector", "model.visual"]
    if quantization == "8bit":
        return {"quantization_config": BitsAndBytesConfig(load_in_8bit=True, llm_int8_skip_modules=kept)}
    settings = {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_compute_dtype": dtype}
    return {"quantization_config": BitsAndBytesConfig(**settings, llm_int8_skip_modules=kept)}


def check_device_map(device_map: DeviceMap) -> None:
    """Raise `ArgumentError` if a device map is of no known kind, or names a device that is absent."""
    if isinstance(device_map, str) and device_map not in _AUTOMATIC_MAPS:
        raise ArgumentError(f"device_map={device_map} is unknown; use one of {', '.join(_AUTOMATIC_MAPS)} or a dict.")
    for target in device_map.values() if isinstance(device_map, dict) else ():
        if target == "disk":
            raise ArgumentError("A device_map that puts weights on disk is not supported; use CPU or GPUs.")
        check_device(f"cuda:{target}" if isinstance(target, int) else str(target))


def choose_dtype(name: str, config: dict[str, Any], files: list[Path], *, on_cpu: bool) -> torch.dtype:
    """Give the type of the weights in memory.

    `auto` is the checkpoint's own type on an accelerator; on a CPU it is float32, since half precision is slow there,
    less exact than the reference, and for some operations absent. Pass `bfloat16` to halve the memory on a CPU.

    Raises:
        ArgumentError: the name is unknown.
    """
    if name != "auto":
        if name not in _DTYPES:
            raise ArgumentError(f"dtype={name} is unknown; use auto, {', '.join(_DTYPES)}.")
        return _DTYPES[name]
    return torch.float32 if on_cpu else stored_dtype(config, files)


def stored_dtype(config: dict[str, Any], files: list[Path]) -> torch.dtype:
    """Give the type that a checkpoint's config states, or else that of its first floating-point tensor."""
    stated = config.get("torch_dtype") or config.get("dtype")
    if stated in _DTYPES:
        return _DTYPES[str(stated)]
    for file in files:
        with open_shard(file) as tensors:
            for name in tensors:
                if (tensor := tensors[name]).is_floating_point():
                    return tensor.dtype if tensor.dtype in _DTYPES.values() else torch.float32
    return torch.float32


def resolve_device_map(model: Any, device_map: str | dict[str, Any], dtype: torch.dtype) -> dict[str, Any]:
    """Spread an empty model's modules over the devices here, or complete the map that was given."""
    if isinstance(device_map, dict):
        return device_map
    from accelerate import infer_auto_device_map
    from accelerate.utils import get_balanced_memory

    whole = sorted({name for module in model.modules() for name in getattr(module, "_no_split_modules", None) or ()})
    limits = None
    if device_map != "sequential":
        low_zero = device_map == "balanced_low_0"
        limits = get_balanced_memory(model, dtype=dtype, low_zero=low_zero, no_split_module_classes=whole)
    placed: dict[str, Any] = infer_auto_device_map(model, max_memory=limits, no_split_module_classes=whole, dtype=dtype)
    if "disk" in placed.values():
        raise ArgumentError("The model does not fit in this machine's GPUs and memory; use a smaller dtype or 4bit.")
    return placed


def device_of(device_map: dict[str, Any]) -> Callable[[str], Any]:
    """Give the function from a parameter's name to its device: that of the longest module name that contains it.

    Example:
        >>> device_of({"model": 0, "model.layers.1": "cpu"})("model.layers.1.weight")
        'cpu'
    """

    def find(name: str) -> Any:
        while name and name not in device_map:
            name = name.rpartition(".")[0]
        if name not in device_map:
            raise ArgumentError("The device_map leaves out some modules; add the entry '' for the rest.")
        return device_map[name]

    return find

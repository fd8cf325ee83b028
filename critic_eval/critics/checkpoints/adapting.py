"""Adapters put on a loaded model: merged into its weights, or beside them with PEFT."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Iterator
from typing import Any

import torch

from critic_eval.critics.checkpoints.adapters import Adapter, LowRank
from critic_eval.critics.checkpoints.weight_names import is_computed, layout_renamer, renamer
from critic_eval.critics.checkpoints.weights import WITH_VOCABULARY
from critic_eval.errors import ArgumentError, CheckpointError

_LLAVA = ("llava", "llava_next", "llava_onevision")


def check_can_stay_apart() -> None:
    """Raise `ArgumentError` if PEFT is absent, which an adapter that is not merged needs."""
    if importlib.util.find_spec("peft") is None:
        raise ArgumentError("merge_adapter=False needs peft: pip install 'critic-eval[adapters]'.")


def apply_adapter(model: Any, adapter: Adapter, *, merge: bool) -> None:
    """Put an adapter on a model whose weights are loaded.

    A merged layer has the weight `W + scale * B @ A`, computed in float32 and rounded once to the model's type. What
    the adapter holds in whole takes the place of the model's.

    Args:
        model: of transformers.
        adapter: its names may be those of LLaVA's own format, of any version of transformers' layout, or the model's.
        merge: into the weights; otherwise the layers compute both, with PEFT.

    Raises:
        CheckpointError: the adapter changes what the model doesn't have, or has other shapes.
        ArgumentError: PEFT is absent and not merging was asked for.
    """
    find = _finder(model, adapter)
    changes = {find(f"{module}.weight"): change for module, change in adapter.low_rank().items()}
    for name, change in changes.items():
        weight = model.get_parameter(name)
        if weight.shape != (change.b.shape[0], change.a.shape[1]):
            raise _misfit(adapter, name, [change.b.shape[0], change.a.shape[1]], weight)
    for original, tensor in adapter.whole_weights():
        if not is_computed(original):
            _replace(model, adapter, find(original), tensor)
    if not merge:
        _inject({name.removesuffix(".weight"): change for name, change in changes.items()}, model)
        return
    for name, change in changes.items():
        weight = model.get_parameter(name)
        product = change.b.to(weight.device, torch.float32) @ change.a.to(weight.device, torch.float32)
        with torch.no_grad():
            weight.copy_(weight.float() + change.scale * product)


def _finder(model: Any, adapter: Adapter) -> Callable[[str], str]:
    parameters = {name for name, _ in model.named_parameters(remove_duplicate=False)}

    def find(original: str) -> str:
        for name in _candidates(model, original):
            if name in parameters:
                return name
        raise CheckpointError(
            f"The adapter {adapter.name} changes {original[:100]}, which the model doesn't have; give the checkpoint "
            "on which it was trained."
        )

    return find


def _candidates(model: Any, original: str) -> Iterator[str]:
    """The names that a parameter may have in a model: as it is, as in LLaVA's format, as in older layouts."""
    yield original
    if model.config.model_type in _LLAVA:
        for rename in (renamer(model), layout_renamer(model)):
            if name := rename(original):
                yield name
    # Until transformers 4.52, models that see had their language model under `model` and what sees beside it.
    yield f"model.{original}"
    yield re.sub(r"^model\.", "model.language_model.", original)


def _replace(model: Any, adapter: Adapter, name: str, tensor: torch.Tensor) -> None:
    weight = model.get_parameter(name)
    # A vocabulary may have been given more rows here, for `<image>`.
    rows = tensor.shape[0] if name.endswith(WITH_VOCABULARY) and tensor.dim() else None
    if weight[:rows].shape != tensor.shape:
        raise _misfit(adapter, name, list(tensor.shape), weight)
    with torch.no_grad():
        weight[:rows].copy_(tensor)


def _misfit(adapter: Adapter, name: str, shape: list[int], weight: torch.Tensor) -> CheckpointError:
    return CheckpointError(
        f"The adapter {adapter.name} changes {name} in the shape {shape}, and the model's is {list(weight.shape)}; "
        "give the checkpoint on which it was trained."
    )


def _inject(changes: dict[str, LowRank], model: Any) -> None:
    """Let PEFT put its layers beside the model's, which keeps its class."""
    check_can_stay_apart()
    from peft import LoraConfig, inject_adapter_in_model

    ranks = {f"^{re.escape(name)}$": change.a.shape[0] for name, change in changes.items()}
    config = LoraConfig(target_modules=list(changes), rank_pattern=ranks, lora_dropout=0.0)
    inject_adapter_in_model(config, model)
    for name, change in changes.items():
        layer = model.get_submodule(name)
        placed = layer.get_base_layer().weight
        for side, factor in ((layer.lora_A, change.a), (layer.lora_B, change.b)):
            # A copy, since what is mapped would keep the adapter's file open.
            weight = factor.to(placed.device, placed.dtype, copy=True)
            side["default"].weight = torch.nn.Parameter(weight, requires_grad=False)
            side["default"].to(placed.device, placed.dtype)
        layer.scaling["default"] = change.scale

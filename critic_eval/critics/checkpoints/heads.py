"""Reward heads: what turns a dialogue's last hidden state into one number, read from the files of a checkpoint."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from critic_eval.critics.checkpoints.shards import check_whole, open_shard
from critic_eval.errors import CheckpointError

HEAD_FILES = ("value_head.safetensors", "value_head.bin")
"""Where Skywork-VL-Reward, ms-swift and LLaMA-Factory keep a head, beside the weights."""
_WEIGHTS = ("v_head.summary.weight", "summary.weight", "score.weight")
"""What a head's weight is called: by TRL's value head and all that save its state, by that head's own state, and by
transformers' sequence classifiers."""


@dataclass(frozen=True)
class LinearHead:
    """A linear head: the reward of a dialogue is weight · hidden + bias, of its last token.

    All of it is float32, as in TRL's value head: in bfloat16 rewards near 10 come in steps of 1/16, and responses of
    different worth would tie.

    Attributes:
        weight: float32, (hidden,).
        bias: 0 where the head has none.
        source: the file, or the kind of model, that it comes from, and its name there.
    """

    weight: Tensor
    bias: float
    source: str

    def rewards(self, hidden: Tensor) -> list[float]:
        """The rewards of hidden states, (rows, hidden)."""
        weight = self.weight.to(hidden.device)
        values: list[float] = (hidden.float() @ weight + self.bias).tolist()
        return values


def head_file(folder: Path) -> Path | None:
    """The file of a checkpoint's value head, checked to be whole; None where there is none.

    Raises:
        CheckpointError: it is truncated, or no weight file.
    """
    file = next((folder / name for name in HEAD_FILES if (folder / name).is_file()), None)
    if file is not None:
        check_whole(file)
    return file


def read_head(files: list[Path], hidden_size: int) -> LinearHead | None:
    """Read the head that stands in weight files, its own or the model's; None where there is none.

    Of the model's, pickles in torch's oldest format are passed over: their names are known only once all is read.

    Raises:
        CheckpointError: a file can't be read, or its head is of another form or size.
    """
    for file in files:
        if file.suffix == ".bin" and file.name not in HEAD_FILES and not zipfile.is_zipfile(file):
            continue
        with open_shard(file) as tensors:
            if is_head := file.name in HEAD_FILES:
                _check_names(tensors, file)
            held = set(tensors)
            name = next((name for name in (_WEIGHTS if is_head else _WEIGHTS[:1]) if name in held), None)
            if name is not None:
                bias = name.replace("weight", "bias")
                source = f"{file.name}: {name}"
                return linear_head(tensors[name], tensors[bias] if bias in held else None, hidden_size, source)
    return None


def save_head(head: LinearHead, folder: Path) -> None:
    """Write a head as Skywork-VL-Reward and ms-swift do, to `value_head.safetensors`."""
    file = folder / HEAD_FILES[0]
    tensors = {_WEIGHTS[0]: head.weight[None], _WEIGHTS[0].replace("weight", "bias"): torch.tensor([head.bias])}
    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, file)
    file.chmod(0o644)  # safetensors lets the owner alone read it


def linear_head(weight: Tensor, bias: Tensor | None, hidden_size: int, source: str) -> LinearHead:
    """A head from its tensors, on the model's hidden size.

    Raises:
        CheckpointError: it gives more than one number, is of another size, or holds what is not finite.
    """
    if list(weight.shape) != [1, hidden_size] or (bias is not None and bias.numel() != 1):
        shapes = f"{list(weight.shape)}" + ("" if bias is None else f" and {list(bias.shape)}")
        raise CheckpointError(
            f"The head {source} has the shape {shapes}; a reward head of this model is [1, {hidden_size}], with a bias "
            "of [1] or none."
        )
    if weight.is_meta:
        return LinearHead(weight[0], 0.0, source)
    offset = 0.0 if bias is None else float(bias.float())
    # A copy: a tensor that shares the mapped file would keep it open.
    values = weight[0].detach().to(torch.float32, copy=True)
    if not (torch.isfinite(values).all() and abs(offset) < float("inf")):
        raise CheckpointError(f"The head {source} holds numbers that are not finite; download it again.")
    return LinearHead(values, offset, source)


def is_head_weight(name: str) -> bool:
    """Whether a tensor of a model's weight files is its value head's, as TRL saves both together."""
    return name.startswith("v_head.")


def is_classifier(config: Mapping[str, Any]) -> bool:
    """Whether a config is of a sequence classifier of transformers', whose head is in its weights."""
    return any(name.endswith("ForSequenceClassification") for name in config.get("architectures") or ())


def check_promised(config: Mapping[str, Any], head: LinearHead | None, name: str) -> None:
    """Raise `CheckpointError` where a config names a model with a value head, and no file holds one."""
    named = [architecture for architecture in config.get("architectures") or () if "ValueHead" in architecture]
    if named and head is None:
        raise CheckpointError(
            f"The config.json of {name} names a model with a head ({named[0]}), but there is none in its weights, and "
            f"neither {' nor '.join(HEAD_FILES)}; download what is missing."
        )


def _check_names(tensors: Mapping[str, Tensor], file: Path) -> None:
    known = {name for weight in _WEIGHTS for name in (weight, weight.replace("weight", "bias"))}
    strange = sorted(set(tensors) - known)
    if strange or not set(tensors) & set(_WEIGHTS):
        listed = ", ".join(strange[:5]) or "nothing"
        raise CheckpointError(
            f"{file} holds {listed}, where a linear head is expected ({', '.join(_WEIGHTS)}, with or without a bias)."
        )

"""Arguments of `llava_critic`, as they are given, to what they mean on this machine."""

from typing import Any

import torch

from critic_eval.errors import ArgumentError


def make_accelerator(device: str | None) -> Any:
    """The link to the other processes of `accelerate launch`."""
    from accelerate import Accelerator

    return Accelerator(cpu=device == "cpu" or not torch.cuda.is_available())


def choose_device(device: str | None, accelerator: Any) -> str:
    """The device that was asked for, or a GPU where there is one; with several processes, each its own."""
    if accelerator.num_processes > 1:
        return str(accelerator.device)
    return device or ("cuda" if torch.cuda.is_available() else "cpu")


def read_quantization(in_4bit: bool, in_8bit: bool) -> str | None:
    """`4bit`, `8bit` or None. Raises ArgumentError for both."""
    if in_4bit and in_8bit:
        raise ArgumentError("load_in_4bit and load_in_8bit exclude each other; give one of them.")
    return "4bit" if in_4bit else "8bit" if in_8bit else None


def read_batch_size(batch_size: int | str) -> int | None:
    """A number of requests, or None for automatic. Raises ArgumentError for anything else."""
    if str(batch_size).split(":")[0] == "auto":
        return None
    if not str(batch_size).isdigit() or int(batch_size) < 1:
        raise ArgumentError(f"batch_size={batch_size} is neither a positive number nor auto.")
    return int(batch_size)

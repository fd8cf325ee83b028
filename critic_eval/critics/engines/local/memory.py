"""How many tokens a batch can hold, from the memory that is free."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import psutil
import torch

MOST_ON_CPU = {True: 65536, False: 4096}
"""Tokens beyond which a larger batch gains nothing on a CPU, with and without shared prefixes: without them, padding
long prompts was seen to cost more than a batch gains."""

_FREE_SHARE = 0.6
_ACTIVATIONS = 24
"""Numbers of the hidden width that a token takes at the peak of a layer, attention and feed-forward included."""


def token_budget(model: Any, shares_prefixes: bool, processes: int = 1) -> int:
    """Tokens of a batch, padding included, that fit next to a model in the memory that is free now.

    Args:
        model: of transformers.
        shares_prefixes: whether what prompts share is computed once.
        processes: that share the memory, each with a batch of its own.
    """
    device = torch.device(model.device)
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
    else:
        free = min(psutil.virtual_memory().available, _left_in_container())
    fitting = int(free * _FREE_SHARE / processes / bytes_per_token(model))
    return max(1, fitting if device.type != "cpu" else min(fitting, MOST_ON_CPU[shares_prefixes]))


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of torch's says that memory is full."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return "can't allocate memory" in str(error) or "out of memory" in str(error).lower()


def _left_in_container() -> int:
    """Bytes that the control group of this process may still take; a great number where it has no limit."""
    group = Path("/sys/fs/cgroup")
    try:
        limit, used = ((group / name).read_text().strip() for name in ("memory.max", "memory.current"))
        return sys.maxsize if limit == "max" else max(0, int(limit) - int(used))
    except (OSError, ValueError):
        return sys.maxsize


def bytes_per_token(model: Any) -> int:
    """Bytes that one token takes: its keys and values in all layers, and its activations in one."""
    text = model.config.get_text_config()
    size = torch.finfo(model.dtype).bits // 8
    width = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    heads = getattr(text, "num_key_value_heads", None) or text.num_attention_heads
    return int(size * (2 * text.num_hidden_layers * heads * width + _ACTIVATIONS * text.hidden_size))

"""Whether a config's sizes are sizes, and whether the model that they describe can be had, before anything is built."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import torch

from critic_eval.errors import CheckpointError

_SIZES = (
    *("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads"),
    *("num_key_value_heads", "head_dim", "image_size", "patch_size", "num_channels", "max_position_embeddings"),
    *("mm_hidden_size", "projection_dim"),
)
_PARTS = ("text_config", "vision_config")
_MOST = 10**9


def check_sizes(config: Mapping[str, Any], name: object) -> None:
    """Check that every size in a config, and in the configs inside it, is a positive integer.

    Raises:
        CheckpointError: one is not, or heads don't divide what they share.
    """
    for key in _SIZES:
        value = config.get(key)
        # Some processors' configs give an image's size as height and width.
        for number in value if isinstance(value, list) and key in ("image_size", "patch_size") else [value]:
            if number is not None and (
                not isinstance(number, int) or isinstance(number, bool) or not 0 < number <= _MOST
            ):
                raise CheckpointError(
                    f"The config.json of {name} gives {key} as {str(value)[:40]!r}, which is not a size."
                )
    for whole, share in (
        ("hidden_size", "num_attention_heads"),
        ("num_attention_heads", "num_key_value_heads"),
    ):
        if config.get(whole) and config.get(share) and config[whole] % config[share] and not config.get("head_dim"):
            raise CheckpointError(
                f"The config.json of {name} shares {whole} {config[whole]} among {share} {config[share]}."
            )
    for part in _PARTS:
        if isinstance(config.get(part), Mapping):
            check_sizes(config[part], f"{name} ({part})")
        elif config.get(part) is not None:
            raise CheckpointError(f"The config.json of {name} holds a {part} that is not a JSON object.")


def check_fit(
    config: Mapping[str, Any], vision: Mapping[str, Any] | None, files: list[Path], name: object, bytes_a_value: float
) -> None:
    """Check that a model's weights are in its files, and fit in the memory here, by the least that it must hold.

    Args:
        config: the checkpoint's, its sizes checked.
        vision: the vision tower's, where it is not in the config.
        files: its weight files.
        name: of the checkpoint.
        bytes_a_value: bytes of memory for each value; 0 where no weights are loaded.

    Raises:
        CheckpointError: the files are too small for what the config describes, or the memory is.
    """
    text = config.get("text_config") or config
    language, sight = _values(text), _values(vision or config.get("vision_config") or {})
    held = sum(file.stat().st_size for file in files)
    # A value takes half a byte at least. The tower's may lie in another folder.
    if language > 2 * held or sight > max(2 * held, _LARGEST_TOWER):
        raise too_large(name, language + sight, held)
    needed, free = (language + sight) * bytes_a_value, free_memory()
    if needed > free:
        raise CheckpointError(
            f"{name} takes at least {needed / 2**30:,.1f} GiB, and {free / 2**30:,.1f} GiB are free here; use a "
            "smaller dtype, 4bit, device_map=auto, or a larger machine."
        )


def check_model(model: Any, files: list[Path], name: object) -> None:
    """Check that the weights of an empty model are in the checkpoint's files.

    Raises:
        CheckpointError: the files are too small.
    """
    values, held = sum(weight.numel() for weight in model.parameters()), sum(file.stat().st_size for file in files)
    if values > 2 * held:
        raise too_large(name, values, held)


def too_large(name: object, values: int, held: int) -> CheckpointError:
    """The error of a model that is larger than its weight files can be."""
    return CheckpointError(
        f"The config.json of {name} describes a model of at least {values:,} values, but its weight files hold "
        f"{held:,} bytes; check that config.json belongs to these weights."
    )


def free_memory() -> int:
    """Bytes that are free in this machine's memory and its GPUs."""
    gpus = range(torch.cuda.device_count()) if torch.cuda.is_available() else ()
    return int(psutil.virtual_memory().available) + sum(torch.cuda.mem_get_info(gpu)[0] for gpu in gpus)


def _values(config: Mapping[str, Any]) -> int:
    """The least number of values in a transformer of these sizes: attention, feed-forward and embeddings."""
    hidden, wide = _number(config, "hidden_size"), _number(config, "intermediate_size")
    layers, rows = _number(config, "num_hidden_layers"), _number(config, "vocab_size")
    patches = (_number(config, "image_size") // max(1, _number(config, "patch_size"))) ** 2
    # A layer has an attention's output matrix and two feed-forward ones at least; a layer is never nothing.
    return hidden * (rows + patches) + max(layers - 1, 0) * (hidden * hidden + 2 * hidden * wide + 1)


def _number(config: Mapping[str, Any], key: str) -> int:
    value = config.get(key)
    return value if isinstance(value, int) else 0


_LARGEST_TOWER = 2 * 10**10

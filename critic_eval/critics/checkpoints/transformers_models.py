"""Models in transformers' own layout, loaded and checked: what writes, and what classifies with one label."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForImageTextToText, AutoModelForSequenceClassification
from transformers.utils import logging

from critic_eval.critics.checkpoints.faults import first_line
from critic_eval.critics.checkpoints.weights import PROGRESS_FROM_BYTES
from critic_eval.errors import ArgumentError, CheckpointError


def load_model(folder: Path, *, trust_remote_code: bool, **arguments: Any) -> Any:
    """Load the model, checked for weights that are missing or have other shapes than the config says.

    Raises:
        CheckpointError: transformers can't load it.
    """
    load = AutoModelForImageTextToText.from_pretrained
    return checked(
        lambda **settings: load(folder, trust_remote_code=trust_remote_code, local_files_only=True, **settings),
        folder,
        **arguments,
    )


def empty_layout(folder: Path, *, trust_remote_code: bool) -> Any:
    """The model without weights, for its config and encoder only."""
    config = AutoConfig.from_pretrained(folder, trust_remote_code=trust_remote_code, local_files_only=True)
    with torch.device("meta"):
        return AutoModelForImageTextToText.from_config(config, trust_remote_code=trust_remote_code)


def load_classifier(folder: Path, arguments: Mapping[str, Any], *, is_empty: bool = False) -> Any:
    """Load a sequence classifier that takes images and gives one number, its head included.

    Args:
        folder: the checkpoint.
        arguments: of `from_pretrained`: where and how weights are put.
        is_empty: leave out the weights.

    Raises:
        CheckpointError: it gives several numbers, takes no images, or transformers can't load it.
    """
    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    if config.num_labels != 1:
        raise CheckpointError(
            f"{folder} is a classifier of {config.num_labels} labels; a reward model has one (num_labels 1)."
        )
    if is_empty:
        with torch.device("meta"):
            model = AutoModelForSequenceClassification.from_config(config)
    else:
        load = AutoModelForSequenceClassification.from_pretrained
        model = checked(
            lambda **settings: load(folder, config=config, local_files_only=True, **settings), folder, **arguments
        )
    if "pixel_values" not in inspect.signature(model.forward).parameters:
        raise CheckpointError(f"{folder} is a {type(model).__name__}, which takes no images; give one that does.")
    return model


def checked(load: Callable[..., Any], folder: Path, *, optional: str = "", **arguments: Any) -> Any:
    """Call a `from_pretrained` and report in one sentence what went wrong.

    Weights that the model doesn't know are left to transformers, whose models state which they may ignore.

    Args:
        load: a `from_pretrained`, all but `arguments` bound.
        folder: the checkpoint, for messages.
        optional: a part of the names of weights that may be missing.
        arguments: passed on.

    Raises:
        CheckpointError: weights are missing or don't fit, or transformers can't load the checkpoint.
        ArgumentError: a package or device that was asked for is absent.
    """
    try:
        with _quiet(folder):
            # Mismatches are asked for only to be named below, instead of in a table on the screen.
            model, report = load(output_loading_info=True, ignore_mismatched_sizes=True, **arguments)
    except ImportError as error:
        raise ArgumentError(f"{folder} needs a package that is absent: {first_line(error)}") from error
    except (ValueError, RuntimeError, OSError, KeyError) as error:
        raise CheckpointError(f"transformers can't load {folder} ({first_line(error)}).") from error
    missing = [name for name in sorted(report["missing_keys"]) if not optional or optional not in name]
    mismatched = sorted(str(key[0] if isinstance(key, tuple) else key) for key in report["mismatched_keys"])
    for problem, names in (("are missing", missing), ("have other shapes than config.json says", mismatched)):
        if names:
            more = ", ..." if len(names) > 5 else ""
            raise CheckpointError(
                f"The weights in {folder} don't match its config: "
                f"{len(names)} {problem} ({', '.join(names[:5])}{more}). "
                "Check that config.json belongs to these weights."
            )
    return model


@contextmanager
def _quiet(folder: Path) -> Iterator[None]:
    """Keep transformers' loading report off the screen, and its progress bar for checkpoints that load in a moment."""
    verbosity, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    if sum(file.stat().st_size for file in folder.glob("*.safetensors")) < PROGRESS_FROM_BYTES:
        logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bar:
            logging.enable_progress_bar()

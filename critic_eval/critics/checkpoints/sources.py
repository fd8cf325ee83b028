"""Where a checkpoint is, and which format it has."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, RevisionNotFoundError

from critic_eval.compat import IMAGE_MODELS
from critic_eval.critics.checkpoints.kinds import Format, kind_of, language_model_of
from critic_eval.critics.checkpoints.mpt import in_usual_names
from critic_eval.errors import CheckpointError

_SIDE_FILES = ("*.json", "*.txt", "*.model", "*.jinja", "*.py")
_HUB_ID = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?")


@dataclass(frozen=True)
class Source:
    """A checkpoint on this machine.

    Attributes:
        name: the hub id, or the folder's name.
        folder: where its files are.
        revision: the commit that the hub gave, the revision asked for, or "" for a folder.
        config: its `config.json`.
        format: which of LLaVA's own, or transformers' layout.
    """

    name: str
    folder: Path
    revision: str
    config: dict[str, Any]
    format: Format


def open_source(
    pretrained: str | Path,
    revision: str | None = None,
    *,
    trust_remote_code: bool = False,
    llava_config: dict[str, Any] | None = None,
) -> Source:
    """Find a checkpoint in a folder or on the hub (or in the hub's cache), and tell its format.

    Args:
        pretrained: a hub id, or a folder.
        revision: branch, tag or commit of a hub id.
        trust_remote_code: whether a checkpoint may bring its own code.
        llava_config: the config that an adapter brings in one of LLaVA's own formats. It takes the place of the
            checkpoint's own, unless that is in transformers' layout.

    Raises:
        CheckpointError: it can't be reached, has no readable `config.json`, or its architecture is unknown.
    """
    folder, name, commit = fetch(pretrained, revision)
    config = read_config(folder)
    is_layout = config.get("model_type") in IMAGE_MODELS.get() and "mm_vision_tower" not in config
    if llava_config is not None and not is_layout:
        config = llava_config
    checkpoint_format = detect_format(config, name, trust_remote_code=trust_remote_code)
    if checkpoint_format != "transformers" and kind_of(config, name).language_model == "mpt":
        config = in_usual_names(config)
    return Source(name, folder, commit, config, checkpoint_format)


def fetch(
    pretrained: str | Path, revision: str | None = None, pickled: Sequence[str] = ("pytorch_model*.bin",)
) -> tuple[Path, str, str]:
    """Give the local folder, the name and the commit of a checkpoint, downloading what is needed of a hub id.

    Pickled weights, of the names in `pickled`, are downloaded only where there are none in safetensors.

    Raises:
        CheckpointError: the folder doesn't exist, or the hub can't be reached and its cache lacks the checkpoint.
    """
    name = str(pretrained)
    try:
        path = Path(pretrained).expanduser()
        is_folder, exists = path.is_dir(), path.exists()
    except (OSError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"There is no folder {name[:100]}; give an existing folder or a hub id.") from error
    if is_folder:
        return path, path.resolve().name, revision or ""
    if exists:
        raise CheckpointError(f"{name} is a file; give the folder that holds the checkpoint.")
    if isinstance(pretrained, Path) or not _HUB_ID.fullmatch(name):
        raise CheckpointError(f"There is no folder {name}; give an existing folder or a hub id such as 'owner/name'.")
    folder = _download(name, revision, [*_SIDE_FILES, "*.safetensors", "value_head.bin"])
    if all(file.name == "value_head.safetensors" for file in folder.glob("*.safetensors")):
        folder = _download(name, revision, [*_SIDE_FILES, *pickled])
    commit = folder.name if folder.parent.name == "snapshots" else revision or ""
    return folder, name, commit


def _download(name: str, revision: str | None, patterns: Sequence[str]) -> Path:
    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=list(patterns)))
    except RevisionNotFoundError as error:
        raise CheckpointError(
            f"{name} has no revision {revision!r} on the hub; give a branch, tag or commit."
        ) from error
    except HFValidationError as error:
        raise CheckpointError(f"{name} is neither a folder nor a hub id such as 'owner/name'.") from error
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError, RuntimeError) as error:
        at_revision = f" at revision {revision}" if revision else ""
        raise CheckpointError(
            f"{name}{at_revision} can't be reached on the hub and is not in its cache; check the id, the network and "
            "your access, give a local folder, or point HF_HOME to a cache that holds it."
        ) from error


def read_config(folder: Path) -> dict[str, Any]:
    """Read a checkpoint's `config.json`.

    Raises:
        CheckpointError: it is absent or no JSON object.
    """
    file = folder / "config.json"
    if not file.is_file():
        raise CheckpointError(f"There is no config.json in {folder}; give a folder that holds a whole checkpoint.")
    return read_json(file)


def read_json(file: Path) -> dict[str, Any]:
    """Read a JSON object from a file that the checkpoint or a person gave.

    Raises:
        CheckpointError: the file can't be read, or does not hold a JSON object.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{file} can't be read as JSON ({error}).") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{file} has to hold one JSON object.")
    return content


def detect_format(config: dict[str, Any], name: str, *, trust_remote_code: bool = False) -> Format:
    """Tell a checkpoint's format by its config.

    Raises:
        CheckpointError: nothing here loads that architecture.
    """
    architectures = config.get("architectures") or []
    if not isinstance(architectures, list) or not all(isinstance(architecture, str) for architecture in architectures):
        raise CheckpointError(f"The config.json of {name} gives architectures that are not a list of names.")
    if language_model_of(config, architectures):
        return kind_of(config, name).format
    model_type = str(config.get("model_type", ""))
    remote = trust_remote_code and "auto_map" in config
    if model_type in IMAGE_MODELS.get() or remote:
        return "transformers"
    stated = ", ".join(architectures) or model_type or "none stated"
    hint = "; its own code loads with trust_remote_code=True" if "auto_map" in config else ""
    raise CheckpointError(
        f"{name} has an unknown architecture ({stated}): give a LlavaLlamaForCausalLM, LlavaMistralForCausalLM or "
        f"LlavaQwenForCausalLM checkpoint, or one that transformers' AutoModelForImageTextToText loads{hint}."
    )

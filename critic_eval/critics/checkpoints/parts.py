"""What belongs to a checkpoint besides its own folder: base, vision tower, adapter, conversation."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from critic_eval.critics.checkpoints.adapters import Adapter, open_adapter
from critic_eval.critics.checkpoints.shards import digest, weight_files
from critic_eval.critics.checkpoints.sources import Source, fetch, open_source, read_config, read_json
from critic_eval.critics.checkpoints.towers import open_tower
from critic_eval.critics.conversations import ConversationFormat, conversation_named
from critic_eval.errors import ArgumentError, CheckpointError


@dataclass(frozen=True)
class Parts:
    """What belongs to a checkpoint besides its own folder.

    Attributes:
        vision_config: the sizes of its vision tower, or None to find them.
        tower: the folder of its vision tower, or None for the one that its config names.
        base: the weight files that its own are to be added to, if it is a delta.
        base_folder: where they are.
        adapter: what was trained on top of it.
        conversation: its conversation format, or None to choose it.
    """

    vision_config: dict[str, Any] | None = None
    tower: Path | None = None
    base: list[Path] | None = None
    base_folder: Path | None = None
    adapter: Adapter | None = None
    conversation: ConversationFormat | None = None

    def identity(self) -> dict[str, str]:
        """Give what tells the loaded critic from one of other parts, for the parts that there are."""
        known = {}
        if self.base_folder is not None and self.base is not None:
            known["base"] = digest(self.base_folder / "config.json", self.base)
        if self.tower is not None:
            known["vision_tower"] = digest(self.tower / "config.json", weight_files(self.tower))
        if self.adapter is not None:
            known["adapter"] = self.adapter.digest()
        if self.conversation is not None:
            known["conversation"] = self.conversation.name
        return known


def open_parts(
    pretrained: str | Path,
    revision: str | None = None,
    *,
    vision_config: str | Path | dict[str, Any] | None = None,
    vision_tower: str | Path | None = None,
    base: str | Path | None = None,
    adapter: str | Path | None = None,
    conversation: str | None = None,
    trust_remote_code: bool = False,
) -> tuple[Source, Parts]:
    """Find a checkpoint and all that belongs to it; the arguments are those of `load_checkpoint`.

    Raises:
        CheckpointError: something can't be found or read, or is not what it is given as.
        ArgumentError: an argument is unknown, or doesn't go with the checkpoint's format.
    """
    chosen = None if conversation is None else conversation_named(conversation)
    opened = None if adapter is None else open_adapter(adapter)
    source = open_source(
        pretrained,
        revision,
        trust_remote_code=trust_remote_code,
        llava_config=None if opened is None else opened.llava_config,
    )
    if source.format == "transformers":
        given = {"base": base, "vision_tower": vision_tower, "conversation": conversation}
        refused = [name for name, value in given.items() if value is not None]
        if refused:
            raise ArgumentError(
                f"{source.name} is in transformers' layout, which holds all of its parts and its own chat template; "
                f"leave out {' and '.join(refused)}."
            )
    elif base is None and "delta" in re.split(r"[-_.]", Path(source.name).name.lower()):
        raise CheckpointError(
            f"{source.name} is a delta by its name: its weights are a difference; give base=FOLDER, the language model "
            "that they are to be added to."
        )
    tower = None if vision_tower is None else open_tower(vision_tower)
    base_folder = None if base is None else fetch(base)[0]
    if base_folder is not None:
        read_config(base_folder)
    sizes = read_vision_config(vision_config)
    if sizes is None and tower is not None:
        sizes = read_json(tower / "config.json")
    return source, Parts(
        vision_config=sizes,
        tower=tower,
        base=None if base_folder is None else weight_files(base_folder),
        base_folder=base_folder,
        adapter=opened,
        conversation=chosen,
    )


def read_vision_config(vision_config: str | Path | dict[str, Any] | None) -> dict[str, Any] | None:
    """Read a vision config that may be a file.

    Raises:
        ArgumentError: the file doesn't exist.
        CheckpointError: it does not hold a JSON object.
    """
    if vision_config is None or isinstance(vision_config, dict):
        return vision_config
    file = Path(vision_config)
    if not file.is_file():
        raise ArgumentError(f"vision_config={file} is not a file; give the JSON file of the vision tower's sizes.")
    return read_json(file)

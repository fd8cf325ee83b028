"""Delta weights: checkpoints that hold the difference to a base which may not be passed on, such as LLaMA."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from critic_eval.critics.checkpoints.shards import open_shard
from critic_eval.critics.checkpoints.weight_names import is_computed
from critic_eval.critics.checkpoints.weights import WITH_VOCABULARY, Rows, with_progress
from critic_eval.errors import CheckpointError

_ADDED_BY_LLAVA = ("model.mm_projector.", "model.vision_tower.", "model.image_newline", "transformer.mm_projector.")


@dataclass(frozen=True)
class Sum:
    """A tensor of a delta with its base's added, block by block: as a whole it would take its room once more.

    Attributes:
        delta: in whose type the sum is.
        base: of as many rows, or of fewer where the delta's last ones are its own.
    """

    delta: torch.Tensor
    base: torch.Tensor

    @property
    def shape(self) -> torch.Size:
        """The delta's shape."""
        return self.delta.shape

    @property
    def dtype(self) -> torch.dtype:
        """The delta's type."""
        return self.delta.dtype

    def is_floating_point(self) -> bool:
        """Whether it holds numbers with a point."""
        return self.delta.is_floating_point()

    def __getitem__(self, rows: slice) -> torch.Tensor:
        part, base = self.delta[rows].clone(), self.base[rows]
        part[: len(base)] += base.to(part.dtype)
        return part


def read_sums(delta: list[Path], base: list[Path], name: object) -> Iterator[tuple[str, Rows]]:
    """Give the tensors of a delta with those of its base added, as LLaVA's `apply_delta` does.

    One file of the delta and one of the base are open at a time. The sums are in the delta's own type. A vocabulary may
    have more rows than the base's: these are the delta's own. What LLaVA added to the language model, its projector
    first of all, is whole in the delta.

    Args:
        delta: weight files.
        base: weight files of the language model.
        name: the base's, for messages.

    Raises:
        CheckpointError: a file can't be read, or the base is not the one that the delta was made from.
    """
    holders = {tensor: file for file in base for tensor in _names(file)}
    for file in with_progress(delta):
        with open_shard(file) as tensors:
            by_holder: defaultdict[Path, list[str]] = defaultdict(list)
            for tensor in tensors:
                if is_computed(tensor) or tensor.startswith(_ADDED_BY_LLAVA):
                    yield tensor, tensors[tensor]
                elif tensor in holders:
                    by_holder[holders[tensor]].append(tensor)
                else:
                    raise CheckpointError(f"{name} lacks {tensor}; give the base from which this delta was made.")
            for holder, names in by_holder.items():
                with open_shard(holder) as base_tensors:
                    for tensor in names:
                        yield tensor, _sum(tensor, tensors[tensor], base_tensors[tensor], name)


def _names(file: Path) -> list[str]:
    with open_shard(file) as tensors:
        return list(tensors)


def _sum(tensor: str, delta: torch.Tensor, base: torch.Tensor, name: object) -> Sum:
    rows = base.shape[0] if tensor.endswith(WITH_VOCABULARY) and base.dim() else None
    # Rows of a vocabulary that the base lacks are whole in the delta.
    if not delta.dim() or delta[:rows].shape != base.shape:
        raise CheckpointError(
            f"{name} has {tensor} of shape {list(base.shape)}, which doesn't fit the delta's {list(delta.shape)}; give "
            "the base from which this delta was made."
        )
    return Sum(delta, base)

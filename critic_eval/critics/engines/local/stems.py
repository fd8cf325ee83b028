"""A batch of groups grown into sequences: each group's trunk once, each stem once, and what is left of every prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from critic_eval.critics.checkpoints import Checkpoint, EncodedPrompt
from critic_eval.critics.engines.engine import Request
from critic_eval.critics.engines.local.branches import Branches, prefill
from critic_eval.critics.engines.local.preprocessing import EncodedGroup


@dataclass(frozen=True)
class Grown:
    """Sequences of a batch, computed as far as prompts share something.

    Attributes:
        branches: the sequences, equally many for each group.
        rows: the request of each; None for one that fills its group up.
        rests: the tokens that are left of each one's prompt.
    """

    branches: Branches
    rows: tuple[Request | None, ...]
    rests: list[list[int]]

    @property
    def is_wanted(self) -> list[bool]:
        """For each sequence, whether it is a request's."""
        return [request is not None for request in self.rows]


def grow(checkpoint: Checkpoint, batch: Sequence[EncodedGroup]) -> Grown:
    """Compute what the prompts of each group share."""
    members = max(len(group.requests) for group in batch)
    branches = Branches(checkpoint.model, prefill(checkpoint, [_trunk(group) for group in batch]), members)
    rests = _extend_stems(branches, batch, members)
    rows = tuple(
        group.requests[member] if member < len(group.requests) else None for group in batch for member in range(members)
    )
    return Grown(branches, rows, rests)


def _trunk(group: EncodedGroup) -> EncodedPrompt:
    first = group.prompts[0]
    return EncodedPrompt(first.input_ids[: group.cut.trunk], first.media, first.image_tokens)


def _extend_stems(branches: Branches, batch: Sequence[EncodedGroup], members: int) -> list[list[int]]:
    """Compute the groups' stems and go on with `members` sequences for each group; gives what is left of each."""
    if not any(len(stem.members) > 1 for group in batch for stem in group.cut.stems) or not any(
        stem.length > group.cut.trunk for group in batch for stem in group.cut.stems if len(stem.members) > 1
    ):
        return _rests(batch, members, [[group.cut.trunk] * len(group.prompts) for group in batch])
    most = max(len(group.cut.stems) for group in batch)
    tokens: list[list[int]] = []
    parents: list[int] = []
    starts = []
    for number, group in enumerate(batch):
        stem_of = {member: index for index, stem in enumerate(group.cut.stems) for member in stem.members}
        starts.append([group.cut.stems[stem_of[member]].length for member in range(len(group.prompts))])
        for stem in group.cut.stems:
            ids = group.prompts[stem.members[0]].input_ids
            tokens.append(ids[group.cut.trunk : stem.length].tolist())
        tokens += [[]] * (most - len(group.cut.stems))
        parents += [number * most + stem_of.get(member, 0) for member in range(members)]
    branches.branch([0] * (most * len(batch)), most)
    branches.extend(tokens)
    branches.branch(parents, members)
    return _rests(batch, members, starts)


def _rests(batch: Sequence[EncodedGroup], members: int, starts: Sequence[Sequence[int]]) -> list[list[int]]:
    rests: list[list[int]] = []
    for group, begun in zip(batch, starts, strict=True):
        rests += [prompt.input_ids[start:].tolist() for prompt, start in zip(group.prompts, begun, strict=True)]
        rests += [[]] * (members - len(group.prompts))
    return rests

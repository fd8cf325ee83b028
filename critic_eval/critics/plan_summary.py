"""What a plan comes to, in numbers: requests, images, tokens, and how much computing is saved by sharing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PIL import Image

from critic_eval.critics.engines.local.prefixes import split
from critic_eval.critics.generation import GenerationSettings
from critic_eval.critics.images import count_tiles
from critic_eval.critics.planning import ImageRef, Plan


@dataclass(frozen=True)
class PlanSummary:
    """Counts of a plan; tokens and tiles are unknown (None) behind a server.

    Attributes:
        requests: how many were asked.
        journaled: how many of these the journal answers.
        unique: how many distinct ones are left to compute.
        groups: in how many groups they are computed.
        images: distinct images among them.
        tiles: what the images are cut into for the vision tower.
        image_tokens: tokens that the images take, each image once.
        prompt_tokens: tokens of all prompts of what was asked and is not journaled.
        computed_tokens: tokens that are computed for them.
    """

    requests: int
    journaled: int
    unique: int
    groups: int
    images: int
    tiles: int | None = None
    image_tokens: int | None = None
    prompt_tokens: int | None = None
    computed_tokens: int | None = None

    def to_text(self) -> str:
        """A table for the terminal."""
        rows = [
            ("requests", self.requests),
            ("answered by the journal", self.journaled),
            ("distinct, to compute", self.unique),
            ("groups", self.groups),
            ("distinct images", self.images),
            ("tiles", self.tiles),
            ("image tokens", self.image_tokens),
            ("prompt tokens", self.prompt_tokens),
            ("prompt tokens computed", self.computed_tokens),
        ]
        lines = [f"{name:<24}{value:>15,}" for name, value in rows if value is not None]
        if self.prompt_tokens and self.computed_tokens is not None:
            lines.append(f"{'prefill saved':<24}{1 - self.computed_tokens / self.prompt_tokens:>15.1%}")
        return "\n".join(["Plan", *lines])


def summarize(
    plan: Plan, encoder: Any = None, shares_prefixes: Callable[[GenerationSettings], bool] = lambda settings: True
) -> PlanSummary:
    """Count a plan; tokens and tiles with the encoder of a checkpoint, which takes a while for many texts.

    Args:
        plan: what is counted: its requests, groups and images.
        encoder: of the checkpoint; None where there is none.
        shares_prefixes: whether the engine shares prefixes of requests with these settings.
    """
    images = plan.images
    counted = PlanSummary(plan.requests, len(plan.answered), plan.unique, len(plan.groups), len(images))
    if encoder is None:
        return counted
    blank = _Blanks()
    sizes: dict[tuple[int, int], tuple[int, int]] = {}
    for ref in images:
        if (ref.width, ref.height) not in sizes:
            sizes[ref.width, ref.height] = count_tiles(encoder, (ref.width, ref.height))
    prompt_tokens = computed = 0
    for group in plan.groups:
        prepared = encoder.prepare(group.members[0].conversation(blank.image))
        is_answered = group.settings.mode == "reward"
        prompts = [
            encoder.encode(member.conversation(blank.image), prepared, is_answered=is_answered).input_ids.tolist()
            for member in group.members
        ]
        lengths = [len(prompt) for prompt in prompts]
        prompt_tokens += sum(n * len(member.indices) for n, member in zip(lengths, group.members, strict=True))
        computed += split(prompts).computed(lengths) if shares_prefixes(group.settings) else sum(lengths)
    tiles, tokens = (sum(sizes[ref.width, ref.height][part] for ref in images) for part in (0, 1))
    return PlanSummary(
        counted.requests,
        counted.journaled,
        counted.unique,
        counted.groups,
        counted.images,
        tiles,
        tokens,
        prompt_tokens,
        computed,
    )


class _Blanks:
    """Stand-ins for images, of which only the size counts; one of each size."""

    def __init__(self) -> None:
        self._made: dict[tuple[int, int], Image.Image] = {}

    def image(self, ref: ImageRef) -> Image.Image:
        size = (ref.width, ref.height)
        if size not in self._made:
            self._made[size] = Image.new("RGB", size)
        return self._made[size]

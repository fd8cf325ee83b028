"""What prompts share at their beginning: one trunk for all, and a stem for those that share more."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

MIN_STEM = 16
"""Tokens that a stem must save for each of its members but one to be worth a step of its own."""


@dataclass(frozen=True)
class Stem:
    """Neighboring prompts, by index, and how many of their first tokens they share (the trunk among them)."""

    members: tuple[int, ...]
    length: int


@dataclass(frozen=True)
class Split:
    """Prompts cut where they part: the first `trunk` tokens are everyone's; each prompt belongs to one stem."""

    trunk: int
    stems: tuple[Stem, ...]

    def computed(self, lengths: Sequence[int]) -> int:
        """How many tokens are computed for prompts of these lengths; without the split it is their sum."""
        tails = sum(lengths[member] - stem.length for stem in self.stems for member in stem.members)
        return self.trunk + tails + sum(stem.length - self.trunk for stem in self.stems)


def split(prompts: Sequence[Sequence[int]]) -> Split:
    """Cut prompts, sorted so that those that share more are neighbors, into trunk, stems and rest.

    Every prompt keeps at least its last token for itself, since its answer starts there.

    >>> split([[1, 2, 3], [1, 2, 4]])
    Split(trunk=2, stems=(Stem(members=(0,), length=2), Stem(members=(1,), length=2)))
    """
    most = [len(prompt) - 1 for prompt in prompts]
    between = [min(common_prefix(a, b), len(a) - 1, len(b) - 1) for a, b in pairwise(prompts)]
    trunk = min([*between, *most])
    runs: list[list[int]] = [[0]]
    for index, shared in enumerate(between, 1):
        if shared - trunk >= MIN_STEM:
            runs[-1].append(index)
        else:
            runs.append([index])
    stems = [
        Stem(tuple(run), min((between[index] for index in run[:-1]), default=trunk if len(prompts) > 1 else most[0]))
        for run in runs
    ]
    return Split(trunk, tuple(stems))


def common_prefix(a: Sequence[int], b: Sequence[int]) -> int:
    """How many first elements two sequences share.

    >>> common_prefix([1, 2, 3], [1, 2])
    2
    """
    low, high = 0, min(len(a), len(b))
    while low < high:  # slices compare fast, elements one by one do not
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low

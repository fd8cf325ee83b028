"""The distribution of a verdict, read off the probabilities of the tokens that state it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from critic_eval.critics.engines.local.branches import Branches
from critic_eval.critics.engines.local.prefixes import common_prefix
from critic_eval.judging import VerdictForm


@dataclass(frozen=True)
class FormTokens:
    """A verdict's form in tokens: the stem that all options share, and each option's tokens after it."""

    stem: tuple[int, ...]
    options: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, form: VerdictForm, tokenizer: Any) -> FormTokens:
        """Tokenize a form as the beginning of an answer."""
        ids = [tuple(tokenizer(text, add_special_tokens=False).input_ids) for text in form.texts()]
        shared = len(ids[0])
        for option in ids[1:]:
            shared = min(shared, common_prefix(ids[0], option))
        return cls(ids[0][:shared], tuple(tokens[shared:] for tokens in ids))


@dataclass(frozen=True)
class VerdictShares:
    """How a critic divides between the options of a form, and how likely it uses the form at all.

    Attributes:
        shares: of the options, summing to 1: at each token what is likely among those that lead to an option.
        coverage: probability of the stem and of any option's first token.
    """

    shares: tuple[float, ...]
    coverage: float


def verdict_shares(
    branches: Branches, hidden: Tensor, forms: Sequence[FormTokens], is_wanted: Sequence[bool]
) -> list[VerdictShares | None]:
    """The shares of each row's options, after its prompt and its form's stem.

    One look at the stem's end tells options of one token. Where options go on, as numbers of several digits do, rows
    for each of their beginnings follow.

    Args:
        branches: the sequences, each computed through the stem of its form.
        hidden: hidden states, (rows, longest, width), right-aligned, from before the stem to its end.
        forms: each row's form.
        is_wanted: for each row, whether it is a sequence at all.

    Returns:
        Shares for each row, None where it is not wanted.
    """
    computed: list[VerdictShares | None] = [None] * len(forms)
    shares = [[1.0] * len(form.options) for form in forms]
    logits = torch.log_softmax(branches.logits(hidden[:, -1]), dim=-1)
    pending = []
    for row, form in enumerate(forms):
        if not is_wanted[row]:
            continue
        n = len(form.stem)
        before = torch.log_softmax(branches.logits(hidden[row, -1 - n : -1]), dim=-1)
        stem = float(before[torch.arange(n), torch.as_tensor(form.stem, dtype=torch.long)].sum()) if n else 0.0
        firsts = sorted({option[0] for option in form.options})
        mass = float(torch.logsumexp(logits[row, firsts], dim=0))
        computed[row] = VerdictShares((), float(torch.exp(torch.tensor(stem + mass))))
        pending.append(_Node(row, row, 0, tuple(range(len(form.options)))))
    while pending:
        pending = [child for node in pending for child in node.divide(forms[node.row], logits[node.place], shares)]
        if pending:
            hidden = _grow(branches, pending)
            logits = torch.log_softmax(branches.logits(hidden[:, -1]), dim=-1)
    return [
        None if measured is None else VerdictShares(tuple(shares[row]), measured.coverage)
        for row, measured in enumerate(computed)
    ]


@dataclass
class _Node:
    """Options of a row that have the same first `depth` tokens, which are computed at a place of the branches."""

    place: int
    row: int
    depth: int
    options: tuple[int, ...]
    tokens: tuple[int, ...] = ()

    def divide(self, form: FormTokens, logits: Tensor, shares: list[list[float]]) -> list[_Node]:
        """Divide the shares of the options by their next token; give the parts that need more tokens to divide."""
        by_token: dict[int, list[int]] = {}
        for option in self.options:
            by_token.setdefault(form.options[option][self.depth], []).append(option)
        chosen = torch.softmax(logits[list(by_token)], dim=0).tolist()
        children = []
        for share, options in zip(chosen, by_token.values(), strict=True):
            for option in options:
                shares[self.row][option] *= share
            if len(options) > 1:
                first, *others = (form.options[option] for option in options)
                depth = min(common_prefix(first, other) for other in others)
                tokens = first[self.depth : depth]
                children.append(_Node(self.place, self.row, depth, tuple(options), tokens))
        return children


def _grow(branches: Branches, nodes: list[_Node]) -> Tensor:
    """Compute each node's tokens after its parent's, and give each its place."""
    members, groups = branches.rows // len(branches.prefix.lengths), len(branches.prefix.lengths)
    of_group: list[list[_Node]] = [[] for _ in range(groups)]
    for node in nodes:
        of_group[node.place // members].append(node)
    most = max(map(len, of_group))
    parents: list[int] = []
    tokens: list[tuple[int, ...]] = []
    for group, inside in enumerate(of_group):
        for slot in range(most):
            is_node = slot < len(inside)
            parents.append(inside[slot].place if is_node else group * members)
            tokens.append(inside[slot].tokens if is_node else ())
        for slot, node in enumerate(inside):
            node.place = group * most + slot
    branches.branch(parents, most)
    return branches.extend(tokens)

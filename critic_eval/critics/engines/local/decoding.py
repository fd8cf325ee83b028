"""Answers token by token, for sequences that follow shared prefixes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from critic_eval.critics.engines.local.branches import Branches
from critic_eval.critics.engines.local.sampling import Choose, choose_likeliest
from critic_eval.critics.engines.local.thoughts import ThoughtLimit

CHECK_EVERY = 4
"""Steps between looks at the text for its end, which has to be decoded for that."""

IsComplete = Callable[[Sequence[int]], bool]


def decode(
    branches: Branches,
    hidden: Tensor,
    max_new_tokens: int,
    ends: Sequence[int],
    is_complete: Sequence[IsComplete | None],
    is_wanted: Sequence[bool],
    choose: Choose = choose_likeliest,
    thoughts: ThoughtLimit | None = None,
) -> list[list[int]]:
    """Choose a token at each step, for each sequence until it ends.

    Args:
        branches: the sequences, whose prompts have been computed.
        hidden: hidden states at the last tokens of the prompts, (rows, width).
        max_new_tokens: steps at most.
        ends: the ids that end an answer.
        is_complete: for each row, tells from the ids so far whether nothing more is needed; or None.
        is_wanted: for each row, whether it is a sequence at all or fills its group up.
        choose: which token comes next.
        thoughts: closes thoughts that grow too long.

    Returns:
        The new ids of each row, with the id that ended it, if any.
    """
    answers: list[list[int]] = [[] for _ in range(branches.rows)]
    rows = list(range(branches.rows))
    is_open = list(is_wanted)
    has_checks = any(check is not None for check in is_complete)
    end_ids = set(ends)
    for step in range(1, max_new_tokens + 1):
        tokens = choose(branches.logits(hidden), [row if row >= 0 and is_open[row] else -1 for row in rows])
        if thoughts is not None:
            tokens = _with_closings(tokens, rows, is_open, answers, thoughts)
        for slot, token in enumerate(tokens.tolist()):
            row = rows[slot]
            if row >= 0 and is_open[row]:
                answers[row].append(token)
                is_open[row] = token not in end_ids
        if has_checks and step % CHECK_EVERY == 0:
            for row, check in enumerate(is_complete):
                if is_open[row] and check is not None and check(answers[row]):
                    is_open[row] = False
        if step == max_new_tokens or not any(is_open):
            break
        kept = _worth_keeping(rows, is_open, len(branches.prefix.lengths))
        if kept is not None:
            groups, slots, members = kept
            branches.keep_groups(groups, slots, members)
            named = [rows[slot] for slot in slots]
            # A slot that fills its group up repeats a row that is there already.
            rows = [row if row >= 0 and is_open[row] and row not in named[:i] else -1 for i, row in enumerate(named)]
            tokens = tokens[torch.as_tensor(slots, device=tokens.device)]
        hidden = branches.append(tokens)
    return answers


def _with_closings(
    tokens: Tensor, rows: Sequence[int], is_open: Sequence[bool], answers: Sequence[list[int]], thoughts: ThoughtLimit
) -> Tensor:
    """The tokens, but for sequences whose thought is being closed those that close it."""
    closing = {
        slot: token
        for slot, row in enumerate(rows)
        if row >= 0 and is_open[row] and (token := thoughts.next_token(row, answers[row])) is not None
    }
    for slot, token in closing.items():
        tokens[slot] = token
    return tokens


def _worth_keeping(
    rows: Sequence[int], is_open: Sequence[bool], n_groups: int
) -> tuple[list[int], list[int], int] | None:
    """Groups and slots to go on with, and how many slots a group has, once that halves the work; else None."""
    members = len(rows) // n_groups
    open_slots = [
        [slot for slot in range(group * members, (group + 1) * members) if rows[slot] >= 0 and is_open[rows[slot]]]
        for group in range(n_groups)
    ]
    groups = [group for group in range(n_groups) if open_slots[group]]
    most = max(map(len, open_slots))
    if most * len(groups) * 2 > len(rows):
        return None
    slots = [slot for group in groups for slot in _filled(open_slots[group], most)]
    return groups, slots, most


def _filled(slots: list[int], number: int) -> list[int]:
    return slots + slots[-1:] * (number - len(slots))


def stop_check(tokenizer: Any, until: Sequence[str], complete: Callable[[str], bool] | None) -> IsComplete | None:
    """Tells from ids whether their text holds a stop string or says all that is needed; None where nothing ends it."""
    if not until and complete is None:
        return None

    def check(ids: Sequence[int]) -> bool:
        text = tokenizer.decode(ids, skip_special_tokens=True)
        return any(stop in text for stop in until) or (complete is not None and complete(text))

    return check

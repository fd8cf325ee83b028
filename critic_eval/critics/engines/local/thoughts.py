"""Thoughts in what a critic generates: whether one is open, where it ends, and how a long one is closed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from critic_eval.critics.checkpoints import PromptEncoder
from critic_eval.critics.conversations import Message
from critic_eval.critics.generation import GenerationSettings
from critic_eval.judging.parsing.answer import Marks, opens_thought, thought_end


class ThoughtLimit:
    """Closes thoughts that reach a limit: the tokens of the critic's own mark follow, and then its answer.

    Args:
        tokenizer: of the critic.
        settings: of the generation, with the limit and the marks.
        is_begun: whether prompts open a thought already.
    """

    def __init__(self, tokenizer: Any, settings: GenerationSettings, is_begun: bool) -> None:
        self._tokenizer, self._limit, self._marks = tokenizer, settings.max_thinking_tokens, settings.reasoning_marks
        self._closing = tokenizer(f"\n{settings.closing_mark}\n\n", add_special_tokens=False).input_ids
        self._is_begun = is_begun
        self._waiting: dict[int, list[int]] = {}

    def next_token(self, row: int, ids: Sequence[int]) -> int | None:
        """The token that has to come next in a sequence, given those before it; None where the critic is free."""
        if len(ids) == self._limit and self._is_thinking(ids):
            self._waiting[row] = list(self._closing)
        waiting = self._waiting.get(row)
        return waiting.pop(0) if waiting else None

    def _is_thinking(self, ids: Sequence[int]) -> bool:
        return is_thinking(self._tokenizer.decode(ids, skip_special_tokens=False), self._marks, self._is_begun)


def is_thinking(text: str, marks: Sequence[Marks], is_begun: bool) -> bool:
    """Whether a text ends within a thought; `is_begun` says that the prompt before it opens one.

    >>> is_thinking("The first", (), True), is_thinking("The first</think>", (), True)
    (True, False)
    """
    if opens_thought(text, marks):
        return True
    return is_begun and not thought_end(text, marks)


def begins_thought(encoder: PromptEncoder, marks: Sequence[Marks] = ()) -> bool:
    """Whether a checkpoint's prompts open a thought after all that is asked, as those of some thinking critics do.

    That is the template's doing alone: a mark at the end of what a message says opens nothing.
    """
    prompt = encoder.render([Message("user", (_SENTINEL,))])
    return opens_thought(prompt.rpartition(_SENTINEL)[2], marks)


_SENTINEL = "What is asked ends here"


def count_thought(tokenizer: Any, ids: Sequence[int], marks: Sequence[Marks], is_begun: bool) -> int:
    """How many of the tokens of an answer are a thought, its marks included."""
    text = tokenizer.decode(ids, skip_special_tokens=False)
    end = len(text) if is_thinking(text, marks, is_begun) else thought_end(text, marks)
    low, high = 0, len(ids)
    while low < high:
        middle = (low + high) // 2
        if len(tokenizer.decode(ids[:middle], skip_special_tokens=False)) < end:
            low = middle + 1
        else:
            high = middle
    return low

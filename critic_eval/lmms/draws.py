"""Repeats that lmms-eval asks for (`--repeats`): every answer is a judgment, a draw of its item.

lmms-eval hands a task the first of a request's answers alone, and keeps one record a document. So a task takes all
answers at once and gives a list of records, which becomes records and samples of their own before anything is measured.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from critic_eval import compat
from critic_eval.lmms import parts
from critic_eval.lmms.tasks import Draws, JudgeTask

Records = list[Any]


def with_all_answers(apply_filters: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """lmms-eval's `apply_filters` of a task, which leaves ours all answers where a request has several."""

    def wrapped(self: Any) -> Any:
        if repeats_of(self) > 1:
            first_only = parts.FIRST_ANSWER.get()
            for chain in compat.attribute("lmms-eval", self, "_filters"):
                chain.filters = [step for step in chain.filters if not isinstance(step, first_only)]
        return apply_filters(self)

    return wrapped


def repeats_of(task: Any) -> int:
    """How many answers lmms-eval asks for each request of a task of ours; 1 for another's."""
    is_ours = isinstance(getattr(task.config.process_results, "__self__", None), JudgeTask)
    return int(task.config.repeats or 1) if is_ours else 1


def unfolded(records: Iterable[Any]) -> Records:
    """Records of metrics, one for each draw."""
    return [draw for record in records for draw in (record if isinstance(record, Draws) else (record,))]


def unfolded_samples(samples: Sequence[dict[str, Any]]) -> Records:
    """Logged samples, one for each draw, in the form of those that were drawn once; `draw` counts from 0."""
    return [part for sample in samples for part in _parts(sample)]


def _parts(sample: dict[str, Any]) -> Records:
    draws = max((len(value) for value in sample.values() if isinstance(value, Draws)), default=0)
    if not draws:
        return [sample]
    return [_part(sample, number, draws) for number in range(draws)]


def _part(sample: dict[str, Any], number: int, draws: int) -> dict[str, Any]:
    drawn = {name: value[number] if isinstance(value, Draws) else value for name, value in sample.items()}
    for name in ("resps", "filtered_resps"):
        (answers,) = sample[name]
        if len(answers) == draws:
            drawn[name] = [[answers[number]]] if name == "resps" else [answers[number]]
    # lmms-eval keeps what the first answer took alone.
    counts = sample["token_counts"] if number == 0 else [None]
    return {**drawn, "token_counts": counts, "draw": number}

"""Figures as lmms-eval aggregates them: a value of many records, with its standard error."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from critic_eval.judging import Judgment
from critic_eval.metrics import Figure, compute_figure, figure_of_metric, group_figures
from critic_eval.runs.report import invalid_policy


def aggregation(name: str) -> Callable[[Sequence[Mapping[str, Any]]], float]:
    """The aggregation of a metric over its judgments' records, with its standard error attached for lmms-eval."""
    last: list[tuple[Sequence[Mapping[str, Any]], Figure]] = []

    def once(records: Sequence[Mapping[str, Any]]) -> Figure:
        # lmms-eval asks for the value and for its standard error of the same list.
        if not last or last[0][0] is not records:
            last[:] = [(records, compute(records))]
        return last[0][1]

    def compute(records: Sequence[Mapping[str, Any]]) -> Figure:
        judgments, policy = [Judgment.from_record(record) for record in records], invalid_policy(records)
        base, over_groups = figure_of_metric(name)
        if over_groups and base is not None:
            return group_figures(base, judgments, policy)[0]
        return compute_figure(name, judgments, policy)

    def value(records: Sequence[Mapping[str, Any]]) -> float:
        return once(records).value

    value.__name__ = name
    value.critic_eval_stderr = lambda records: once(records).stderr  # type: ignore[attr-defined]
    return value


def left_out(summaries: Sequence[str]) -> str:
    """What was left out, by reason; a text, which lmms-eval shows as it stands."""
    return next((summary for summary in summaries if summary), "0")

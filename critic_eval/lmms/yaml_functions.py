"""What the `utils.py` beside a task's YAML offers to `!function`: parts of the tasks, and aggregations of figures."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from critic_eval.judging import Judgment
from critic_eval.lmms.tasks import LEFT_OUT_COLUMN, JudgeTask
from critic_eval.metrics import Figure, InvalidPolicy, compute_figure, figure_of_metric, group_figures


def functions(tasks: Mapping[str, JudgeTask]) -> Callable[[str], Any]:
    """The `__getattr__` of a `utils.py`: `pair_text` is the method `text` of the task `pair`, `pearson` a figure.

    Of a task's source there are `pair_path`, `pair_name` and `pair_kwargs`, worked out when a task is loaded.
    """

    def lookup(name: str) -> Any:
        short, _, part = name.rpartition("_")
        if short in tasks and part in _PARTS:
            return getattr(tasks[short], part)
        if short in tasks and part in _SOURCE_PARTS and tasks[short].source is not None:
            return getattr(tasks[short].source, part)()
        if name == LEFT_OUT_COLUMN:
            return _left_out
        if figure_of_metric(name)[0] is not None:
            return aggregation(name)
        raise AttributeError(name)

    return lookup


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


def invalid_policy(records: Sequence[Mapping[str, Any]]) -> InvalidPolicy:
    """What becomes of invalid verdicts in the figures of these records."""
    policy: InvalidPolicy = records[0].get("policy", "exclude") if records else "exclude"
    return policy


def _left_out(summaries: Sequence[str]) -> str:
    """What was left out, by reason; a text, which lmms-eval shows as it stands."""
    return next((summary for summary in summaries if summary), "0")


_PARTS = ("prepare", "visuals", "text", "target", "results")
_SOURCE_PARTS = ("path", "name", "kwargs")

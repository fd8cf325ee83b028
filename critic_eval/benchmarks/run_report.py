"""What a run's results JSON holds under `critic_eval`: each figure with interval, n, invalid verdicts and signature.

lmms-eval's own columns have room for a value and a standard error. It aggregates a task without its name and saves
results without its judgments, so what the figures need is kept here in between, for the process.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from critic_eval import __version__
from critic_eval.benchmarks.task import LEFT_OUT_COLUMN
from critic_eval.benchmarks.yaml_functions import MEAN_PREFIX, invalid_policy
from critic_eval.judging import Judgment, get_protocol, protocol_names
from critic_eval.metrics import Figure, figure_names, group_figures
from critic_eval.metrics.signature import Signature

RESAMPLES, SEED = 1000, 0

Records = Sequence[Mapping[str, Any]]


def note_critic(model: str, settings: Mapping[str, str]) -> None:
    """Keep what a model of lmms-eval's says of itself, for the signatures of the figures that it gets."""
    _critics[model] = dict(settings)


def note_costs(model: str, seconds: Mapping[str, float]) -> None:
    """Keep the seconds that a judgment of each task took a model of lmms-eval's."""
    _costs.update({(model, task): cost for task, cost in seconds.items()})


def note_task(task: str, metrics: Mapping[str, Any], generation: Mapping[str, Any]) -> None:
    """Work out and keep the figures of a task; one that is not ours is passed over.

    Args:
        task: its name.
        metrics: by their names, the records that each is computed from.
        generation: how answers are generated, as the task says.
    """
    if "judgment" not in metrics:
        return
    bases = dict.fromkeys(name.removeprefix(MEAN_PREFIX) for name in metrics)
    figures: list[Figure] = []
    for base in bases:
        records = metrics.get(base, metrics.get(MEAN_PREFIX + base, ()))
        if base in figure_names() and records:
            judgments = [Judgment.from_record(record) for record in records]
            figures += group_figures(base, judgments, invalid_policy(records), RESAMPLES, SEED)
    judgments = [Judgment.from_record(record) for record in metrics["judgment"]]
    policies = [invalid_policy(metrics[name]) for name in metrics if name.removeprefix(MEAN_PREFIX) in figure_names()]
    settings = {
        **judged_settings(judgments),
        "decoding": _decoding(generation),
        "orientation": "+".join(sorted({record.get("orientation", "by exif") for record in metrics["judgment"]})),
        "invalid": "wrong" if "wrong" in policies else "exclude",
        "bootstrap": str(RESAMPLES),
        "seed": str(SEED),
        "version": __version__,
    }
    left_out = next((text for text in metrics.get(LEFT_OUT_COLUMN, ()) if text), "")
    _tasks[task] = {"settings": settings, "left_out": left_out, "figures": [full_record(found) for found in figures]}


def report(tasks: Iterable[str], model: str, model_args: str) -> dict[str, Any]:
    """The section `critic_eval` of a results JSON: for each of these tasks that is ours, its figures and signature."""
    critic = {"critic": model, **_critics.get(model, {"arguments": model_args})}
    found = {}
    for task in tasks:
        if task in _tasks:
            settings = {"benchmark": task, **critic, **_tasks[task]["settings"]}
            cost = {"seconds_per_judgment": _costs[model, task]} if (model, task) in _costs else {}
            found[task] = {**_tasks[task], **cost, "settings": settings, "signature": str(Signature(settings))}
    return found


def judged_settings(judgments: Sequence[Judgment]) -> dict[str, str]:
    """The part of a signature that judgments tell: protocols and their prompts, orders, and which items they are on.

    `items` is their number and a digest of ids, orders and labels: equal where the same was judged, in any order.
    """
    protocols = sorted({judgment.protocol for judgment in judgments})
    judged = sorted(
        json.dumps([one.item_id, one.order, one.label.to_record() if one.label else None]) for one in judgments
    )
    digest = hashlib.sha256("\n".join(judged).encode()).hexdigest()[:8]
    return {
        "protocol": "+".join(protocols),
        "prompt": "+".join(get_protocol(name).prompt_hash for name in protocols if name in protocol_names()),
        "orders": "+".join(sorted({judgment.order for judgment in judgments})),
        "items": f"{len({judgment.item_id for judgment in judgments})}-{digest}",
    }


def figure_record(found: Figure) -> dict[str, Any]:
    """A figure as a dict that JSON can hold; NaN becomes None."""
    return {
        "name": found.name,
        "group": found.group,
        "value": _number(found.value),
        "low": _number(found.low),
        "high": _number(found.high),
        "n": found.n,
        "invalid": sum(found.invalid.values()),
    }


def full_record(found: Figure) -> dict[str, Any]:
    """`figure_record`, with the standard error, invalid verdicts by reason, and why there is no value."""
    more = {"stderr": _number(found.stderr), "invalid_by_reason": found.invalid, "unlabeled": found.unlabeled}
    return {**figure_record(found), **more, **({"reason": found.reason} if found.reason else {})}


_critics: dict[str, dict[str, str]] = {}
_tasks: dict[str, dict[str, Any]] = {}
_costs: dict[tuple[str, str], float] = {}


def _decoding(generation: Mapping[str, Any]) -> str:
    kept = {name: value for name, value in sorted(generation.items()) if value not in (None, [], "")}
    return ",".join(f"{name}={value}" for name, value in kept.items())


def _number(value: float) -> float | None:
    return None if value != value else value

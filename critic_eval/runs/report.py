"""What a run's results JSON holds under `critic_eval`: each figure with interval, n, invalid verdicts and signature.

lmms-eval's own columns have room for a value and a standard error. It aggregates a task without its name and saves
results without its judgments, so what the figures need is kept here in between, for the process.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from critic_eval import __version__
from critic_eval.benchmarks.benchmark import LEFT_OUT
from critic_eval.benchmarks.registry import find_benchmark
from critic_eval.judging import Judgment, get_protocol, protocol_names, read_stated
from critic_eval.metrics import (
    COLLAPSE_FIGURES,
    CONFIDENCE_FIGURES,
    Figure,
    InvalidPolicy,
    applies,
    carry_confidence,
    collapse_note,
    compute_figure,
    group_figures,
)
from critic_eval.metrics.columns import counts, encoded
from critic_eval.metrics.juries import JuryRule, jury_report
from critic_eval.metrics.signature import Signature
from critic_eval.runs.figure_records import full_record
from critic_eval.runs.juries import jury_record

RESAMPLES, SEED = 1000, 0

Records = Sequence[Mapping[str, Any]]


def note_critic(model: str, settings: Mapping[str, str], trained_on: Mapping[str, str] | None = None) -> None:
    """Keep what a model of lmms-eval's says of itself, for the signatures of the figures that it gets.

    Args:
        model: its name for lmms-eval.
        settings: what goes into signatures.
        trained_on: what is known of its training on the data of benchmarks, by their names; None leaves what was noted.
    """
    _critics[model] = dict(settings)
    if trained_on is not None:
        _trained_on[model] = dict(trained_on)


class Cost(NamedTuple):
    """What a judgment took: seconds, and tokens of thoughts and of answers."""

    seconds: float
    thought_tokens: float = 0.0
    answer_tokens: float = 0.0


def note_costs(model: str, costs: Mapping[str, Cost]) -> None:
    """Keep what a judgment of each task took a model of lmms-eval's."""
    _costs.update({(model, task): cost for task, cost in costs.items()})


def note_jury(task: str, rule: JuryRule, held_out: int) -> None:
    """Keep how the verdicts of a task's jury are pooled, and how many judgments its weights were fitted on."""
    _juries[task] = (rule, held_out)


def noted(model: str) -> tuple[dict[str, str], dict[str, Cost]]:
    """What a model said of itself, and what a judgment of each task took it; for one that is made of it."""
    return dict(_critics.get(model, {})), {task: cost for (of_model, task), cost in _costs.items() if of_model == model}


def note_task(task: str, metrics: Mapping[str, Any], generation: Mapping[str, Any], draws: int = 1) -> None:
    """Work out and keep the figures of a task; one that is not ours is passed over.

    Args:
        task: name of the task.
        metrics: by their names, the records that each is computed from.
        generation: how answers are generated, as the task says.
        draws: how many answers lmms-eval asked for each request.
    """
    if "judgment" not in metrics:
        return
    judgments = [Judgment.from_record(record) for record in metrics["judgment"]]
    records = _counted(metrics)
    counted, policy = [Judgment.from_record(record) for record in records], invalid_policy(records)
    names = find_benchmark(task).all_figures
    figures: list[Figure] = []
    for index, name in enumerate(names):
        among = judgments if name == "invalid_rate" else counted
        # A benchmark's own figure is shown even if it can't apply, and then says why.
        if index == 0 or applies(name, among) is None:
            figures += group_figures(name, among, policy, RESAMPLES, SEED)
    figures += side_figures(judgments, counted, policy, names, RESAMPLES, SEED)
    if draws > 1:
        figures += group_figures("draw_agreement", judgments, resamples=RESAMPLES, seed=SEED)
    rule, held_out = _juries.get(task, (JuryRule(), 0)) if judgments[0].members else (JuryRule(), 0)
    settings = {
        **({} if rule.weights is None else {"member_weights": ";".join(f"{weight:g}" for weight in rule.weights)}),
        **judged_settings(judgments),
        "decoding": "",
        **({"draws": str(draws)} if draws > 1 else {}),
        "orientation": "+".join(sorted({record.get("orientation", "by exif") for record in metrics["judgment"]})),
        "invalid": policy,
        "bootstrap": str(RESAMPLES),
        "seed": str(SEED),
        "version": __version__,
    }
    left_out = next((text for text in metrics.get(LEFT_OUT, ()) if text), "")
    _generation[task] = dict(generation)
    _tasks[task] = {
        "settings": settings,
        "left_out": left_out,
        "verdicts": verdict_counts(judgments),
        "figures": [full_record(figure) for figure in figures],
        "diagnostics": [full_record(figure) for figure in collapse_figures(judgments, RESAMPLES, SEED)],
        "notes": notes_on(judgments),
    }
    if judgments[0].members:
        of_jury = jury_report(judgments, names, policy, rule, RESAMPLES, SEED)
        _tasks[task]["jury"] = jury_record(of_jury, held_out)


def side_figures(
    judgments: Sequence[Judgment],
    counted: Sequence[Judgment],
    policy: InvalidPolicy,
    named: Sequence[str],
    resamples: int,
    seed: int,
) -> list[Figure]:
    """Figures over all items that come with what answers happen to hold: thoughts that end or not, and confidence.

    Args:
        judgments: as they were read.
        counted: as a benchmark's figures count them.
        policy: what becomes of invalid ones.
        named: figures of the benchmark, which has these of itself.
        resamples: of the bootstrap.
        seed: of the bootstrap.
    """
    figures = []
    if "unfinished_thinking" not in named and applies("unfinished_thinking", judgments) is None:
        figures.append(compute_figure("unfinished_thinking", judgments, policy, resamples, seed))
    if carry_confidence(counted):
        wanted = [name for name in CONFIDENCE_FIGURES if name not in named and applies(name, counted) is None]
        figures += [compute_figure(name, counted, policy, resamples, seed) for name in wanted]
    return figures


def collapse_figures(judgments: Sequence[Judgment], resamples: int, seed: int) -> list[Figure]:
    """How a critic uses its scale, over all items; none where it gives no scores."""
    wanted = [name for name in COLLAPSE_FIGURES if _gives_scores(judgments) and applies(name, judgments) is None]
    return [compute_figure(name, judgments, resamples=resamples, seed=seed) for name in wanted]


def notes_on(judgments: Sequence[Judgment]) -> list[str]:
    """What of the verdicts is to be known beside any figure of them, a sentence each."""
    note = collapse_note(judgments) if _gives_scores(judgments) else None
    return [] if note is None else [note]


def _gives_scores(judgments: Sequence[Judgment]) -> bool:
    return any(verdict.kind in ("score", "scores") for verdict in encoded(judgments, "verdict").values)


def invalid_policy(records: Sequence[Mapping[str, Any]]) -> InvalidPolicy:
    """What becomes of invalid verdicts in the figures of these records."""
    policy: InvalidPolicy = records[0].get("policy", "exclude") if records else "exclude"
    return policy


def _counted(metrics: Mapping[str, Any]) -> Records:
    """The records of a task's figures, which all share them; what is told of the answers themselves has its own."""
    apart = ("judgment", "invalid_rate", LEFT_OUT)
    records: Records = next((metrics[name] for name in metrics if name not in apart), metrics["judgment"])
    return records


def report(tasks: Iterable[str], model: str, model_args: str) -> dict[str, Any]:
    """The section `critic_eval` of a results JSON: for each of these tasks that is ours, its figures and signature."""
    critic = {"critic": model, **_critics.get(model, {"arguments": model_args})}
    section = {}
    for task in tasks:
        if task in _tasks:
            drawn = _DRAWING if "sampling" in critic else ()
            settings = {"benchmark": task, **critic, **_tasks[task]["settings"]}
            settings["decoding"] = _decoding(_generation[task], but=drawn)
            cost = _cost_record(_costs.get((model, task)))
            notes = [*_tasks[task]["notes"], *_training_notes(model, task)]
            signature = {"settings": settings, "signature": str(Signature(settings))}
            section[task] = {**_tasks[task], **cost, "notes": notes, **signature}
    return section


def judged_settings(judgments: Sequence[Judgment]) -> dict[str, str]:
    """The part of a signature that judgments tell: protocols and their prompts, orders, and which items they are on.

    `items` is their number and a digest of ids, orders and labels: equal where the same was judged, in any order.
    """
    items, orders, labels, protocol = (encoded(judgments, name) for name in ("item_id", "order", "label", "protocol"))
    protocols = sorted(set(protocol.values))
    # Each judged line is the JSON of [item, order, label]; its parts are written once for each distinct one.
    written = [
        [json.dumps(item) for item in items.values],
        [json.dumps(order) for order in orders.values],
        [json.dumps(label.to_record() if label else None) for label in labels.values],
    ]
    rows = zip(items.codes.tolist(), orders.codes.tolist(), labels.codes.tolist(), strict=True)
    judged = sorted(f"[{written[0][item]}, {written[1][order]}, {written[2][label]}]" for item, order, label in rows)
    digest = hashlib.sha256("\n".join(judged).encode()).hexdigest()[:8]
    return {
        "protocol": "+".join(protocols),
        "prompt": "+".join(get_protocol(name).prompt_hash for name in protocols if name in protocol_names()),
        "orders": "+".join(sorted(set(orders.values))),
        "items": f"{len(items.values)}-{digest}",
    }


def verdict_counts(judgments: Sequence[Judgment]) -> dict[str, Any]:
    """How many verdicts there are, in which forms they were read, how many are invalid, and the commonest reasons.

    A reason comes with how many verdicts it has and an example: the beginning and the end of the first answer that was
    invalid for it; empty where it had none.
    """
    invalid = [judgment for judgment in judgments if not judgment.verdict.is_valid]
    reasons = []
    for reason, count in Counter(judgment.verdict.reason or "" for judgment in invalid).most_common(_REASONS):
        texts = (judgment.raw.strip() for judgment in invalid if (judgment.verdict.reason or "") == reason)
        example = next((text for text in texts if text and read_stated(text) is None), "")
        reasons.append({"reason": reason, "count": count, "example": _shortened(example)})
    return {"n": len(judgments), "read_as": forms_read(judgments), "invalid": len(invalid), "reasons": reasons}


def forms_read(judgments: Sequence[Judgment]) -> dict[str, int]:
    """How many verdicts were read in which form (`Judgment.read_as`), the commonest first."""
    forms = [(form, times) for form, times in counts(encoded(judgments, "read_as")) if form is not None]
    return dict(sorted(forms, key=lambda entry: -entry[1]))


def _training_notes(model: str, task: str) -> list[str]:
    """That a critic may know the items of a task from its training."""
    known = _trained_on.get(model, {}).get(find_benchmark(task).base)
    return [] if known is None else [f"the critic may know these items: {known}"]


def _cost_record(cost: Cost | None) -> dict[str, float]:
    if cost is None:
        return {}
    tokens = {"thought_tokens_per_judgment": cost.thought_tokens, "answer_tokens_per_judgment": cost.answer_tokens}
    return {"seconds_per_judgment": cost.seconds, **(tokens if any(tokens.values()) else {})}


_critics: dict[str, dict[str, str]] = {}
_trained_on: dict[str, dict[str, str]] = {}
_juries: dict[str, tuple[JuryRule, int]] = {}
_tasks: dict[str, dict[str, Any]] = {}
_costs: dict[tuple[str, str], Cost] = {}
_generation: dict[str, dict[str, Any]] = {}


def _decoding(generation: Mapping[str, Any], but: Container[str]) -> str:
    """How a task has answers generated, without what its critic does in another way."""
    kept = {
        name: value for name, value in sorted(generation.items()) if value not in (None, [], "") and name not in but
    }
    return ",".join(f"{name}={value}" for name, value in kept.items())


def _shortened(text: str) -> str:
    return text if len(text) <= 2 * _SHOWN else f"{text[:_SHOWN]} … {text[-_SHOWN:]}"


_REASONS, _SHOWN = 3, 30
_DRAWING = ("do_sample", "temperature", "top_p", "top_k")

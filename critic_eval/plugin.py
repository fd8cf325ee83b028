"""What lmms-eval loads: the entry point that names our models and makes our tasks and standard errors known to it.

lmms-eval has an entry-point group for models and none for tasks, and it knows the standard errors of its own
aggregations alone. It loads the models' entry points when `lmms_eval.models` is first imported, which every way of
starting it does before it builds a `TaskManager`; that is where the missing hooks are put in. Each wraps one
function, add what is ours, and leave all else as it is. So do two more, which put our figures in full, with intervals
and signatures, into the results JSON.
"""

import functools
from pathlib import Path
from typing import Any

from critic_eval.package_data import data_folder


def model_manifests() -> list[Any]:
    """The models of this package, for the entry-point group `lmms_eval.models`."""
    from lmms_eval.models.registry_v2 import ModelManifest

    install()
    return [ModelManifest(model_id=name, chat_class_path=path) for name, path in _MODELS.items()]


def install() -> None:
    """Make our tasks and the standard errors of our aggregations known to lmms-eval; safe to call again."""
    from lmms_eval import evaluator_utils
    from lmms_eval.loggers import evaluation_tracker
    from lmms_eval.tasks import TaskManager

    if not hasattr(TaskManager.initialize_tasks, "__wrapped__"):
        TaskManager.initialize_tasks = _with_our_tasks(TaskManager.initialize_tasks)
        evaluator_utils.stderr_for_metric = _with_our_stderr(evaluator_utils.stderr_for_metric)
        output = evaluator_utils.TaskOutput
        output.calculate_aggregate_metric = _noting_figures(output.calculate_aggregate_metric)
        tracker = evaluation_tracker.EvaluationTracker
        tracker.save_results_aggregated = _with_our_report(tracker.save_results_aggregated)
        evaluation_tracker.sanitize_model_name = _never_hidden(evaluation_tracker.sanitize_model_name)


_MODELS = {
    "llava_critic": "critic_eval.critics.adapter.LlavaCritic",
    "recorded_judge": "critic_eval.critics.recorded_judge.RecordedJudge",
    "planted_judge": "critic_eval.critics.planted_judge.PlantedJudge",
}


def tasks_folder() -> Path:
    """The folder of our task YAMLs."""
    return data_folder("tasks")


def _with_our_tasks(initialize_tasks: Any) -> Any:
    @functools.wraps(initialize_tasks)
    def wrapped(self: Any, include_path: Any = None, include_defaults: bool = True) -> Any:
        # Ours come last: where names clash, lmms-eval keeps the earlier folder's, so a user's own task wins.
        given = [include_path] if isinstance(include_path, str) else list(include_path or [])
        return initialize_tasks(self, [*given, str(tasks_folder())], include_defaults)

    return wrapped


def _with_our_stderr(stderr_for_metric: Any) -> Any:
    @functools.wraps(stderr_for_metric)
    def wrapped(metric: Any, bootstrap_iters: int) -> Any:
        ours = getattr(metric, "critic_eval_stderr", None)
        if ours is not None:
            return ours if bootstrap_iters > 0 else None
        return stderr_for_metric(metric=metric, bootstrap_iters=bootstrap_iters)

    return wrapped


def _never_hidden(sanitize_model_name: Any) -> Any:
    @functools.wraps(sanitize_model_name)
    def wrapped(model_name: str, *args: Any, **kwargs: Any) -> str:
        # lmms-eval names the folder of results after the model; `./hf` would give the hidden `.__hf`.
        name = str(sanitize_model_name(model_name, *args, **kwargs))
        return name if not name.startswith(".") else Path(model_name).resolve().name.lstrip(".") or "model"

    return wrapped


def _noting_figures(calculate_aggregate_metric: Any) -> Any:
    @functools.wraps(calculate_aggregate_metric)
    def wrapped(self: Any, *args: Any, **kwargs: Any) -> Any:
        calculate_aggregate_metric(self, *args, **kwargs)
        from critic_eval.benchmarks.run_report import note_task

        metrics = {metric: records for (metric, _), records in self.sample_metrics.items()}
        note_task(self.task_name, metrics, self.task.config.generation_kwargs or {})

    return wrapped


def _with_our_report(save_results_aggregated: Any) -> Any:
    @functools.wraps(save_results_aggregated)
    def wrapped(self: Any, results: Any, *args: Any, **kwargs: Any) -> Any:
        from critic_eval.benchmarks.run_report import report

        config = results.get("config", {})
        ours = report(results.get("results", ()), str(config.get("model")), str(config.get("model_args")))
        if ours:
            results["critic_eval"] = ours
        return save_results_aggregated(self, results, *args, **kwargs)

    return wrapped

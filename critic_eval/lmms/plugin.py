"""What lmms-eval loads: the entry point that names our models and makes our tasks and standard errors known to it.

lmms-eval has an entry-point group for models and none for tasks, and it knows the standard errors of its own
aggregations alone. It loads the models' entry points when `lmms_eval.models` is first imported, which every way of
starting it does before it builds a `TaskManager`; that is where the missing hooks are put in. Each wraps one
function, adds what is ours, and leaves all else as it is. So do more, which measure every draw where answers are
repeated, put our figures in full, with intervals and signatures, into the results, and write files whole or not at all.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from critic_eval.lmms import parts, saving


def model_manifests() -> list[Any]:
    """The models of this package, for the entry-point group `lmms_eval.models`."""
    from lmms_eval.models.registry_v2 import ModelManifest

    install()
    listed = parts.CHAT_MODELS.find()
    if listed is not None:
        listed.update(_MODELS)
    return [ModelManifest(model_id=name, chat_class_path=path) for name, path in _MODELS.items()]


def install() -> None:
    """Make our tasks and the standard errors of our aggregations known to lmms-eval; safe to call again.

    Raises:
        DependencyError: lmms-eval can't be imported, or is not as it was.
    """
    from critic_eval.lmms import draws

    parts.TASK_FOLDERS.wrap(_with_our_tasks)
    parts.TASK_CONFIG.wrap(_with_our_config)
    parts.STANDARD_ERRORS.wrap(_with_our_stderr)
    parts.AGGREGATION.wrap(_noting_figures)
    parts.ANSWER_FILTERS.wrap(draws.with_all_answers)
    parts.SAVED_RESULTS.wrap(saving.whole_results)
    parts.SAVED_SAMPLES.wrap(saving.whole_samples)
    parts.FOLDER_NAME.wrap(_never_hidden)
    parts.wrap_python_call(_with_our_report)


_MODELS = {
    "llava_critic": "critic_eval.lmms.models.llava_critic.LlavaCritic",
    "recorded_judge": "critic_eval.lmms.models.recorded_judge.RecordedJudge",
    "planted_judge": "critic_eval.lmms.models.planted_judge.PlantedJudge",
    "jury": "critic_eval.lmms.models.jury.Jury",
}


def _with_our_tasks(initialize_tasks: Any) -> Any:
    def wrapped(self: Any, include_path: Any = None, include_defaults: bool = True) -> Any:
        from critic_eval.benchmarks import registry
        from critic_eval.lmms.own_index import leaves_theirs_out

        folders = [include_path] if isinstance(include_path, str) else list(include_path or [])
        index = initialize_tasks(self, folders or None, include_defaults and not leaves_theirs_out())
        for folder in folders:
            registry.add_folder(folder)
        known = registry.benchmarks()
        ours = {
            benchmark.name: {"type": "task", "yaml_path": _DECLARED if benchmark.file is None else str(benchmark.file)}
            for benchmark in known
        }
        suites = {name: {"type": "group", "task": tasks, "yaml_path": -1} for name, tasks in registry.suites().items()}
        # Where names clash, lmms-eval keeps the earlier folder's, so a task of another form wins.
        files = {benchmark.file for benchmark in known}
        others = {name: entry for name, entry in index.items() if _file(entry) not in files}
        return {**ours, **suites, **others}

    return wrapped


def _with_our_config(get_config: Any) -> Any:
    def wrapped(self: Any, name: str) -> Any:
        from critic_eval.benchmarks import registry
        from critic_eval.lmms.tasks import task_config

        entry = self.task_index.get(name, {})
        benchmark = next((known for known in registry.benchmarks() if known.name == name), None)
        if benchmark is None or not (entry.get("yaml_path") == _DECLARED or _file(entry) == benchmark.file):
            return get_config(self, name)
        return task_config(benchmark)

    return wrapped


_DECLARED = "declared by a plugin"
"""Stands in lmms-eval's index for the file of a benchmark that was registered without one."""


def _file(entry: Mapping[str, Any]) -> Path | None:
    """The file of a task in lmms-eval's index, if it has one."""
    path = entry.get("yaml_path")
    return Path(path).resolve() if isinstance(path, str) and path != _DECLARED else None


def _with_our_stderr(stderr_for_metric: Any) -> Any:
    def wrapped(metric: Any, bootstrap_iters: int) -> Any:
        ours = getattr(metric, "critic_eval_stderr", None)
        if ours is not None:
            return ours if bootstrap_iters > 0 else None
        return stderr_for_metric(metric=metric, bootstrap_iters=bootstrap_iters)

    return wrapped


def _never_hidden(sanitize_model_name: Any) -> Any:
    def wrapped(model_name: str, *args: Any, **kwargs: Any) -> str:
        # lmms-eval names the folder of results after the model; `./hf` would give the hidden `.__hf`.
        name = str(sanitize_model_name(model_name, *args, **kwargs))
        return name if not name.startswith(".") else Path(model_name).resolve().name.lstrip(".") or "model"

    return wrapped


def _noting_figures(calculate_aggregate_metric: Any) -> Any:
    def wrapped(self: Any, *args: Any, **kwargs: Any) -> Any:
        from critic_eval.lmms import draws
        from critic_eval.runs.report import note_task

        for column, records in self.sample_metrics.items():
            self.sample_metrics[column] = draws.unfolded(records)
        self.logged_samples = draws.unfolded_samples(self.logged_samples)
        calculate_aggregate_metric(self, *args, **kwargs)
        metrics = {metric: records for (metric, _), records in self.sample_metrics.items()}
        config = self.task.config
        note_task(self.task_name, metrics, config.generation_kwargs or {}, draws.repeats_of(self.task))

    return wrapped


def _with_our_report(simple_evaluate: Any) -> Any:
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        results = simple_evaluate(*args, **kwargs)
        from critic_eval.runs.report import report

        if results is not None:  # as in processes that share the work, all but one
            config = results.get("config", {})
            ours = report(results.get("results", ()), str(config.get("model")), str(config.get("model_args")))
            if ours:
                results[saving.SECTION] = ours
        return results

    return wrapped

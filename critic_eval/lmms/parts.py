"""Parts of lmms-eval that are not a public interface: the one place that names them (see `compat.Part`)."""

import sys
from collections.abc import Callable
from typing import Any

from critic_eval.compat import Part, wrapped_once

_LMMS_EVAL = "lmms-eval"
TASK_FOLDERS = Part(_LMMS_EVAL, "lmms_eval.tasks", "TaskManager.initialize_tasks", ("include_path", "include_defaults"))
"""Where lmms-eval looks for tasks: it has no entry point for folders of them."""
TASK_CONFIG = Part(_LMMS_EVAL, "lmms_eval.tasks", "TaskManager._get_config", ("name",))
"""The config of a task by its name, from its YAML."""
STANDARD_ERRORS = Part(_LMMS_EVAL, "lmms_eval.evaluator_utils", "stderr_for_metric", ("metric", "bootstrap_iters"))
"""It knows the standard errors of its own aggregations alone."""
AGGREGATION = Part(_LMMS_EVAL, "lmms_eval.evaluator_utils", "TaskOutput.calculate_aggregate_metric")
"""Where the records that a figure is made of are last seen."""
SAVED_RESULTS = Part(
    _LMMS_EVAL, "lmms_eval.loggers.evaluation_tracker", "EvaluationTracker.save_results_aggregated", ("results",)
)
"""Where results are written."""
SAVED_SAMPLES = Part(
    _LMMS_EVAL,
    "lmms_eval.loggers.evaluation_tracker",
    "EvaluationTracker.save_results_samples",
    ("task_name", "samples"),
)
"""Where samples are written."""
FOLDER_NAME = Part(_LMMS_EVAL, "lmms_eval.loggers.evaluation_tracker", "sanitize_model_name", ("model_name",))
"""What the folder of a model's results is called."""
ANSWER_FILTERS = Part(_LMMS_EVAL, "lmms_eval.api.task", "ConfigurableTask.apply_filters")
"""What becomes of the answers to a request before a task sees them: only the first is left."""
FIRST_ANSWER = Part(_LMMS_EVAL, "lmms_eval.filters.selection", "TakeFirstFilter")
"""The filter that leaves only the first."""
PYTHON_CALL = Part(_LMMS_EVAL, "lmms_eval.evaluator", "simple_evaluate", ("model", "model_args", "tasks"))
"""An evaluation from Python, and inside the command."""
DECORATOR = Part(_LMMS_EVAL, "lmms_eval.utils", "positional_deprecated", ("fn",))
"""What decorates it."""
EVALUATION = Part(_LMMS_EVAL, "lmms_eval.__main__", "cli_evaluate_single", ("args",))
"""One evaluation of its command, whose errors it swallows."""
COMMAND_ARGUMENTS = Part(_LMMS_EVAL, "lmms_eval.__main__", "parse_eval_args")
"""The parser of its command."""
COMMAND = Part(_LMMS_EVAL, "lmms_eval.cli.dispatch", "main")
"""Its command."""
TASK_MATCHES = Part(_LMMS_EVAL, "lmms_eval.tasks", "TaskManager.match_tasks", ("task_list",))
"""Which tasks are meant by the names and patterns of a command; it passes over those that fit none."""
TASK_INDEX = Part(_LMMS_EVAL, "lmms_eval.__main__", "TaskManager", ("model_name",))
"""The index of all tasks, which it reads anew, in seconds, for each evaluation."""
CHAT_MODELS = Part(_LMMS_EVAL, "lmms_eval.models", "AVAILABLE_CHAT_TEMPLATE_MODELS")
"""What its listing of models shows; it adds there what older plugins bring, and not what entry points do."""
EVALUATION_BAR = Part(_LMMS_EVAL, "lmms_eval.evaluator", "tqdm")
REQUEST_BAR = Part(_LMMS_EVAL, "lmms_eval.api.task", "tqdm")

PARTS = (
    *(TASK_FOLDERS, TASK_CONFIG, STANDARD_ERRORS, AGGREGATION, SAVED_RESULTS, EVALUATION, COMMAND_ARGUMENTS, COMMAND),
    *(SAVED_SAMPLES, ANSWER_FILTERS, FIRST_ANSWER, PYTHON_CALL, DECORATOR),
    *(TASK_MATCHES, TASK_INDEX, CHAT_MODELS, EVALUATION_BAR, REQUEST_BAR, FOLDER_NAME),
)
"""All that are declared."""


def wrap_python_call(wrapper: Callable[[Any], Any]) -> None:
    """Wrap `PYTHON_CALL`, once; while its module is only being imported, as when plugins load, at its decorator.

    Raises:
        DependencyError: it is not there, or is not what it was.
    """
    if hasattr(sys.modules.get(PYTHON_CALL.module), PYTHON_CALL.name):
        PYTHON_CALL.wrap(wrapper)
        return

    def meeting(decorate: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def decorated(fn: Any) -> Any:
            is_met = (fn.__module__, fn.__name__) == (PYTHON_CALL.module, PYTHON_CALL.name)
            return wrapped_once(decorate(fn), wrapper) if is_met else decorate(fn)

        return decorated

    DECORATOR.wrap(meeting)

"""The embedded critic holds what its card says, and it looks at the image."""

from typing import Any

import pytest

from tests.conftest import Once, task_index

pytestmark = pytest.mark.slow  # 3,500 judgments

RESULT_BOUNDS = {
    ("critic_digits_pair", "accuracy_without_tie"): (0.95, 1.0),
    ("critic_digits_pair", "order_consistency"): (0.95, 1.0),
    ("critic_digits_pair", "invalid_rate"): (0.0, 0.01),
    ("critic_digits_score", "pearson"): (0.85, 1.0),
    ("critic_digits_score", "invalid_rate"): (0.0, 0.01),
    ("critic_digits_rank", "levenshtein"): (0.0, 0.15),
    ("critic_digits_rank", "invalid_rate"): (0.0, 0.01),
}


def evaluate(model_args: str, *tasks: str) -> dict[str, Any]:
    from lmms_eval.evaluator import simple_evaluate

    judge = {"model": "llava_critic", "model_args": model_args}
    results = simple_evaluate(**judge, tasks=list(tasks), log_samples=False, task_manager=task_index())
    figures: dict[str, Any] = results["results"]
    return figures


@pytest.fixture(scope="module")
def results(once: Once) -> dict[str, Any]:
    figures: dict[str, Any] = once("digits_figures", lambda: evaluate("pretrained=digits,device=cpu", "critic_digits"))
    return figures


@pytest.mark.parametrize(("task", "metric"), list(RESULT_BOUNDS))
def test_it_reaches_its_figures_on_held_out_items(task: str, metric: str, results: dict[str, Any]) -> None:
    low, high = RESULT_BOUNDS[task, metric]
    assert low <= results[task][f"{metric},none"] <= high


def test_every_figure_has_a_standard_error(results: dict[str, Any]) -> None:
    for task, metric in RESULT_BOUNDS:
        assert 0 <= results[task][f"{metric}_stderr,none"] < 0.05


def test_it_falls_to_chance_when_images_are_shuffled() -> None:
    arguments = "pretrained=digits,device=cpu,image_policy=shuffled,reasons=False"  # which would change no verdict
    shuffled = evaluate(arguments, "critic_digits_pair")
    assert 0.45 <= shuffled["critic_digits_pair"]["accuracy_without_tie,none"] <= 0.55

"""What answers cost to compute, whenever that was: each once, though it may answer several requests."""

from collections.abc import Mapping

from lmms_eval.models.model_utils.gen_metrics import log_metrics

from critic_eval.critics.generation import Answer
from critic_eval.lmms.requests import Requests


def answer_costs(asked: Requests, answers: Mapping[int, Answer]) -> dict[str, float]:
    """Seconds that a judgment of each task took; lmms-eval is told of all together.

    Args:
        asked: the requests that lmms-eval made, with their tasks.
        answers: by the requests' indices, partners' included.
    """
    seconds: dict[str, float] = {}
    counted: set[int] = set()
    tokens = 0
    for index, answer in answers.items():
        if id(answer) not in counted:
            counted.add(id(answer))
            task = asked.task(index)
            seconds[task] = seconds.get(task, 0.0) + answer.seconds
            tokens += answer.output_tokens
    total = sum(seconds.values())
    log_metrics(
        total_elapsed_time=total,
        total_gen_tokens=tokens,
        avg_speed=tokens / total if total else 0.0,
        additional_metrics={"total_requests": len(asked)},
    )
    requests: dict[str, int] = {}
    for index in range(len(asked)):
        requests[asked.task(index)] = requests.get(asked.task(index), 0) + 1
    return {task: seconds.get(task, 0.0) / n for task, n in requests.items()}

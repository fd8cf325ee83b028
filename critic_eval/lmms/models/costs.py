"""What answers cost to compute, whenever that was: each once, though it may answer several requests."""

from collections.abc import Mapping, Sequence

from lmms_eval.api.instance import TokenCounts
from lmms_eval.models.model_utils.gen_metrics import log_metrics

from critic_eval.critics.generation import Answer
from critic_eval.lmms.requests import Requests
from critic_eval.runs.report import Cost


def answer_costs(asked: Requests, answers: Mapping[int, Answer]) -> dict[str, Cost]:
    """What a judgment of each task took; lmms-eval is told of all together.

    Args:
        asked: the requests that lmms-eval made, with their tasks.
        answers: by the requests' indices, those of their other parts included.
    """
    seconds: dict[str, float] = {}
    thought: dict[str, int] = {}
    said: dict[str, int] = {}
    counted: set[int] = set()
    for index, answer in answers.items():
        if id(answer) in counted:
            continue
        counted.add(id(answer))
        task = asked.task(index)
        seconds[task] = seconds.get(task, 0.0) + answer.seconds
        thought[task] = thought.get(task, 0) + (answer.thought_tokens or 0)
        said[task] = said.get(task, 0) + answer.output_tokens - (answer.thought_tokens or 0)
    total, tokens = sum(seconds.values()), sum(thought.values()) + sum(said.values())
    log_metrics(
        total_elapsed_time=total,
        total_gen_tokens=tokens,
        avg_speed=tokens / total if total else 0.0,
        additional_metrics={"total_requests": len(asked)},
    )
    requests: dict[str, int] = {}
    for index in range(len(asked)):
        requests[asked.task(index)] = requests.get(asked.task(index), 0) + 1
    return {
        task: Cost(seconds.get(task, 0.0) / n, thought.get(task, 0) / n, said.get(task, 0) / n)
        for task, n in requests.items()
    }


def counted_tokens(drawn: Sequence[Answer]) -> TokenCounts:
    """The tokens of a request's answers, for lmms-eval's samples: its prompt once, all else added up."""
    thoughts = [answer.thought_tokens for answer in drawn if answer.thought_tokens is not None]
    return TokenCounts(
        input_tokens=drawn[0].input_tokens,
        output_tokens=sum(answer.output_tokens for answer in drawn),
        reasoning_tokens=sum(thoughts) if any(thoughts) else None,
    )

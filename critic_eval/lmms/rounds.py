"""Documents that are asked about in several rounds, of which each may depend on the answers so far."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lmms_eval.api.instance import GenerationResult, Instance

from critic_eval.errors import ArgumentError

MAX_ROUNDS = 100
"""Rounds of a document at most: a task that says only what is asked next never says that nothing is."""


def answer_rounds(
    requests: Sequence[Instance],
    task_dict: Mapping[str, Any],
    ask: Callable[[Sequence[Instance]], Sequence[GenerationResult]],
) -> list[list[str]]:
    """Ask all documents their first round together, then all that go on their second, and so on.

    A round shows what the task gives for it and nothing of the rounds before: a task that wants the model to see them
    puts them into its messages.

    Args:
        requests: of the type `generate_until_multi_round`.
        task_dict: documents by task and split.
        ask: answers a round's requests, of the type `generate_until`, in their order.

    Returns:
        For each request the texts of its rounds, as lmms-eval's own chat models return them (their `vllm`).

    Raises:
        ArgumentError: a document has more than `MAX_ROUNDS` rounds.
    """
    answers: list[list[str]] = [[] for _ in requests]
    notes: dict[int, Any] = dict.fromkeys(range(len(requests)))
    open_requests = list(range(len(requests)))
    for number in range(MAX_ROUNDS + 1):
        shown = {}
        for index in open_requests:
            messages, notes[index] = _next_round(requests[index], task_dict, number, answers[index], notes[index])
            if messages is not None:
                shown[index] = messages
        if not shown:
            return answers
        if number == MAX_ROUNDS:
            _, _, _, document, task, _ = requests[next(iter(shown))].args
            raise ArgumentError(f"{task}, document {document}, has more than {MAX_ROUNDS} rounds; does its task end?")
        results = ask([_one_round(requests[index], messages) for index, messages in shown.items()])
        for index, result in zip(shown, results, strict=True):
            answers[index].append(result.text)
        open_requests = list(shown)
    return answers


def _next_round(
    request: Instance, task_dict: Mapping[str, Any], number: int, answers: list[str], note: Any
) -> tuple[Any, Any]:
    """The messages of a document's round, None where it has no more; and what its task wants to be given next time."""
    _, doc_to_messages, _, doc_id, task, split = request.args
    document = task_dict[task][split][doc_id]
    if number == 0:
        return doc_to_messages(document), None
    payload = doc_to_messages(document, round_idx=number, previous_output=list(answers), previous_round_info=note)
    if not (isinstance(payload, tuple) and len(payload) == 4):
        return None, None  # a task that knows nothing of rounds: the first was all
    messages, is_over, _, next_note = payload
    return None if is_over else messages, next_note


def _one_round(request: Instance, messages: Any) -> Instance:
    context, _, generation, doc_id, task, split = request.args
    arguments = (context, lambda document: messages, generation, doc_id, task, split)
    return Instance("generate_until", arguments, request.idx, metadata=request.metadata)

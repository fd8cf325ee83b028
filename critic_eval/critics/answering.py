"""From a plan to its answers: the engine computes, the journal keeps, and a bar tells how far it is."""

from collections.abc import Callable, Sequence

from tqdm import tqdm

from critic_eval.critics.engines.opening import OpenEngine
from critic_eval.critics.generation import Answer
from critic_eval.critics.image_store import ImageStore, opened_groups
from critic_eval.critics.journal import Journal
from critic_eval.critics.planning import Plan


def answer_plan(
    plan: Plan,
    engine: OpenEngine,
    images: ImageStore,
    journal: Journal | None = None,
    *,
    is_silent: bool = False,
    hear: Callable[[Sequence[int], Answer], None] = lambda indices, answer: None,
) -> dict[int, Answer]:
    """Answer every request of a plan; each answer is in the journal soon after it came, and all are in the end.

    Args:
        plan: the requests, grouped, and the answers that are known already.
        engine: computes what the plan does not hold yet.
        images: gives the images of the plan.
        journal: keeps answers; an error is not kept.
        is_silent: whether no progress bar is shown.
        hear: is told of each answer as it comes, with the indices of the requests that it answers; not of those that
            the plan holds.

    Returns:
        Answers by the requests' indices, those of the plan that were known before included.

    Raises:
        ServerError: no server answers any more.
        DataError: the journal can't be written.
        RuntimeError: the engine left a request out.
    """
    answers = dict(plan.answered)
    numbered = [request for group in plan.groups for request in group.members]
    look = {"desc": "Judging", "unit": " judgments", "disable": is_silent, "smoothing": 0.1}
    with tqdm(total=plan.requests, initial=len(answers), **look) as bar:
        for batch in engine.answer(opened_groups(plan, images)):
            for number, answer in batch:
                planned = numbered[number]
                if journal is not None and answer.error is None:
                    journal.add(planned.key, answer)
                answers.update(dict.fromkeys(planned.indices, answer))
                hear(planned.indices, answer)
                bar.update(len(planned.indices))
            if journal is not None:
                journal.end_batch()
    if journal is not None:
        journal.save()
    missing = plan.requests - len(answers)
    if missing:
        raise RuntimeError(f"{missing} of {plan.requests} requests were not answered")
    return answers

"""A task and its variants with other protocols, for models that take no `protocol=`."""

from dataclasses import replace

from critic_eval.judging import get_protocol
from critic_eval.lmms.tasks import JudgeTask

FAMILIES = {"trained": "llava_critic", "verdict_last": "verdict_last"}
"""Variants by the ending of their names, and the family of protocols that each asks with."""

_ENDINGS = {"score": "score", "preference": "pair", "ranking": "rank"}


def with_variants(name: str, task: JudgeTask) -> dict[str, JudgeTask]:
    """The task under its name, and `NAME_trained` and `NAME_verdict_last` where their protocol is another.

    `trained` asks with the prompts that LLaVA-Critic was trained on, `verdict_last` for reasons before the verdict. In
    `NAME_injected` a response of each item asks for the verdict, as a probe.
    """
    tasks = {name: task}
    for ending, family in FAMILIES.items():
        protocol = f"{family}_{_ENDINGS[get_protocol(task.protocol_name).kind]}"
        if protocol != task.protocol_name:
            tasks[f"{name}_{ending}"] = replace(task, protocol_name=protocol)
    if task.order_policy == "both" and _ENDINGS[get_protocol(task.protocol_name).kind] != "rank":
        tasks[f"{name}_injected"] = replace(task, injected=True)
    return tasks

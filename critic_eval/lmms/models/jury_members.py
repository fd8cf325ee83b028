"""The members of a jury: from `--model_args critics=...` to the models that answer, one at a time."""

import gc
import hashlib
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from lmms_eval.api.instance import GenerationResult, Instance
from lmms_eval.utils import handle_arg_string

from critic_eval.errors import ArgumentError
from critic_eval.judging import Judgment
from critic_eval.lmms.models.llava_critic import LlavaCritic
from critic_eval.lmms.models.planted_judge import PlantedJudge
from critic_eval.lmms.models.recorded_judge import RecordedJudge
from critic_eval.lmms.models.text_judge import TextJudge, refuse_arguments
from critic_eval.metrics.juries import numbered
from critic_eval.runs.report import Cost, noted

OF_THE_JURY = ("protocol", "order_policy", "dry_run")
"""Arguments of `llava_critic` that no member has for itself: all members are asked alike, and a plan ends the run."""


@dataclass(frozen=True)
class Member:
    """A member as it was asked for: what it is called, its class, and the arguments of that."""

    name: str
    model: type[LlavaCritic] | type[TextJudge]
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Answered:
    """What a member answered, how each answer was read, what is said of it in signatures, and what its tasks took."""

    answers: list[GenerationResult]
    judged: list[Judgment]
    settings: Mapping[str, str]
    costs: Mapping[str, Cost]


def read_members(text: str) -> list[Member]:
    """The members of a jury, separated by `;`. Those that are named alike are numbered.

    Raises:
        ArgumentError: there is none, or one can't be read; see `member_of`.
    """
    members = [member_of(part.strip()) for part in str(text).split(";") if part.strip()]
    if not members:
        raise ArgumentError("A jury needs members: --model_args 'critics=FIRST;SECOND;THIRD', in quotation marks.")
    names = numbered([member.name for member in members])
    return [replace(member, name=name) for member, name in zip(members, names, strict=True)]


def member_of(text: str) -> Member:
    """One member, with arguments of its own behind colons, since commas separate those of the jury.

    - `planted:skill=0.9:position=0.1`: a `planted_judge`.
    - `recorded:FILE`: past judgments, as `recorded_judge` reads them.
    - `FILE.yaml`: a critic's card, for `llava_critic`.
    - all else: what `llava_critic` takes as `pretrained`, such as `digits:image_policy=blank`.

    Raises:
        ArgumentError: an argument is unknown to the model, or is for the jury to say.

    >>> member_of("planted:skill=0.9:position=0.1").arguments
    {'skill': 0.9, 'position': 0.1}
    """
    head, *given = _ARGUMENT.split(text)
    arguments = {name: handle_arg_string(value) for name, value in (part.split("=", 1) for part in given)}
    member: Member
    if head == "planted":
        member = Member(text, PlantedJudge, arguments)
    elif head.startswith("recorded:"):
        member = Member(text, RecordedJudge, {"path": head.removeprefix("recorded:"), **arguments})
    else:
        named = "critic" if head.endswith((".yaml", ".yml")) else "pretrained"
        member = Member(text, LlavaCritic, {named: head, **arguments})
    for name in OF_THE_JURY:
        if name in arguments:
            raise ArgumentError(f"{name} is not a member's: all members of a jury are asked alike. Leave it out.")
    known = inspect.signature(member.model).parameters
    refuse_arguments(member.model, [name for name in member.arguments if name == "unknown" or name not in known])
    return member


_ARGUMENT = re.compile(r":(?=[a-z_0-9]+=)")
"""A colon before a name and `=`, which those of an address (http://127.0.0.1:8000) are not."""


def ask(
    member: Member,
    shared: Mapping[str, Any],
    journal: Path | None,
    documents: Any,
    requests: Sequence[Instance],
    read: Callable[[int, str], Judgment],
) -> Answered:
    """A member's answers to all requests, in their order. Its model is closed in the end, whatever happened.

    They are read at once, while tasks still ask as the member is to be asked: by its own card, or for its rewards.

    Args:
        member: who is asked.
        shared: arguments of every member that is a critic; its own win.
        journal: file that keeps its answers, if it names none itself.
        documents: by task and split.
        requests: as lmms-eval hands them over.
        read: makes a judgment of the answer to a request.
    """
    if not issubclass(member.model, LlavaCritic):
        judge = member.model(**member.arguments)
        judge.task_dict = documents
        answers = judge.generate_until(requests)
        return Answered(answers, _read(answers, read), _recorded(member), {})
    # What is left of the member before: Python frees models that hold each other only now and then.
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    kept = {} if journal is None else {"journal": str(journal)}
    critic = member.model(**{**kept, **shared, **member.arguments})
    try:
        critic.task_dict = documents
        answers = critic.generate_until(requests)
        return Answered(answers, _read(answers, read), *noted("llava_critic"))
    finally:
        critic.engine.close()
        if critic.journal is not None:
            critic.journal.close()


def _read(answers: Sequence[GenerationResult], read: Callable[[int, str], Judgment]) -> list[Judgment]:
    return [read(number, answer.text) for number, answer in enumerate(answers)]


def _recorded(member: Member) -> dict[str, str]:
    """What tells one file of past judgments from another of that name."""
    if member.model is not RecordedJudge:
        return {}
    return {"sha256": hashlib.sha256(Path(str(member.arguments["path"])).read_bytes()).hexdigest()[:12]}

"""The lmms-eval model `jury`: several critics answer, one after the other, and their verdicts become one."""

import inspect
import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lmms_eval.api.instance import GenerationResult, Instance, TokenCounts
from lmms_eval.api.model import lmms

from critic_eval.critics.engines.arguments import refuse_unknown
from critic_eval.errors import ArgumentError
from critic_eval.judging import Confidence, Judgment, MemberVerdict, read_label, read_stated, state_verdict
from critic_eval.judging.orders import to_presented
from critic_eval.lmms.choices import select_card, select_orders, select_protocol
from critic_eval.lmms.models.critic_arguments import given_arguments
from critic_eval.lmms.models.jury_members import Answered, ask, read_members
from critic_eval.lmms.models.llava_critic import JOURNAL_VARIABLE, LlavaCritic
from critic_eval.lmms.requests import Requests, judge_task
from critic_eval.lmms.tasks import FACTS_COLUMN, ORDER_COLUMN
from critic_eval.metrics.juries import JuryRule, pool_members
from critic_eval.metrics.jury_weights import Weighing, hold_out
from critic_eval.runs.report import Cost, note_costs, note_critic, note_jury


class Jury(lmms):  # type: ignore[misc]
    """Several critics, of which one at a time is in memory; what each one said is kept in the samples.

    Args (all as `--model_args name=value,...`):
        critics: the members, with `;` between them: `digits`, a hub id or a folder (as `pretrained` of `llava_critic`),
            `recorded:FILE` (as `recorded_judge` reads), `planted:skill=0.9` (a `planted_judge`), or a critic's card
            (`FILE.yaml`). A member's own arguments stand behind colons: `digits:image_policy=blank`.
        rule: how verdicts become one: `majority`, `mean`, `median` or `weighted` (see `judging.pooling`).
        weights: for `weighted`, one for each member, with `;` between them.
        fit_share: for `weighted`, the share of items, by cluster, that weights are fitted on instead. These items have
            no label in the samples, so that no figure holds a verdict against one.
        fit_seed: which items these are.
        protocol, order_policy: as of `llava_critic`, for all members.
        journal: as of `llava_critic`; each member has its own beside it, numbered.
        shared: arguments of every member that is a critic, such as `max_new_tokens` or `device`; a member's own win.

    Raises:
        ArgumentError: an argument is unknown, or the weights don't fit the rule or the members.
    """

    is_simple = False

    def __init__(
        self,
        critics: str = "",
        rule: str = "majority",
        weights: str | float | None = None,
        fit_share: float | None = None,
        fit_seed: int = 0,
        protocol: str | None = None,
        order_policy: str | None = None,
        journal: str | None = None,
        **shared: Any,
    ) -> None:
        super().__init__()
        self.members = read_members(critics)
        self.weighing = Weighing.read(rule, weights, fit_share, fit_seed, len(self.members))
        if self.weighing.fit_share is not None and int(os.environ.get("WORLD_SIZE", "1")) > 1:
            raise ArgumentError("Weights are fitted in one process; run without accelerate, or give weights=.")
        if "dry_run" in shared:
            raise ArgumentError("A jury has no plan of its own; run llava_critic with dry_run for each member.")
        taken = [name for model in (Jury, LlavaCritic) for name in inspect.signature(model).parameters]
        known = [name for name in dict.fromkeys(taken) if name not in ("shared", "unknown")]
        refuse_unknown("jury", known, [name for name in shared if name not in known])
        asked_alike = {"protocol": protocol, "order_policy": order_policy}
        self.shared = {name: value for name, value in {**shared, **asked_alike}.items() if value is not None}
        named = journal or os.environ.get(JOURNAL_VARIABLE)
        self.journal = None if named is None else Path(named)
        self._select()

    @classmethod
    def create_from_arg_string(cls, arg_string: str, additional_config: dict[str, Any] | None = None) -> "Jury":
        """Build from `--model_args`; settings of the command line are the members', as of `LlavaCritic`."""
        return cls(**given_arguments(arg_string, additional_config))

    def generate_until(self, requests: Sequence[Instance]) -> list[GenerationResult]:
        """Ask every member for all requests, one member after the other, and pool what they say.

        Raises:
            ArgumentError: a task is not ours, so that no answer can be read; or weights can't be fitted.
        """
        foreign = {str(request.args[4]) for request in requests if judge_task(request) is None}
        if foreign:
            raise ArgumentError(f"A jury judges tasks of critic-eval alone, not {', '.join(sorted(foreign))}.")
        documents = Requests(requests, self.task_dict)

        def read(number: int, text: str) -> Judgment:
            return _judgment(requests[number], documents.texts(number), text)

        asked = []
        for index, member in enumerate(self.members):
            self._select()
            asked.append(ask(member, self.shared, self._journal(index), self.task_dict, requests, read))
        self._select()
        note_critic("jury", self._signature(asked))
        note_costs("jury", _costs(asked))
        of_task: dict[str, list[int]] = {}
        for number, request in enumerate(requests):
            of_task.setdefault(str(request.args[4]), []).append(number)
        texts: dict[int, str] = {}
        for task, numbers in of_task.items():
            judgments = [self._joined(asked, n) for n in numbers]
            texts |= dict(zip(numbers, self._pooled(task, judgments), strict=True))
        return [GenerationResult(texts[n], _tokens([member.answers[n] for member in asked])) for n in range(len(texts))]

    def loglikelihood(self, requests: Sequence[Instance]) -> list[tuple[float, bool]]:
        """Refuse: a jury judges."""
        raise ArgumentError("A jury answers generate_until tasks only; this task asks for log-likelihoods.")

    def generate_until_multi_round(self, requests: Sequence[Instance]) -> list[str]:
        """Refuse: a judgment is one turn."""
        raise ArgumentError("A jury answers generate_until tasks only; this task asks for several rounds.")

    def _select(self) -> None:
        """Have tasks ask as the jury says, whatever the member before was asked with."""
        select_card(None)
        select_protocol(self.shared.get("protocol"))
        select_orders(self.shared.get("order_policy"))

    def _joined(self, asked: Sequence[Answered], number: int) -> Judgment:
        """What the members said to a request, in canonical coordinates; the verdict itself is the first's."""
        judged = [answered.judged[number] for answered in asked]
        texts = [answered.answers[number].text for answered in asked]
        members = [
            MemberVerdict(member.name, judgment.verdict, text if read_stated(text) is None else "")
            for member, judgment, text in zip(self.members, judged, texts, strict=True)
        ]
        return replace(judged[0], members=tuple(members))

    def _pooled(self, task: str, judgments: Sequence[Judgment]) -> list[str]:
        """The jury's verdicts on a task, stated in presented coordinates."""
        counted, weights, n_held_out = hold_out(judgments, self.weighing)
        rule = JuryRule(self.weighing.rule, weights)
        note_jury(task, rule, n_held_out)
        return [
            _stated(pool_members(judgment, judgment.members, rule), is_held_out=judgment.label != before.label)
            for before, judgment in zip(judgments, counted, strict=True)
        ]

    def _journal(self, index: int) -> Path | None:
        # Named as the journals of processes that share a run's work, so that the command counts what they hold.
        if self.journal is None:
            return None
        return self.journal.with_name(f"{self.journal.stem}-{index + 1}-of-{len(self.members)}{self.journal.suffix}")

    def _signature(self, asked: Sequence[Answered]) -> dict[str, str]:
        """What of the jury is said beside its figures; weights are each task's own."""
        members = {
            f"member_{index}": _described(member.name, answered.settings)
            for index, (member, answered) in enumerate(zip(self.members, asked, strict=True), 1)
        }
        return {**self.weighing.settings, **members}


def _judgment(request: Instance, document: Any, answer: str) -> Judgment:
    """A member's answer to a request, read as tasks ask now."""
    task = judge_task(request)
    assert task is not None  # checked for all requests
    known = json.loads(document[FACTS_COLUMN])["label"]
    label = None if known is None else read_label(known)
    return task.protocol_of(document)[0].judge(task.item(document), document[ORDER_COLUMN], answer, label=label)


def _described(name: str, settings: Any) -> str:
    told = ", ".join(f"{key} {value}" for key, value in settings.items())
    return f"{name} ({told})" if told else name


def _stated(pooled: Judgment, is_held_out: bool) -> str:
    confidence = None if pooled.confidence is None else Confidence(round(pooled.confidence, 6), "members")
    members = [member._replace(verdict=to_presented(member.verdict, pooled.order)) for member in pooled.members]
    return state_verdict(pooled.presented, None, confidence, members=members, is_held_out=is_held_out)


def _costs(asked: Sequence[Answered]) -> dict[str, Cost]:
    """What a judgment of each task took all members together."""
    costs: dict[str, list[Cost]] = {}
    for answered in asked:
        for task, cost in answered.costs.items():
            costs.setdefault(task, []).append(cost)
    return {task: Cost(*map(sum, zip(*of_task, strict=True))) for task, of_task in costs.items()}


def _tokens(answers: Sequence[GenerationResult]) -> TokenCounts | None:
    """What an answer of all members together took; None where no member counts."""
    counted = [answer.token_counts for answer in answers if answer.token_counts is not None]
    if not counted:
        return None
    return TokenCounts(
        input_tokens=sum(tokens.input_tokens or 0 for tokens in counted),
        output_tokens=sum(tokens.output_tokens or 0 for tokens in counted),
    )

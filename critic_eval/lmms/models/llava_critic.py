"""The lmms-eval model `llava_critic`: a plan of all requests, and an engine that answers it."""

import inspect
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from lmms_eval.api.instance import GenerationResult, Instance
from lmms_eval.api.model import lmms
from PIL import Image
from tqdm import tqdm

from critic_eval.critics.answer_policy import AnswerPolicy
from critic_eval.critics.answer_text import answer_text, elicited_text, pooled_text, verdict_text
from critic_eval.critics.answering import answer_plan
from critic_eval.critics.engines.arguments import read_batch_size, refuse_about_text, refuse_unknown
from critic_eval.critics.engines.opening import open_engine
from critic_eval.critics.generation import Answer
from critic_eval.critics.image_store import ImageStore
from critic_eval.critics.images import ImagePolicy, TileCount, count_tiles
from critic_eval.critics.journal import Journal, RequestKeys
from critic_eval.critics.one_plan import Wanted, active_plan
from critic_eval.critics.plan_summary import summarize
from critic_eval.critics.planning import make_plan
from critic_eval.errors import ArgumentError, DataError, ServerError
from critic_eval.lmms.choices import select_card, select_orders, select_protocol, select_rewards
from critic_eval.lmms.models.accelerated import choose_device, make_accelerator
from critic_eval.lmms.models.costs import answer_costs, counted_tokens
from critic_eval.lmms.models.critic_arguments import CriticArguments, given_arguments
from critic_eval.lmms.requests import Requests
from critic_eval.lmms.rounds import answer_rounds
from critic_eval.runs.report import note_costs, note_critic

_logger = logging.getLogger("critic_eval")

JOURNAL_VARIABLE = "CRITIC_EVAL_JOURNAL"
"""Where the command `lmms_eval` says which file is the journal of a run that names none."""


class LlavaCritic(lmms):  # type: ignore[misc]
    """A critic, in this process, behind a server or on many machines, for lmms-eval's chat protocol.

    Args:
        **given: the fields of `CriticArguments`, as `--model_args name=value,...` gives them.

    Raises:
        ArgumentError: an argument is unknown or asks for what this machine lacks.
        CheckpointError: the checkpoint can't be found, read or recognized.
    """

    is_simple = False
    __signature__ = inspect.signature(CriticArguments)
    """What tells others which arguments it takes."""

    def __init__(self, **given: Any) -> None:
        super().__init__()
        known = CriticArguments.names()
        refuse_unknown("llava_critic", known, [name for name in given if name not in known])
        self.arguments = arguments = CriticArguments(**given)
        self.card = arguments.use_card()
        self.policy = arguments.answer_policy(self.card)
        self._select()
        self.image_policy = ImagePolicy.read(arguments.image_policy, int(arguments.image_seed))
        self.dry_run = bool(arguments.dry_run)
        self.accelerator = make_accelerator(arguments.device)
        self._rank, self._world_size = self.accelerator.process_index, self.accelerator.num_processes
        device = choose_device(arguments.device, self.accelerator)
        self.engine = open_engine(arguments.for_engine(self.card, device, self._world_size))
        self.card.check_head(self.engine.gives_rewards or self.dry_run)
        if self.engine.gives_rewards:
            self._ask_for_rewards()
        self.batch_size = read_batch_size(arguments.batch_size)
        # lmms-eval's --seed is the seed of sampled answers; each seed has its own.
        self.seed = torch.initial_seed()
        self.keys = RequestKeys(self.engine.identity, self.seed)
        self.journal = self._open_journal(arguments.journal)
        note_critic("llava_critic", self._signature(), self._trained_on)

    @classmethod
    def create_from_arg_string(cls, arg_string: str, additional_config: dict[str, Any] | None = None) -> "LlavaCritic":
        """Build from `--model_args`, which win over the same settings of the command line."""
        return cls(**given_arguments(arg_string, additional_config))

    def generate_until(self, requests: Sequence[Instance]) -> list[GenerationResult]:
        """Answer every request; answers come in the order of the requests.

        Raises:
            SystemExit: after the plan was printed, with `dry_run`.
        """
        try:
            return self._answered(requests)
        except BaseException as error:
            # With all that was answered; lmms-eval is done with a model only after success.
            kept = self._close_journal_after_failure()
            if isinstance(error, ServerError):
                raise ServerError(f"{error} {kept}") from error.__cause__
            raise

    def _answered(self, requests: Sequence[Instance]) -> list[GenerationResult]:
        tiles = self._tile_count()
        asked = Requests(requests, self.task_dict, self.policy, self.image_policy, tiles)
        shared = active_plan()
        if shared is not None and not self.dry_run:
            answers = shared.answer(Wanted(self._watched(asked), self.keys, self._rereading(asked), self.engine))
            self._select()
        else:
            answers = self._answer(asked)
        note_critic("llava_critic", self._signature(answers.values()), self._trained_on)
        note_costs("llava_critic", answer_costs(asked, answers))
        return [self._result(asked, answers, index) for index in range(len(requests))]

    def _answer(self, asked: Requests) -> dict[int, Answer]:
        images = ImageStore(asked.images)
        plan = make_plan(self._watched(asked), self.keys, self.journal, images.keep)
        if self.dry_run:
            print(summarize(plan, self.engine.encoder, self.engine.shares_prefixes).to_text())
            raise SystemExit(0)
        if self.journal is not None and plan.requests and not plan.groups and self.rank == 0:
            print(f"The journal {self.journal.file} answers all {plan.requests} judgments; nothing is computed.")
        torch.manual_seed(self.seed)
        return answer_plan(plan, self.engine, images, self.journal, is_silent=self.rank != 0)

    def _rereading(self, asked: Requests) -> Callable[[int], list[Image.Image]]:
        """Reads images again as this run asks, whichever other run was asked last."""

        def read(index: int) -> list[Image.Image]:
            self._select()
            return asked.images(index)

        return read

    def _select(self) -> None:
        """Have tasks ask as this run says; another critic may have been asked in between."""
        select_protocol(self.arguments.protocol)
        select_card(self.card)
        select_orders(self.arguments.order_policy)
        if self.policy.mode == "reward":
            select_rewards()

    def clean(self) -> None:
        """Let other runs have the journal; lmms-eval calls this when everything was answered."""
        self._close_journal()
        super().clean()

    def loglikelihood(self, requests: Sequence[Instance]) -> list[tuple[float, bool]]:
        """Refuse: lmms-eval's tasks of log-likelihoods make requests for its simple models alone."""
        raise ArgumentError("llava_critic is a chat model, which lmms-eval asks for texts and not for log-likelihoods.")

    def generate_until_multi_round(self, requests: Sequence[Instance]) -> list[list[str]]:
        """Answer documents of several rounds: for each the texts of its rounds.

        Raises:
            ArgumentError: a document's rounds don't end.
            SystemExit: after the plan of the first round was printed, with `dry_run`.
        """
        return answer_rounds(requests, self.task_dict, self.generate_until)

    def _close_journal(self) -> None:
        if self.journal is not None:
            self.journal.close()
            self.journal = None

    def _close_journal_after_failure(self) -> str:
        """Close the journal, and say what it holds; one that can't be written is no reason to hide what went wrong."""
        shared = active_plan()
        if shared is not None and shared.journal is not None:
            return f"{len(shared.journal)} answers are in the journal {shared.journal.file}."
        journal = self.journal
        if journal is None:
            return "No journal was kept; name a file with journal=PATH."
        try:
            journal.save()
            summary = f"{len(journal)} answers are in the journal {journal.file}."
            self._close_journal()
        except DataError as failure:
            summary = str(failure)
            _logger.warning("%s", failure)
        self.journal = None
        return summary

    def _tile_count(self) -> TileCount | None:
        encoder = self.engine.encoder
        return None if encoder is None else lambda size: count_tiles(encoder, size)[0]

    def _watched(self, asked: Requests) -> Iterator[Any]:
        """The requests as they are read, with a bar where that takes a while."""
        return iter(tqdm(asked.asked(), desc="Planning", unit=" requests", delay=5, disable=self.rank != 0))

    def _ask_for_rewards(self) -> None:
        """Have every task judged by rewards, for a critic that gives nothing else. Raises ArgumentError."""
        try:
            refuse_about_text(self.engine.signature["checkpoint"], self.arguments.about_text())
        except ArgumentError:
            self.engine.close()
            raise
        self.policy = AnswerPolicy("reward")
        self._select()

    def _result(self, asked: Requests, answers: Mapping[int, Answer], index: int) -> GenerationResult:
        if self.policy.mode == "reward":
            return asked.rewards_result(index, answers)
        drawn = [answers[asked.part(index, draw)] for draw in range(self.policy.samples)]
        if self.policy.mode == "verdict":
            text = verdict_text(asked.reading(index), drawn[0], answers.get(asked.part(index, 1)))
        elif len(drawn) > 1:
            text = pooled_text(asked.reading(index), drawn, self.policy)
        elif drawn[0].stated is not None:
            text = elicited_text(asked.reading(index), drawn[0])
        else:
            text = answer_text(drawn[0])
        return GenerationResult(text, counted_tokens(drawn))

    @property
    def _trained_on(self) -> Mapping[str, str]:
        return {} if self.card.card is None else self.card.card.trained_on

    def _signature(self, given: Iterable[Answer] = ()) -> dict[str, str]:
        """What of the critic's settings is said beside its figures, and of the answers that it gave."""
        without = sorted({name for answer in given for name in answer.without})
        return {
            **self.engine.signature,
            **self.card.settings,
            **self.policy.settings,
            "images": str(self.image_policy),
            **({"refused_by_server": "+".join(without)} if without else {}),
        }

    def _open_journal(self, named: str | None) -> Journal | None:
        """The journal that the argument or the command names, if any; each process has its own."""
        named = named or os.environ.get(JOURNAL_VARIABLE)
        if named is None or active_plan() is not None:  # which keeps the answers of all in its own
            return None
        file = Path(named)
        if self.world_size > 1:
            file = file.with_name(f"{file.stem}-{self.rank}-of-{self.world_size}{file.suffix}")
        if self.dry_run and not os.path.isfile(file):
            return None
        return Journal(file)

"""The lmms-eval model `llava_critic`: a plan of all requests, and an engine that answers it."""

import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from lmms_eval import utils
from lmms_eval.api.instance import GenerationResult, Instance, TokenCounts
from lmms_eval.api.model import lmms
from tqdm import tqdm

from critic_eval.critics.answer_text import answer_text, verdict_text
from critic_eval.critics.answering import answer_plan
from critic_eval.critics.engines.arguments import DEFAULT_PRETRAINED, read_batch_size, read_count, read_quantization
from critic_eval.critics.engines.opening import engine_arguments, open_engine
from critic_eval.critics.generation import Answer, Mode
from critic_eval.critics.image_store import ImageStore
from critic_eval.critics.images import ImagePolicy, TileCount, count_tiles
from critic_eval.critics.journal import Journal, RequestKeys
from critic_eval.critics.plan_summary import summarize
from critic_eval.critics.planning import make_plan
from critic_eval.errors import ArgumentError, DataError, ServerError
from critic_eval.lmms.choices import select_orders, select_protocol
from critic_eval.lmms.models.arguments import choose_device, make_accelerator
from critic_eval.lmms.models.costs import answer_costs
from critic_eval.lmms.models.text_judge import refuse_arguments
from critic_eval.lmms.requests import Requests
from critic_eval.runs.report import note_costs, note_critic

_logger = logging.getLogger("critic_eval")

JOURNAL_VARIABLE = "CRITIC_EVAL_JOURNAL"
"""Where the command `lmms_eval` says which file is the journal of a run that names none."""


class LlavaCritic(lmms):  # type: ignore[misc]
    """A critic, in this process, behind a server or on many machines, for lmms-eval's chat protocol.

    Args (all as `--model_args name=value,...`):
        pretrained: hub id or folder of a checkpoint in LLaVA-NeXT's, LLaVA-1.5's or transformers' layout, or `digits`
            for the embedded critic. With `base_url`, the name that the server has for its model.
        revision: branch, tag or commit on the hub.
        device: `cuda`, `cuda:1`, `cpu`; by default CUDA where there is one.
        dtype: `auto` (as stored on CUDA, float32 on CPU), `float32`, `float16`, `bfloat16`.
        device_map: `auto` spreads one model over several GPUs.
        attn_implementation: `sdpa`, `eager`, `flash_attention_2`, ...; by default FlashAttention where it is installed
            and the model is on a GPU, else SDPA.
        batch_size: requests in one batch; `auto` fills batches up to what fits in the free memory.
        max_batch_size: requests at most in an automatic batch.
        max_new_tokens: upper limit for every answer, below what a task asks for.
        load_in_4bit, load_in_8bit: quantize with bitsandbytes while loading (extra `quantized`).
        vision_config: JSON file with the sizes of a vision tower that is not known by name.
        trust_remote_code: run code that comes with a checkpoint; off unless asked for.
        image_policy: `as_is`; as controls `shuffled` (every request is shown another image of its task) and `blank` (a
            gray one of the same size); or `tiles_N`, such as `tiles_4`: images are shrunk until they take at most N
            tiles, the overview counted.
        image_seed: seed of the shuffle.
        protocol: ask with this protocol, or family of protocols, instead of each task's own.
        order_policy: show pairs in these orders instead of each task's own: `single` (the data set's), `both`, or
            `random` (one of both for each item).
        verdict_only: read the verdict off the probabilities of the words that state it, without any text.
        reasons: `False` ends an answer once its verdict is said, for protocols that ask for it first.
        journal: file that keeps every answer as it comes, so that the same command goes on where it was ended; by
            default in the folder of `--output_path`, where the command `lmms_eval` is given one.
        dry_run: print the plan (requests, images, tokens, what sharing saves) and end, without loading any weights.
        share_prefixes: compute what requests on one image have in common once.
        compile: compile the feed-forward parts and the vision tower with torch.compile; the first batches are slow.
        workers: processes that prepare images ahead of the model; by default some with a GPU, none without. A script
            that builds this class with workers needs Python's guard `if __name__ == "__main__":`.
        threads: of a process on a CPU; `auto` begins with one for a tiny model and with one for each CPU else, and
            tries fewer where other programs keep CPUs busy.
        processes: that judge on a CPU, on Linux; `auto` tries one for each CPU with a small model.
        base_url: ask an OpenAI-compatible server, or several with `;` between them, instead of loading a checkpoint.
        concurrency: requests that each server works on at a time.
        timeout: seconds that a server may take for an answer, to its last byte.
        engine: `local`, or `ray` for a pool of processes or machines (extra `ray`).
        actors: how many of these there are; by default one for each GPU.

    Raises:
        ArgumentError: an argument is unknown or asks for what this machine lacks.
        CheckpointError: the checkpoint can't be found, read or recognized.
    """

    is_simple = False

    def __init__(
        self,
        pretrained: str | None = None,
        revision: str | None = None,
        device: str | None = None,
        dtype: str = "auto",
        device_map: str | None = None,
        attn_implementation: str | None = None,
        batch_size: int | str = "auto",
        max_batch_size: int | None = None,
        max_new_tokens: int | None = None,
        load_in_4bit: bool = False,
        load_in_8bit: bool = False,
        vision_config: str | None = None,
        trust_remote_code: bool = False,
        image_policy: str = "as_is",
        image_seed: int = 0,
        protocol: str | None = None,
        order_policy: str | None = None,
        verdict_only: bool = False,
        reasons: bool = True,
        journal: str | None = None,
        dry_run: bool = False,
        share_prefixes: bool = True,
        compile: bool = False,
        workers: int | None = None,
        threads: int | str = "auto",
        processes: int | str = "auto",
        base_url: str | None = None,
        concurrency: int = 16,
        timeout: float = 600.0,
        engine: str = "local",
        actors: int | None = None,
        **unknown: Any,
    ) -> None:
        given = dict(locals())
        super().__init__()
        refuse_arguments(type(self), list(unknown))
        if verdict_only and not reasons:
            raise ArgumentError("verdict_only has no reasons to leave out; give either it or reasons=False.")
        select_protocol(protocol)
        select_orders(order_policy)
        self.mode: Mode = "verdict" if verdict_only else "text" if reasons else "to_verdict"
        self.image_policy = ImagePolicy.read(image_policy, int(image_seed))
        self.max_new_tokens = None if max_new_tokens is None else int(max_new_tokens)
        self.dry_run = bool(dry_run)
        self.accelerator = make_accelerator(device)
        self._rank, self._world_size = self.accelerator.process_index, self.accelerator.num_processes
        self.engine = open_engine(
            engine_arguments(
                given,
                pretrained=None if pretrained is None and base_url else str(pretrained or DEFAULT_PRETRAINED),
                revision=None if revision is None else str(revision),
                device=choose_device(device, self.accelerator),
                device_is_given=device is not None,
                quantization=read_quantization(load_in_4bit, load_in_8bit),
                weights=not self.dry_run,
                batch_size=read_batch_size(batch_size),
                max_batch_size=None if max_batch_size is None else int(max_batch_size),
                workers=None if workers is None else int(workers),
                threads=read_count("threads", threads),
                # Processes that accelerate starts have shared the CPUs among them already.
                processes=read_count("processes", processes if self._world_size == 1 else 1),
                concurrency=int(concurrency),
                timeout=float(timeout),
                actors=None if actors is None else int(actors),
            )
        )
        self.batch_size = read_batch_size(batch_size)
        # lmms-eval's --seed is the seed of sampled answers; each seed has its own.
        self.seed = torch.initial_seed()
        self.keys = RequestKeys(self.engine.identity, self.seed)
        self.journal = self._open_journal(journal)
        note_critic("llava_critic", self._signature())

    @classmethod
    def create_from_arg_string(cls, arg_string: str, additional_config: dict[str, Any] | None = None) -> "LlavaCritic":
        """Build from `--model_args`, which win over the same settings of the command line.

        lmms-eval's command line always gives a batch size, the number 1 where the user gave none (and a string
        otherwise); that default is left out, so that ours applies.
        """
        given = {key: value for key, value in (additional_config or {}).items() if value is not None}
        if isinstance(given.get("batch_size"), int):
            del given["batch_size"]
        return cls(**{**given, **utils.simple_parse_args_string(arg_string)})

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
        asked = Requests(requests, self.task_dict, self.mode, self.max_new_tokens, self.image_policy, tiles)
        images = ImageStore(asked.images)
        plan = make_plan(self._watched(asked), self.keys, self.journal, images.keep)
        if self.dry_run:
            print(summarize(plan, self.engine.encoder, self.engine.shares_prefixes).to_text())
            raise SystemExit(0)
        if self.journal is not None and plan.requests and not plan.groups and self.rank == 0:
            print(f"The journal {self.journal.file} answers all {plan.requests} judgments; nothing is computed.")
        torch.manual_seed(self.seed)
        answers = answer_plan(plan, self.engine, images, self.journal, is_silent=self.rank != 0)
        note_critic("llava_critic", self._signature(answers.values()))
        note_costs("llava_critic", answer_costs(asked, answers))
        return [self._result(asked, answers, index) for index in range(len(requests))]

    def clean(self) -> None:
        """Let other runs have the journal; lmms-eval calls this when everything was answered."""
        self._close_journal()
        super().clean()

    def loglikelihood(self, requests: Sequence[Instance]) -> list[tuple[float, bool]]:
        """Refuse: a critic answers in text."""
        raise ArgumentError("llava_critic answers generate_until tasks only; this task asks for log-likelihoods.")

    def generate_until_multi_round(self, requests: Sequence[Instance]) -> list[str]:
        """Refuse: a judgment is one turn."""
        raise ArgumentError("llava_critic answers generate_until tasks only; this task asks for several rounds.")

    def _close_journal(self) -> None:
        if self.journal is not None:
            self.journal.close()
            self.journal = None

    def _close_journal_after_failure(self) -> str:
        """Close the journal, and say what it holds; one that can't be written is no reason to hide what went wrong."""
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

    def _result(self, asked: Requests, answers: Mapping[int, Answer], index: int) -> GenerationResult:
        answer = answers[index]
        if self.mode == "verdict":
            text = verdict_text(asked.reading(index), answer, answers.get(asked.partner(index)))
        else:
            text = answer_text(answer)
        return GenerationResult(text, TokenCounts(input_tokens=answer.input_tokens, output_tokens=answer.output_tokens))

    def _signature(self, given: Iterable[Answer] = ()) -> dict[str, str]:
        """What of the critic's settings is said beside its figures, and of the answers that it gave."""
        answers: dict[str, dict[str, str]] = {
            "text": {},
            "to_verdict": {"answers": "to the verdict"},
            "verdict": {"answers": "verdict only"},
        }
        without = sorted({name for answer in given for name in answer.without})
        return {
            **self.engine.signature,
            **answers[self.mode],
            **({} if self.max_new_tokens is None else {"longest_answer": str(self.max_new_tokens)}),
            "images": str(self.image_policy),
            **({"refused_by_server": "+".join(without)} if without else {}),
        }

    def _open_journal(self, named: str | None) -> Journal | None:
        """The journal that the argument or the command names, if any; each process has its own."""
        named = named or os.environ.get(JOURNAL_VARIABLE)
        if named is None:
            return None
        file = Path(named)
        if self.world_size > 1:
            file = file.with_name(f"{file.stem}-{self.rank}-of-{self.world_size}{file.suffix}")
        if self.dry_run and not os.path.isfile(file):
            return None
        return Journal(file)

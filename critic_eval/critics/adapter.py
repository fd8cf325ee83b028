"""The lmms-eval model `llava_critic`: a judge checkpoint as lmms-eval's requests meet it."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from lmms_eval import utils
from lmms_eval.api.instance import GenerationResult, Instance, TokenCounts
from lmms_eval.api.model import lmms
from lmms_eval.models.model_utils.gen_metrics import log_metrics

from critic_eval.benchmarks.run_report import note_critic
from critic_eval.critics.checkpoints import load_checkpoint
from critic_eval.critics.conversations import Conversation
from critic_eval.critics.generation import Answer, GenerationSettings, generate
from critic_eval.critics.image_policy import IMAGE_POLICIES, digest_image, shuffled_sources
from critic_eval.critics.journal import Journal, RequestKeys
from critic_eval.critics.queue import Queue
from critic_eval.critics.requests import read_conversation, with_images
from critic_eval.critics.text_judge import refuse_unknown
from critic_eval.digits import resolve_pretrained
from critic_eval.errors import ArgumentError
from critic_eval.judging import select_protocol

JOURNAL_VARIABLE = "CRITIC_EVAL_JOURNAL"
"""Where the command `lmms_eval` says which file is the journal of a run that names none."""

DEFAULT_PRETRAINED = "lmms-lab/llava-critic-7b"


class LlavaCritic(lmms):  # type: ignore[misc]
    """A critic loaded from a checkpoint, for lmms-eval's chat protocol.

    Args (all as `--model_args name=value,...`):
        pretrained: hub id or folder of a checkpoint in LLaVA-NeXT's, LLaVA-1.5's or transformers' layout, or `digits`
            for the embedded critic.
        revision: branch, tag or commit on the hub.
        device: `cuda`, `cuda:1`, `cpu`; by default CUDA where there is one.
        dtype: `auto` (as stored on CUDA, float32 on CPU), `float32`, `float16`, `bfloat16`.
        device_map: `auto` spreads one model over several GPUs.
        attn_implementation: `sdpa`, `eager`, `flash_attention_2`, ...
        batch_size: requests in one batch; `auto` fills batches up to a number of tokens.
        max_new_tokens: upper limit for every answer, below what a task asks for.
        load_in_4bit, load_in_8bit: quantize with bitsandbytes while loading (extra `quantized`).
        vision_config: JSON file with the sizes of a vision tower that is not known by name.
        trust_remote_code: run code that comes with a checkpoint; off unless asked for.
        image_policy: `as_is`, or `shuffled`: every request is shown another image of its task, as a control.
        image_seed: seed of the shuffle.
        journal: file that keeps every answer as it comes, so that the same command goes on where it was ended; by
            default in the folder of `--output_path`, where the command `lmms_eval` is given one.
        protocol: ask with this protocol, or family of protocols, instead of each task's own.

    Raises:
        ArgumentError: an argument is unknown or asks for what this machine lacks.
        CheckpointError: the checkpoint can't be found, read or recognized.
    """

    is_simple = False

    def __init__(
        self,
        pretrained: str = DEFAULT_PRETRAINED,
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
        journal: str | None = None,
        **unknown: Any,
    ) -> None:
        super().__init__()
        refuse_unknown(type(self), list(unknown))
        if load_in_4bit and load_in_8bit:
            raise ArgumentError("load_in_4bit and load_in_8bit exclude each other; give one of them.")
        if image_policy not in IMAGE_POLICIES:
            raise ArgumentError(f"image_policy={image_policy} is unknown; it is one of {', '.join(IMAGE_POLICIES)}.")
        select_protocol(protocol)
        self.accelerator = _accelerator(device)
        self._rank, self._world_size = self.accelerator.process_index, self.accelerator.num_processes
        self.checkpoint = load_checkpoint(
            resolve_pretrained(str(pretrained)),
            revision=None if revision is None else str(revision),
            device=_choose_device(device, self.accelerator),
            dtype=dtype,
            device_map=device_map,
            attn_implementation=attn_implementation,
            vision_config=vision_config,
            quantization="4bit" if load_in_4bit else "8bit" if load_in_8bit else None,
            trust_remote_code=trust_remote_code,
        )
        self.batch_size = _read_batch_size(batch_size)
        self.max_batch_size = None if max_batch_size is None else int(max_batch_size)
        self.max_new_tokens = None if max_new_tokens is None else int(max_new_tokens)
        precision = {"dtype": str(self.checkpoint.model.dtype), "quantized": f"{load_in_4bit} {load_in_8bit}"}
        identity = {**self.checkpoint.identity, **precision, "attention": str(attn_implementation)}
        self.keys = RequestKeys(identity)
        self.journal = self._open_journal(journal)
        self.image_policy, self.image_seed = image_policy, int(image_seed)
        note_critic("llava_critic", _signature(identity, image_policy, self.image_seed))

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

    @property
    def device(self) -> torch.device:
        """Where the model's inputs go."""
        return torch.device(self.checkpoint.model.device)

    def generate_until(self, requests: Sequence[Instance]) -> list[GenerationResult]:
        """Answer every request; answers come in the order of the requests."""
        image_sources = self._image_sources(requests)
        answers: list[Answer | None] = [None] * len(requests)
        tokens, seconds = 0, 0.0
        try:
            for settings, members in _by_settings(requests, self.max_new_tokens).items():
                conversations = ((index, self._conversation(requests, index, image_sources)) for index in members)
                queue = Queue(conversations, settings, self.keys, self.journal)
                for position, answer in self._generate(queue.unanswered(), settings, len(members)):
                    queue.answer(position, answer)
                    tokens, seconds = tokens + answer.output_tokens, seconds + answer.seconds
                for index, answer in queue.answers.items():
                    answers[index] = answer
        finally:
            if self.journal is not None:
                self.journal.save()
        log_metrics(
            total_elapsed_time=seconds,
            total_gen_tokens=tokens,
            avg_speed=tokens / seconds if seconds else 0.0,
            additional_metrics={"total_requests": len(requests)},
        )
        missing = sum(answer is None for answer in answers)
        if missing:
            raise RuntimeError(f"{missing} of {len(requests)} requests were not answered")
        return [_result(answer) for answer in answers if answer is not None]

    def loglikelihood(self, requests: Sequence[Instance]) -> list[tuple[float, bool]]:
        """Refuse: a critic answers in text."""
        raise ArgumentError("llava_critic answers generate_until tasks only; this task asks for log-likelihoods.")

    def generate_until_multi_round(self, requests: Sequence[Instance]) -> list[str]:
        """Refuse: a judgment is one turn."""
        raise ArgumentError("llava_critic answers generate_until tasks only; this task asks for several rounds.")

    def _open_journal(self, named: str | None) -> Journal | None:
        """The journal that the argument or the command names, if any; each process has its own."""
        named = named or os.environ.get(JOURNAL_VARIABLE)
        if named is None:
            return None
        file = Path(named)
        if self.world_size > 1:
            file = file.with_name(f"{file.stem}-{self.rank}-of-{self.world_size}{file.suffix}")
        return Journal(file.expanduser())

    def _generate(
        self, conversations: Iterator[Conversation | None], settings: GenerationSettings, total: int
    ) -> Iterator[tuple[int, Answer]]:
        return generate(
            self.checkpoint,
            conversations,
            settings,
            total=total,
            batch_size=self.batch_size,
            max_batch_size=self.max_batch_size,
            progress=self.rank == 0,
        )

    def _conversation(self, requests: Sequence[Instance], index: int, image_sources: Sequence[int]) -> Conversation:
        conversation = self._read(requests[index])
        if image_sources[index] == index:
            return conversation
        return with_images(conversation, self._read(requests[image_sources[index]]))

    def _read(self, request: Instance) -> Conversation:
        _, doc_to_messages, _, doc_id, task, split = request.args
        return read_conversation(doc_to_messages(self.task_dict[task][split][doc_id]), f"{task}, document {doc_id}")

    def _image_sources(self, requests: Sequence[Instance]) -> list[int]:
        """For each request, the request whose images it is shown: itself, unless images are shuffled."""
        if self.image_policy == "as_is":
            return list(range(len(requests)))
        digests = [
            "".join(
                digest_image(part)
                for message in self._read(request)
                for part in message.content
                if not isinstance(part, str)
            )
            for request in requests
        ]
        return shuffled_sources([request.args[4] for request in requests], digests, self.image_seed)


def _result(answer: Answer) -> GenerationResult:
    counts = TokenCounts(input_tokens=answer.input_tokens, output_tokens=answer.output_tokens)
    return GenerationResult(answer.text, counts)


def _signature(identity: Mapping[str, str], image_policy: str, image_seed: int) -> dict[str, str]:
    """What of a critic's settings is said beside its figures."""
    return {
        "checkpoint": identity["name"] + (f"@{identity['revision']}" if identity["revision"] else ""),
        "weights": identity["digest"][:12],
        "dtype": identity["dtype"].removeprefix("torch."),
        "quantized": {"True False": "4bit", "False True": "8bit"}.get(identity["quantized"], "no"),
        "images": image_policy if image_policy == "as_is" else f"{image_policy} by seed {image_seed}",
    }


def _accelerator(device: str | None) -> Any:
    from accelerate import Accelerator

    return Accelerator(cpu=device == "cpu" or not torch.cuda.is_available())


def _choose_device(device: str | None, accelerator: Any) -> str:
    if accelerator.num_processes > 1:
        return str(accelerator.device)
    return device or ("cuda" if torch.cuda.is_available() else "cpu")


def _read_batch_size(batch_size: int | str) -> int | None:
    """A number of requests, or None for automatic."""
    if str(batch_size).split(":")[0] == "auto":
        return None
    if not str(batch_size).isdigit() or int(batch_size) < 1:
        raise ArgumentError(f"batch_size={batch_size} is neither a positive number nor auto.")
    return int(batch_size)


def _by_settings(requests: Sequence[Instance], limit: int | None) -> dict[GenerationSettings, list[int]]:
    """Indices of the requests that can share batches: those generated with the same settings."""
    groups: dict[GenerationSettings, list[int]] = {}
    for index, request in enumerate(requests):
        groups.setdefault(GenerationSettings.from_task(request.args[2], limit), []).append(index)
    return groups

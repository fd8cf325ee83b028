"""The arguments of the model `llava_critic`, as `--model_args name=value,...` gives them, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from lmms_eval.utils import simple_parse_args_string

from critic_eval.critics.answer_policy import AnswerPolicy, is_elicited, warn_of_one_draw
from critic_eval.critics.cards.using import CardUse, use_card
from critic_eval.critics.engines.arguments import read_batch_size, read_count, read_quantization
from critic_eval.critics.engines.opening import EngineArguments, engine_arguments
from critic_eval.critics.generation import Mode
from critic_eval.errors import ArgumentError


@dataclass(frozen=True)
class CriticArguments:
    """What a run says of its critic.

    Attributes:
        pretrained: hub id or folder of a checkpoint in LLaVA's own formats or transformers' layout, or `digits` for the
            embedded critic. With `base_url`, the name that the server has for its model.
        critic: the card of its family, by name or as a file (`my_critic.yaml`); by default the one that fits
            `pretrained`. `none` for none. `critic-eval critics` lists them.
        revision: branch, tag or commit on the hub.
        device: `cuda`, `cuda:1`, `cpu`; by default CUDA where there is one.
        dtype: `auto` (as stored on CUDA, float32 on CPU), `float32`, `float16`, `bfloat16`.
        device_map: `auto` spreads one model over several GPUs.
        attn_implementation: `sdpa`, `eager`, `flash_attention_2`, ...; by default FlashAttention where it is installed
            and the model is on a GPU, else SDPA.
        batch_size: requests in one batch; `auto` fills batches up to what fits in the free memory.
        max_batch_size: requests at most in an automatic batch.
        max_new_tokens: upper limit of every answer, below what a task asks for.
        max_thinking_tokens: upper limit of a thought, which then is closed by the critic's own mark, for it to answer.
        load_in_4bit, load_in_8bit: quantize with bitsandbytes while loading (extra `quantized`).
        vision_config: JSON file with the sizes of a vision tower that is not known by name.
        trust_remote_code: run code that comes with a checkpoint; off unless asked for.
        min_pixels, max_pixels: pixels of an image, for checkpoints whose processor takes images of any size.
        image_policy: `as_is`; as controls `shuffled` (every request is shown another image of its task) and `blank` (a
            gray one of the same size); or `tiles_N`, such as `tiles_4`: images are shrunk until they take at most N
            tiles, the overview counted.
        image_seed: seed of the shuffle.
        protocol: ask with this protocol, or family of protocols, instead of each task's own.
        order_policy: show pairs in these orders instead of each task's own: `single` (the data set's), `both`, or
            `random` (one of both for each item).
        temperature, top_p, top_k: draw answers, instead of taking the likeliest; 0 takes the likeliest whatever the
            card says.
        samples: draw so many judgments of each request, and join them as `pool` says; needs a temperature, or a card
            that has one.
        pool: `majority`, `mean` or `median` of these; by default the majority of preferences and rankings, and the mean
            of scores.
        when_unread: `elicit` asks on where an answer states no verdict: the critic goes on in the protocol's form, and
            the verdict is what it is likeliest to say. By default such an answer is invalid.
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
        processes: that judge on a CPU, on Linux; `auto` tries one for each CPU with a tiny model.
        base_url: ask an OpenAI-compatible server, or several with `;` between them, instead of loading a checkpoint.
        concurrency: requests that each server works on at a time.
        timeout: seconds that a server may take for an answer, to its last byte.
        engine: `local`, or `ray` for a pool of processes or machines (extra `ray`).
        actors: how many of these there are; by default one for each GPU.
        base: where the checkpoint is a delta, the language model that its weights are added to: hub id or folder.
        vision_tower: hub id or folder of the vision tower, where the checkpoint doesn't hold it and it is not to be the
            one that its config names.
        conversation: LLaVA's name of the format in which prompts are rendered, such as `llava_v0`; by default the
            checkpoint's.
        adapter: hub id or folder of what was trained on top of the checkpoint: PEFT's LoRA, LLaVA's, or a projector.
        merge_adapter: put its matrices into the weights; `False` keeps them apart (extra `adapters`).
    """

    pretrained: str | None = None
    critic: str | None = None
    revision: str | None = None
    device: str | None = None
    dtype: str = "auto"
    device_map: str | None = None
    attn_implementation: str | None = None
    batch_size: int | str = "auto"
    max_batch_size: int | None = None
    max_new_tokens: int | None = None
    max_thinking_tokens: int | None = None
    load_in_4bit: bool = False
    load_in_8bit: bool = False
    vision_config: str | None = None
    trust_remote_code: bool = False
    min_pixels: int | None = None
    max_pixels: int | None = None
    image_policy: str = "as_is"
    image_seed: int = 0
    protocol: str | None = None
    order_policy: str | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    samples: int = 1
    pool: str | None = None
    when_unread: str = "invalid"
    verdict_only: bool = False
    reasons: bool = True
    journal: str | None = None
    dry_run: bool = False
    share_prefixes: bool = True
    compile: bool = False
    workers: int | None = None
    threads: int | str = "auto"
    processes: int | str = "auto"
    base_url: str | None = None
    concurrency: int = 16
    timeout: float = 600.0
    engine: str = "local"
    actors: int | None = None
    base: str | None = None
    vision_tower: str | None = None
    conversation: str | None = None
    adapter: str | None = None
    merge_adapter: bool = True

    @classmethod
    def names(cls) -> list[str]:
        """All arguments."""
        return [field.name for field in fields(cls)]

    def answer_policy(self, use: CardUse) -> AnswerPolicy:
        """What is wanted of each answer, of a critic with this card.

        Raises:
            ArgumentError: a value is none that its argument can have, or two wishes exclude each other.
        """
        if self.verdict_only and not self.reasons:
            raise ArgumentError("verdict_only has no reasons to leave out; give either it or reasons=False.")
        mode: Mode = "verdict" if self.verdict_only else "text" if self.reasons else "to_verdict"
        if mode != "text" and use.card is not None and use.card.thinks:
            raise ArgumentError(
                f"{use.card.name} thinks before it answers, so that its first words don't tell its verdict; leave out "
                "verdict_only and reasons=False."
            )
        warn_of_one_draw(self.temperature, int(self.samples))
        return AnswerPolicy(
            mode,
            use.decoding.options if mode == "text" else {},
            int(self.samples),
            self.pool,  # type: ignore[arg-type]  # it checks
            _whole(self.max_new_tokens),
            _whole(self.max_thinking_tokens),
            is_elicited(self.when_unread),
        )

    def about_text(self) -> dict[str, object]:
        """Arguments that are about text, as a critic with a reward head gives none; empty where they are not given."""
        return {
            "protocol": self.protocol,
            "verdict_only": self.verdict_only,
            "reasons=False": not self.reasons,
            "temperature": self.temperature,
            "samples": int(self.samples) > 1,
            "when_unread": self.when_unread != "invalid",
            "max_thinking_tokens": self.max_thinking_tokens,
        }

    def use_card(self) -> CardUse:
        """The card of the critic, joined with these arguments. Raises ArgumentError for one that can't be used."""
        named = None if self.critic is None else str(self.critic)
        return use_card(named, {**asdict(self), "pretrained": _text(self.pretrained), "revision": _text(self.revision)})

    def for_engine(self, use: CardUse, device: str, world_size: int) -> EngineArguments:
        """The arguments of the engine.

        Args:
            use: the card, which gives what the run does not.
            device: where the model goes.
            world_size: processes of the evaluation, which accelerate has started.

        Raises:
            ArgumentError: a value is none that its argument can have.
        """
        given: Mapping[str, Any] = {**asdict(self), **use.arguments}
        return engine_arguments(
            given,
            pretrained=_text(given["pretrained"]),
            revision=_text(self.revision),
            device=device,
            device_is_given=self.device is not None,
            quantization=read_quantization(self.load_in_4bit, self.load_in_8bit),
            weights=not self.dry_run,
            batch_size=read_batch_size(self.batch_size),
            max_batch_size=_whole(self.max_batch_size),
            workers=_whole(self.workers),
            threads=read_count("threads", self.threads),
            # Processes that accelerate starts have shared the CPUs among them already.
            processes=read_count("processes", self.processes if world_size == 1 else 1),
            concurrency=int(self.concurrency),
            timeout=float(self.timeout),
            actors=_whole(self.actors),
            min_pixels=_whole(given["min_pixels"]),
            max_pixels=_whole(given["max_pixels"]),
        )


def given_arguments(arg_string: str, additional_config: Mapping[str, Any] | None) -> dict[str, Any]:
    """What a command line says to a model: `--model_args`, and what it leaves open of the command's own settings.

    lmms-eval's command line always gives a batch size, the number 1 where the user gave none (and a string otherwise);
    that default is left out, so that ours applies.
    """
    given = {key: value for key, value in (additional_config or {}).items() if value is not None}
    if isinstance(given.get("batch_size"), int):
        del given["batch_size"]
    return {**given, **simple_parse_args_string(arg_string)}


def _text(value: Any) -> str | None:
    """A text that lmms-eval may have read as a number, such as a revision of digits."""
    return None if value is None else str(value)


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)

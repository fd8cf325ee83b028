"""From the name of a critic to one that can be asked."""

import inspect
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from critic_eval.api.critic import Critic
from critic_eval.critics.answer_policy import AnswerPolicy, is_elicited, warn_of_one_draw
from critic_eval.critics.cards.using import use_card
from critic_eval.critics.engines.arguments import (
    default_device,
    read_batch_size,
    read_count,
    read_quantization,
    refuse_unknown,
)
from critic_eval.critics.engines.opening import engine_arguments


def load_critic(
    pretrained: str | PathLike[str] | None = None,
    *,
    critic: str | PathLike[str] | None = None,
    protocol: str | None = None,
    revision: str | None = None,
    device: str | None = None,
    dtype: str = "auto",
    device_map: str | None = None,
    attn_implementation: str | None = None,
    load_in_4bit: bool = False,
    load_in_8bit: bool = False,
    vision_config: str | None = None,
    trust_remote_code: bool = False,
    batch_size: int | str = "auto",
    max_batch_size: int | None = None,
    min_pixels: int | None = None,
    max_pixels: int | None = None,
    max_new_tokens: int | None = None,
    max_thinking_tokens: int | None = None,
    temperature: float | None = None,
    top_p: float | None = None,
    top_k: int | None = None,
    samples: int = 1,
    pool: str | None = None,
    when_unread: str = "invalid",
    share_prefixes: bool = True,
    workers: int = 0,
    threads: int | str = "auto",
    processes: int | str = 1,
    base_url: str | None = None,
    concurrency: int = 16,
    timeout: float = 600.0,
    journal: str | PathLike[str] | None = None,
    allow_urls: bool = False,
    base: str | PathLike[str] | None = None,
    vision_tower: str | PathLike[str] | None = None,
    conversation: str | None = None,
    adapter: str | PathLike[str] | None = None,
    merge_adapter: bool = True,
    **unknown: Any,
) -> Critic:
    """Load a critic, to ask it from Python. Arguments mean what they mean to lmms-eval's model `llava_critic`.

    Args:
        pretrained: hub id or folder of a checkpoint in LLaVA's own formats or transformers' layout; `digits` for the
            embedded critic of handwritten digits, which needs no network. By default `lmms-lab/llava-critic-7b`.
            With `base_url`, the name that the server has for its model; by default the first that it serves.
        critic: the card of its family, by name or as a file; by default the one that fits `pretrained`, and `none`
            for none. A critic that has a prompt of its own is asked with it.
        protocol: a protocol, or a family of them such as `verdict_last`, that asks instead.
        revision: branch, tag or commit on the hub.
        device: `cuda`, `cuda:1`, `cpu`; by default CUDA where there is one.
        dtype: `auto` (as stored on CUDA, float32 on CPU), `float32`, `float16`, `bfloat16`.
        device_map: `auto` spreads one model over several GPUs.
        attn_implementation: `sdpa`, `eager`, `flash_attention_2`, ...
        load_in_4bit: quantize while loading (extra `quantized`).
        load_in_8bit: the same with 8 bits.
        vision_config: JSON file with the sizes of a vision tower that is not known by name.
        trust_remote_code: run code that comes with a checkpoint.
        batch_size: requests in one batch; `auto` fills batches up to what fits in the free memory.
        max_batch_size: requests at most in an automatic batch.
        min_pixels: pixels of an image at least, for checkpoints whose processor takes images of any size.
        max_pixels: pixels of an image at most, for the same.
        max_new_tokens: upper limit of every answer, below what a protocol asks for.
        max_thinking_tokens: upper limit of a thought, which then is closed for the critic to answer.
        temperature: draw answers, instead of taking the likeliest.
        top_p: draw from the fewest tokens that have so much of the probability.
        top_k: draw from so many of the likeliest tokens.
        samples: draw so many judgments of each question, and join them.
        pool: `majority`, `mean` or `median` of these; by default the mean of scores, and the majority of all else.
        when_unread: `elicit` lets an answer without a verdict go on in the protocol's form.
        share_prefixes: compute what requests on one image have in common once.
        workers: processes that prepare images ahead of the model. With some, a script needs Python's guard
            `if __name__ == "__main__":`.
        threads: on a CPU; `auto` begins with one for a tiny model and with one for each CPU else, and tries fewer where
            other programs keep CPUs busy.
        processes: that judge on a CPU, on Linux; `auto` tries one for each CPU with a tiny model. Each is a copy of
            the whole program, made when many items are judged.
        base_url: ask an OpenAI-compatible server, or several with `;` between them, instead of loading a checkpoint.
        concurrency: requests that each server works on at a time.
        timeout: seconds that a server may take for an answer.
        journal: file that keeps every answer, so that what was asked once is not computed again.
        allow_urls: fetch images that are given as http or https addresses, public ones of up to 20 MB; otherwise they
            are refused.
        base: where the checkpoint is a delta, the language model that its weights are added to: hub id or folder.
        vision_tower: hub id or folder of the vision tower, where the checkpoint doesn't hold it and it is not to be the
            one that its config names.
        conversation: LLaVA's name of the format in which prompts are rendered, such as `llava_v0`; by default the
            checkpoint's.
        adapter: hub id or folder of what was trained on top of the checkpoint: PEFT's LoRA, LLaVA's, or a projector.
        merge_adapter: put its matrices into the weights; `False` keeps them apart (extra `adapters`).
        **unknown: refused, with the names that are near.

    Returns:
        The critic, ready to be asked.

    Raises:
        ArgumentError: an argument is unknown or asks for what this machine lacks.
        CheckpointError: the checkpoint can't be found, read or recognized.
        DataError: the journal can't be used.
        ServerError: no server answers at `base_url`.
    """
    given = dict(locals())
    known = [name for name in inspect.signature(load_critic).parameters if name != "unknown"]
    refuse_unknown("load_critic", known, unknown)
    named = None if critic is None else fspath(critic)
    given["pretrained"] = None if pretrained is None else fspath(pretrained)
    use = use_card(named, given)
    base_url = use.arguments.get("base_url", base_url)
    arguments = engine_arguments(
        {**given, **use.arguments},
        device="cpu" if base_url else default_device(device),
        device_is_given=device is not None,
        quantization=read_quantization(load_in_4bit, load_in_8bit),
        batch_size=read_batch_size(batch_size),
        threads=read_count("threads", threads),
        processes=read_count("processes", processes),
        **{part: None if given[part] is None else fspath(given[part]) for part in ("base", "vision_tower", "adapter")},
    )
    warn_of_one_draw(temperature, samples)
    policy = AnswerPolicy(
        options=use.decoding.options,
        samples=samples,
        pool=pool,  # type: ignore[arg-type]  # it checks
        max_new_tokens=max_new_tokens,
        max_thinking_tokens=max_thinking_tokens,
        elicits=is_elicited(when_unread),
    )
    return Critic(
        arguments,
        protocol=protocol,
        journal=None if journal is None else Path(journal),
        card=use,
        policy=policy,
        allow_urls=allow_urls,
    )

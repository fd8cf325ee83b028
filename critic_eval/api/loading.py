"""From the name of a critic to one that can be asked."""

import inspect
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from critic_eval.api.critic import Critic
from critic_eval.critics.engines.arguments import (
    DEFAULT_PRETRAINED,
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
    max_new_tokens: int | None = None,
    share_prefixes: bool = True,
    workers: int = 0,
    threads: int | str = "auto",
    processes: int | str = 1,
    base_url: str | None = None,
    concurrency: int = 16,
    timeout: float = 600.0,
    journal: str | PathLike[str] | None = None,
    allow_urls: bool = False,
    **unknown: Any,
) -> Critic:
    """Load a critic, to ask it from Python. Arguments mean what they mean to lmms-eval's model `llava_critic`.

    Args:
        pretrained: hub id or folder of a checkpoint in LLaVA-NeXT's, LLaVA-1.5's or transformers' layout; `digits` for
            the embedded critic of handwritten digits, which needs no network. By default `lmms-lab/llava-critic-7b`.
            With `base_url`, the name that the server has for its model; by default the first that it serves.
        protocol: a protocol, or a family of them such as `verdict_last`, that asks instead of LLaVA-Critic's own.
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
        max_new_tokens: upper limit of every answer, below what a protocol asks for.
        share_prefixes: compute what requests on one image have in common once.
        workers: processes that prepare images ahead of the model. With some, a script needs Python's guard
            `if __name__ == "__main__":`.
        threads: on a CPU; `auto` begins with one for a tiny model and with one for each CPU else, and tries fewer where
            other programs keep CPUs busy.
        processes: that judge on a CPU, on Linux; `auto` tries one for each CPU with a small model. Each is a copy of
            the whole program, made when many items are judged.
        base_url: ask an OpenAI-compatible server, or several with `;` between them, instead of loading a checkpoint.
        concurrency: requests that each server works on at a time.
        timeout: seconds that a server may take for an answer.
        journal: file that keeps every answer, so that what was asked once is not computed again.
        allow_urls: fetch images that are given as http or https addresses, public ones of up to 20 MB; otherwise they
            are refused.
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
    name = None if pretrained is None else fspath(pretrained)
    arguments = engine_arguments(
        given,
        pretrained=name if base_url else name or DEFAULT_PRETRAINED,
        device="cpu" if base_url else default_device(device),
        device_is_given=device is not None,
        quantization=read_quantization(load_in_4bit, load_in_8bit),
        batch_size=read_batch_size(batch_size),
        threads=read_count("threads", threads),
        processes=read_count("processes", processes),
    )
    return Critic(
        arguments,
        protocol=protocol,
        journal=None if journal is None else Path(journal),
        max_new_tokens=max_new_tokens,
        allow_urls=allow_urls,
    )

"""From the arguments of `llava_critic` to an engine that is ready to answer."""

from __future__ import annotations

import gc
import importlib.util
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from critic_eval.critics.engines.engine import Engine, Group
from critic_eval.critics.generation import Answer, GenerationSettings
from critic_eval.errors import ArgumentError


@dataclass(frozen=True)
class EngineArguments:
    """Checked arguments, as plain values that another process can be given; their meaning is the adapter's."""

    pretrained: str | None
    revision: str | None = None
    device: str = "cpu"
    device_is_given: bool = True
    dtype: str = "auto"
    device_map: str | None = None
    attn_implementation: str | None = None
    vision_config: str | None = None
    min_pixels: int | None = None
    max_pixels: int | None = None
    quantization: Any = None
    trust_remote_code: bool = False
    weights: bool = True
    batch_size: int | None = None
    max_batch_size: int | None = None
    share_prefixes: bool = True
    compile: bool = False
    workers: int | None = None
    threads: int | None = None
    processes: int | None = 1
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


def engine_arguments(given: Mapping[str, Any], **checked: Any) -> EngineArguments:
    """The arguments of an engine: those that were checked, and of all that were given the others that an engine has."""
    names = [field.name for field in fields(EngineArguments)]
    return EngineArguments(**{name: given[name] for name in names if name in given} | checked)


@dataclass
class OpenEngine:
    """An engine, and what is known of its critic.

    Attributes:
        engine: answers groups of requests.
        identity: all that an answer depends on besides the request, for the journal's keys.
        signature: what is said of the critic beside its figures.
        encoder: of the checkpoint; None behind a server.
    """

    engine: Engine
    identity: Mapping[str, str]
    signature: Mapping[str, str]
    encoder: Any = None
    is_closed: bool = False

    @property
    def gives_rewards(self) -> bool:
        """Whether its critic has a reward head, and is asked for numbers instead of text."""
        return "head" in self.identity

    def close(self) -> None:
        """Give back what the engine holds; it can't be asked any more."""
        self.is_closed = True
        self.engine.close()

    def shares_prefixes(self, settings: GenerationSettings) -> bool:
        """Whether requests with these settings are computed from shared prefixes, as far as that is known here."""
        from critic_eval.critics.engines.local.engine import LocalEngine

        return isinstance(self.engine, LocalEngine) and self.engine.shares_prefixes(settings)

    def answer(self, groups: Iterable[Group]) -> Iterator[list[tuple[int, Answer]]]:
        """See `Engine`. An engine that failed is closed, so that nothing of it goes on."""
        try:
            yield from self.engine.answer(groups)
        except BaseException:
            self.close()
            raise


def open_engine(arguments: EngineArguments) -> OpenEngine:
    """Load the critic, or connect to where it is; inside `kept_engine` the last one may be at hand already.

    Raises:
        ArgumentError: an argument asks for what is not here, or arguments contradict each other.
        CheckpointError: the checkpoint can't be found, read or recognized.
    """
    if _kept is None:
        return _open(arguments)
    opened = _kept.get(arguments)
    if opened is None or opened.is_closed:
        del opened
        if _kept:
            _before_another()
        _let_go(_kept)  # its room is needed for the next
        opened = _kept[arguments] = _open(arguments)
    return opened


@contextmanager
def kept_engine(before_another: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Inside it, an engine stays open, and is given again to whoever asks for the same next.

    Args:
        before_another: is called before it is closed for another one.
    """
    global _kept, _before_another
    _kept, _before_another = {}, before_another
    try:
        yield
    finally:
        _let_go(_kept)
        _kept = None


_kept: dict[EngineArguments, OpenEngine] | None = None
_before_another: Callable[[], None] = lambda: None  # noqa: E731  # is replaced by what `kept_engine` is given


def _let_go(kept: dict[EngineArguments, OpenEngine]) -> None:
    """Close engines, and free the memory of their models."""
    import torch

    while kept:
        kept.popitem()[1].close()
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _open(arguments: EngineArguments) -> OpenEngine:
    if arguments.engine not in ("local", "ray"):
        raise ArgumentError(f"engine={arguments.engine} is unknown; it is local or ray.")
    if (arguments.workers or 0) < 0:
        raise ArgumentError(f"workers={arguments.workers}: there can't be fewer than none.")
    for name, number in (("threads", arguments.threads), ("processes", arguments.processes)):
        if number is not None and number < 1:
            raise ArgumentError(f"{name}={number}: there has to be one at least, or auto.")
    if arguments.engine == "ray" and arguments.weights:
        from critic_eval.critics.engines.ray import RayEngine

        pool = RayEngine(arguments, arguments.actors)
        return OpenEngine(pool, pool.identity, pool.signature)
    return open_servers(arguments) if arguments.base_url else open_local(arguments)


def open_servers(arguments: EngineArguments) -> OpenEngine:
    """Connect to servers, which keep the critic; what they loaded is known by the name that was given alone."""
    from critic_eval.critics.engines.server.engine import ServerEngine, served_model
    from critic_eval.critics.engines.server.special_tokens import SETTING

    urls = [url.strip() for url in str(arguments.base_url).split(";") if url.strip()]
    if arguments.concurrency < 1 or not urls:
        raise ArgumentError("A server needs an address and a concurrency of at least 1.")
    if not 0 < arguments.timeout < math.inf:
        raise ArgumentError(f"timeout={arguments.timeout:g} is not a time for an answer; give seconds, as 600.")
    limits = {"min_pixels": arguments.min_pixels, "max_pixels": arguments.max_pixels}
    pixels = {name: limit for name, limit in limits.items() if limit is not None}
    model = arguments.pretrained or served_model(urls[0])
    engine = ServerEngine(urls, model, arguments.concurrency, arguments.timeout, pixels)
    known = {"name": engine.model, "revision": arguments.revision or ""}
    version = f"@{arguments.revision}" if arguments.revision else ""
    told = {"pixels": "..".join(str(limit or "") for limit in limits.values())} if pixels else {}
    how = {"engine": "server", "special_tokens": SETTING, **told}
    return OpenEngine(engine, {**known, **how}, {"checkpoint": f"{engine.model}{version}", **how})


def open_local(arguments: EngineArguments) -> OpenEngine:
    """Load a checkpoint into this process; without its weights, for a plan only, where the arguments say so."""
    from critic_eval.critics.checkpoints import OwnHead, load_checkpoint
    from critic_eval.critics.embedded import resolve_pretrained
    from critic_eval.critics.engines.local.cpu_engine import CpuEngine
    from critic_eval.critics.engines.local.engine import LocalEngine
    from critic_eval.critics.engines.scoring import ScoringEngine

    attention = arguments.attn_implementation or _default_attention(arguments)
    checkpoint = load_checkpoint(
        resolve_pretrained(str(arguments.pretrained)),
        revision=arguments.revision,
        device=arguments.device,
        dtype=arguments.dtype,
        device_map=arguments.device_map,
        attn_implementation=attention,
        vision_config=arguments.vision_config,
        min_pixels=arguments.min_pixels,
        max_pixels=arguments.max_pixels,
        quantization=arguments.quantization,
        trust_remote_code=arguments.trust_remote_code,
        weights=arguments.weights,
        base=arguments.base,
        vision_tower=arguments.vision_tower,
        conversation=arguments.conversation,
        adapter=arguments.adapter,
        merge_adapter=arguments.merge_adapter,
    )
    if arguments.compile and arguments.weights:
        compile_parts(checkpoint.model)
    workers = _default_workers(arguments.device) if arguments.workers is None else arguments.workers
    sizes = arguments.batch_size, arguments.max_batch_size
    engine: Engine
    if isinstance(checkpoint.head, OwnHead):
        engine = ScoringEngine(checkpoint.head, sizes[0] or sizes[1])
    elif checkpoint.model.device.type == "cpu":
        processes = arguments.processes or (1 if arguments.compile else None)
        how = (*sizes, arguments.share_prefixes, workers)
        engine = CpuEngine(checkpoint, *how, threads=arguments.threads, processes=processes)
    else:
        engine = LocalEngine(checkpoint, *sizes, arguments.share_prefixes, workers)
    identity = {
        **checkpoint.identity,
        "dtype": str(checkpoint.model.dtype).removeprefix("torch."),
        "quantized": arguments.quantization or "no",
        "attention": str(attention),
        "compiled": str(arguments.compile),
        "vision_config": "" if arguments.vision_config is None else Path(arguments.vision_config).read_text("utf-8"),
    }
    name = "digits" if arguments.pretrained == "digits" else identity["name"]
    signature = {
        "checkpoint": name + (f"@{identity['revision']}" if identity["revision"] else ""),
        "weights": identity["digest"][:12],
        "dtype": identity["dtype"],
        "quantized": identity["quantized"],
        **({"pixels": f"{identity['min_pixels']}..{identity['max_pixels']}"} if "min_pixels" in identity else {}),
        **({"head": identity["head"]} if "head" in identity else {}),
    }
    return OpenEngine(engine, identity, signature, checkpoint.encoder)


def compile_parts(model: Any) -> None:
    """Compile what has no state and is called with many shapes: the feed-forward parts and the vision tower."""
    for module in model.modules():
        if type(module).__name__.endswith("MLP") or type(module).__name__.endswith("VisionModel"):
            module.compile(dynamic=True)


def _default_attention(arguments: EngineArguments) -> str | None:
    """FlashAttention on a GPU where it is installed; else what transformers chooses, which is SDPA where it can be."""
    in_half = arguments.dtype in ("auto", "float16", "bfloat16")
    has_flash = importlib.util.find_spec("flash_attn") is not None
    return "flash_attention_2" if arguments.device.startswith("cuda") and in_half and has_flash else None


def _default_workers(device: str) -> int:
    """On a CPU the model itself takes all cores."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(8, cores // 2) if device.startswith("cuda") else 0

"""What is timed: lmms-eval's stock adapter, our engine with its levers one by one and together, a running server."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from critic_eval.critics.engines.local.engine import LocalEngine
from critic_eval.lmms.models.llava_critic import LlavaCritic

STOCK = "stock"
Variants = dict[str, Callable[[], Any]]
"""From a name to what gives the model, which is loaded when it is first asked for."""


def local_variants(critic: Path, device: str, workers: int, **arguments: Any) -> Variants:
    """Our engine on a critic in transformers' layout; all of them share one loaded checkpoint.

    Args:
        critic: its folder.
        device: where it is computed.
        workers: processes that prepare images, of the variants that have some.
        **arguments: of `llava_critic`, for all of them: `dtype`, `attn_implementation`, ...
    """

    @functools.cache
    def loaded() -> LlavaCritic:
        return LlavaCritic(pretrained=str(critic), device=device, **arguments)

    def ours(verdict_only: bool = False, **of_engine: Any) -> Callable[[], Any]:
        def make() -> LlavaCritic:
            shared = copy.copy(loaded())
            engine = shared.engine.engine
            assert isinstance(engine, LocalEngine)
            shared.engine = replace(shared.engine, engine=LocalEngine(engine.checkpoint, **of_engine))
            shared.mode = "verdict" if verdict_only else "text"
            return shared

        return functools.cache(make)

    default_workers = workers if device.startswith("cuda") else 0
    return {
        "one at a time": ours(share_prefixes=False, batch_size=1, workers=0),
        "batches": ours(share_prefixes=False, workers=0),
        "shared prefixes": ours(batch_size=64, workers=0),
        "workers": ours(share_prefixes=False, batch_size=1, workers=workers),
        "all": ours(workers=default_workers),
        "all, verdict only": ours(verdict_only=True, workers=default_workers),
    }


def stock_variant(critic: Path, device: str) -> Variants:
    """lmms-eval's adapter of the same checkpoint."""

    def make() -> Any:
        from lmms_eval.models.chat.llava_hf import LlavaHf

        return LlavaHf(pretrained=str(critic), device=device, device_map=device, dtype="auto")

    return {STOCK: functools.cache(make)}


def why_not_stock() -> str | None:
    """Why the stock adapter can't be timed here, if it can't."""
    missing = [name for name in ("decord",) if find_spec(name) is None]
    return f"lmms-eval's llava_hf imports {', '.join(missing)}: pip install it" if missing else None


def server_variant(url: str, model: str | None, concurrency: int) -> Variants:
    """A server that is running, under the name that it has for its model; by default the first that it serves."""

    def make() -> LlavaCritic:
        return LlavaCritic(base_url=url, pretrained=model, concurrency=concurrency)

    return {"server": functools.cache(make)}

"""One variant's turn at one workload: its seconds, what of them each part of the model takes, and its peak memory."""

from __future__ import annotations

import gc
import os
import platform
import resource
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from critic_eval.judging import read_stated
from speed.workloads import Workload

PARTS = ("vision", "prefill", "decode", "host")
"""What a run's seconds are shared by."""


@dataclass
class Run:
    """One variant's turn at one workload.

    Attributes:
        failed: how many requests got no answer, whose time says nothing.
        shares: of its seconds; none are known of a server.
    """

    workload: str
    variant: str
    turn: int
    requests: int
    seconds: float
    shares: dict[str, float]
    peak_mb: float
    failed: int = 0
    texts: list[str] = field(repr=False, default_factory=list)

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds

    def to_record(self) -> dict[str, Any]:
        """All but the texts, as JSON has it."""
        return {name: value for name, value in asdict(self).items() if name != "texts"}


def timed(variant: str, critic: Any, workload: Workload, turn: int, new_tokens: int) -> Run:
    """Answer a workload's requests; `critic` is a model of lmms-eval's, the stock adapter or ours."""
    critic.task_dict = workload.task_dict
    requests = workload.requests(new_tokens)
    gc.collect()
    with ExitStack() as stack:
        model = _model(critic)
        clock = None if model is None else stack.enter_context(_Clock(model))
        peak = stack.enter_context(PeakMemory())
        start = time.perf_counter()
        answers = critic.generate_until(requests)
        synchronize()
        seconds = time.perf_counter() - start
    shares: dict[str, float] = {}
    if clock is not None:
        shares = {part: clock.seconds[part] / seconds for part in clock.seconds}
        shares["host"] = 1 - sum(shares.values())
    texts = [answer.text.strip() for answer in answers]
    failed = sum(stated is not None and not stated.verdict.is_valid for stated in map(read_stated, texts))
    return Run(workload.name, variant, turn, len(requests), seconds, shares, peak.mb, failed, texts)


class PeakMemory:
    """Peak memory inside, in MB: of the GPU where there is one, else of this process (which only ever grows)."""

    mb = 0.0

    def __enter__(self) -> PeakMemory:
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        elif sys.platform == "linux":
            Path("/proc/self/clear_refs").write_text("5")  # resets the peak
        return self

    def __exit__(self, *_: Any) -> None:
        if torch.cuda.is_available():
            self.mb = torch.cuda.max_memory_allocated() / 1e6
        elif sys.platform == "linux":
            lines = Path("/proc/self/status").read_text().splitlines()
            self.mb = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1e3
        else:
            self.mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def synchronize() -> None:
    """Wait for the GPU, if there is one."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def machine_facts() -> dict[str, str]:
    """What a figure was measured on."""
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"{os.cpu_count()} CPU cores"
    return {"device": device, "machine": _cpu_name(), "torch": torch.__version__}


class _Clock:
    """Seconds inside a model's parts: the vision tower, and the text model with one token a sequence or with more."""

    def __init__(self, model: Any) -> None:
        self.seconds = {"vision": 0.0, "prefill": 0.0, "decode": 0.0}
        self._parts = {"vision": model.model.vision_tower, "text": model.model.language_model}
        self._hooks: list[Any] = []
        self._started = 0.0

    def __enter__(self) -> _Clock:
        for name, part in self._parts.items():
            self._hooks.append(part.register_forward_pre_hook(self._start, with_kwargs=True))
            self._hooks.append(part.register_forward_hook(self._end(name == "vision"), with_kwargs=True))
        return self

    def __exit__(self, *_: Any) -> None:
        for hook in self._hooks:
            hook.remove()

    def _start(self, *_: Any) -> None:
        synchronize()
        self._started = time.perf_counter()

    def _end(self, is_vision: bool) -> Callable[..., None]:
        def end(module: Any, args: Any, kwargs: Any, output: Any) -> None:
            synchronize()
            given = kwargs.get("inputs_embeds")
            part = "vision" if is_vision else "decode" if given is not None and given.shape[1] == 1 else "prefill"
            self.seconds[part] += time.perf_counter() - self._started

        return end


def _model(critic: Any) -> Any:
    """The model behind an adapter; None where it is on a server."""
    from critic_eval.critics.engines.local.engine import LocalEngine
    from critic_eval.lmms.models.llava_critic import LlavaCritic

    if not isinstance(critic, LlavaCritic):
        return critic.model
    engine = critic.engine.engine
    return engine.checkpoint.model if isinstance(engine, LocalEngine) else None


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()

"""Our engine beside lmms-eval's stock adapter, in one process: `python -m speed.throughput --size small`.

Needs the package decord, which lmms-eval's adapter imports and does not declare. Every variant answers the same
requests, in turn, as often as `--repeats` says; a ratio is of a variant to the stock adapter in the same turn.
"""

from __future__ import annotations

import argparse
import copy
import gc
import json
import os
import platform
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

os.environ["TQDM_DISABLE"] = "1"  # read when tqdm is imported

import torch

from speed.cost_model import Machine, seconds, tiles_and_tokens
from speed.random_critic import SIZES, write_random_critic
from speed.workloads import IMAGE_SIZES, WORKLOADS, Workload, make_workload

STOCK = "stock"


@dataclass
class Run:
    """One variant's turn at one workload; `shares` are of its seconds."""

    workload: str
    variant: str
    turn: int
    requests: int
    seconds: float
    shares: dict[str, float]
    peak_mb: float
    texts: list[str] = field(repr=False, default_factory=list)

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds


def main() -> int:
    """Run, print and write the comparison."""
    args = _arguments()
    _quiet()
    with tempfile.TemporaryDirectory() as folder:
        print(f"writing a random critic of size {args.size} ...", flush=True)
        converted = write_random_critic(args.size, Path(folder))
        variants = _variants(args, converted)
        workloads = [make_workload(name, args.images) for name in args.workloads]
        runs: list[Run] = []
        for turn in range(args.repeats):
            for workload in workloads:
                for name, model in variants.items():
                    if turn == 0 and workload is workloads[0]:
                        _timed(name, model(), make_workload(workload.name, 1), -1, 2)  # loads, starts processes
                    run = _timed(name, model(), workload, turn, args.new_tokens)
                    runs.append(run)
                    print(
                        f"turn {turn + 1}  {workload.name:<12} {name:<26} {run.rate:7.3f} requests/s  "
                        f"{run.seconds:7.1f} s  {_percent(run.shares)}  peak {run.peak_mb:,.0f} MB",
                        flush=True,
                    )
    report = _report(args, runs)
    print(_table(report))
    if args.out:
        Path(args.out).write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        print(f"written to {args.out}")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=sorted(SIZES), default="small", help="widths of the random critic")
    parser.add_argument("--images", type=int, default=2, help="images of each workload")
    parser.add_argument("--repeats", type=int, default=3, help="turns, interleaved")
    parser.add_argument("--new-tokens", type=int, default=32, help="length of every answer")
    parser.add_argument("--workloads", nargs="+", choices=WORKLOADS, default=list(WORKLOADS))
    parser.add_argument("--variants", nargs="+", help="some of the variants only; stock is always there")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--workers", type=int, default=2, help="of the variants with workers")
    parser.add_argument("--out", help="JSON file to write")
    return parser.parse_args()


def _variants(args: argparse.Namespace, converted: Path) -> dict[str, Callable[[], Any]]:
    """Models by name; those that share their arguments but one are the levers, one by one and together."""
    from critic_eval.critics.engines.local.engine import LocalEngine
    from critic_eval.lmms.models.llava_critic import LlavaCritic

    def stock() -> Any:
        from lmms_eval.models.chat.llava_hf import LlavaHf

        return LlavaHf(pretrained=str(converted), device=args.device, device_map=args.device, dtype="auto")

    shared: dict[str, LlavaCritic] = {}

    def ours(verdict_only: bool = False, **arguments: Any) -> Callable[[], Any]:
        """The adapter with an engine of these arguments; all of them share one loaded checkpoint."""

        def make() -> LlavaCritic:
            if not shared:
                shared["critic"] = LlavaCritic(pretrained=str(converted), device=args.device)
            critic = copy.copy(shared["critic"])
            engine = LocalEngine(critic.engine.engine.checkpoint, **arguments)
            critic.engine = replace(critic.engine, engine=engine)
            critic.mode = "verdict" if verdict_only else "text"
            return critic

        return make

    default_workers = args.workers if args.device.startswith("cuda") else 0
    found: dict[str, Callable[[], Any]] = {
        STOCK: stock,
        "one at a time": ours(share_prefixes=False, batch_size=1, workers=0),
        "batches": ours(share_prefixes=False, workers=0),
        "shared prefixes": ours(batch_size=64, workers=0),
        "workers": ours(share_prefixes=False, batch_size=1, workers=args.workers),
        "all": ours(workers=default_workers),
        "all, verdict only": ours(verdict_only=True, workers=default_workers),
    }
    kept = {name: model for name, model in found.items() if not args.variants or name in (STOCK, *args.variants)}
    loaded: dict[str, Any] = {}

    def once(name: str) -> Callable[[], Any]:
        def get() -> Any:
            if name not in loaded:
                loaded[name] = kept[name]()
            return loaded[name]

        return get

    return {name: once(name) for name in kept}


def _timed(name: str, model: Any, workload: Workload, turn: int, new_tokens: int) -> Run:
    model.task_dict = workload.task_dict
    requests = workload.requests(new_tokens)
    gc.collect()
    clock = _Clock(getattr(model, "model", None) or model.engine.engine.checkpoint.model)
    with _PeakMemory() as peak:
        start = time.perf_counter()
        answers = model.generate_until(requests)
        _synchronize()
        seconds = time.perf_counter() - start
    clock.remove()
    shares = {part: clock.seconds[part] / seconds for part in ("vision", "prefill", "decode")}
    shares["host"] = 1 - sum(shares.values())
    return Run(
        workload.name, name, turn, len(requests), seconds, shares, peak.mb, [one.text.strip() for one in answers]
    )


class _Clock:
    """Seconds inside a model's parts: the vision tower, and the text model with one token a sequence or with more."""

    def __init__(self, model: Any) -> None:
        self.seconds = {"vision": 0.0, "prefill": 0.0, "decode": 0.0}
        self._hooks = []
        for part in (model.model.vision_tower, model.model.language_model):
            self._hooks.append(part.register_forward_pre_hook(self._start, with_kwargs=True))
            self._hooks.append(
                part.register_forward_hook(self._end(part is model.model.vision_tower), with_kwargs=True)
            )
        self._started = 0.0

    def _start(self, *_: Any) -> None:
        _synchronize()
        self._started = time.perf_counter()

    def _end(self, is_vision: bool) -> Callable[..., None]:
        def end(module: Any, args: Any, kwargs: Any, output: Any) -> None:
            _synchronize()
            given = kwargs.get("inputs_embeds")
            part = "vision" if is_vision else "decode" if given is not None and given.shape[1] == 1 else "prefill"
            self.seconds[part] += time.perf_counter() - self._started

        return end

    def remove(self) -> None:
        for hook in self._hooks:
            hook.remove()


class _PeakMemory:
    """Peak memory inside, in MB: of the GPU where there is one, else of this process (which only ever grows)."""

    mb = 0.0

    def __enter__(self) -> _PeakMemory:
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


def _report(args: argparse.Namespace, runs: list[Run]) -> dict[str, Any]:
    rows = []
    for workload in args.workloads:
        of_stock = {run.turn: run for run in runs if run.workload == workload and run.variant == STOCK}
        for variant in dict.fromkeys(run.variant for run in runs):
            own = [run for run in runs if (run.workload, run.variant) == (workload, variant)]
            ratios = [run.rate / of_stock[run.turn].rate for run in own]
            texts = None if "verdict" in variant else list(zip(own[0].texts, of_stock[0].texts, strict=True))
            same = None if texts is None else sum(a == b for a, b in texts) / len(texts)
            rows.append(
                {
                    "workload": workload,
                    "variant": variant,
                    "requests": own[0].requests,
                    "requests_per_second": statistics.median(run.rate for run in own),
                    "ratio": statistics.median(ratios),
                    "ratio_low": min(ratios),
                    "ratio_high": max(ratios),
                    "peak_mb": max(run.peak_mb for run in own),
                    "same_text_as_stock": same,
                    "share_of_model": _share_of_model(args, workload, variant, own),
                    **{part: statistics.median(run.shares[part] for run in own) for part in own[0].shares},
                }
            )
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"{os.cpu_count()} CPU cores"
    settings = {name: value for name, value in vars(args).items() if name != "out"}
    widths = {
        part: list(value) if isinstance(value, tuple) else value for part, value in SIZES[args.size]._asdict().items()
    }
    return {
        "device": device,
        "machine": _cpu_name(),
        "torch": torch.__version__,
        "settings": settings,
        "widths": widths,
        "rows": rows,
        "runs": [{name: value for name, value in asdict(run).items() if name != "texts"} for run in runs],
    }


def _share_of_model(args: argparse.Namespace, workload: str, variant: str, runs: list[Run]) -> float | None:
    """The rate over what the cost model allows at the H100's full peak; for 7B on a GPU, with everything on."""
    if args.size != "7b" or not args.device.startswith("cuda") or not variant.startswith("all"):
        return None
    sizes = [tiles_and_tokens(IMAGE_SIZES[index % len(IMAGE_SIZES)]) for index in range(args.images)]
    tiles, tokens = (statistics.mean(size[part] for size in sizes) for part in (0, 1))
    machine = Machine(flops=800e12, bandwidth=3.35e12, answer=args.new_tokens)
    best = seconds(workload, machine, tiles, tokens, shared=True, verdict_only="verdict" in variant)
    return statistics.median(run.rate for run in runs) * best


def _table(report: dict[str, Any]) -> str:
    lines = [
        f"\n{report['device']}, {report['machine']}",
        f"{'workload':<13}{'variant':<26}{'requests/s':>11}{'ratio':>8}{'  (spread)':<16}{'same text':>10}"
        f"{'vision':>8}{'prefill':>8}{'decode':>8}{'host':>7}{'peak MB':>10}",
    ]
    lines += [
        f"{row['workload']:<13}{row['variant']:<26}{row['requests_per_second']:>11.3f}{row['ratio']:>8.2f}"
        f"  {_spread(row):<14}{_share(row['same_text_as_stock']):>10}"
        f"{row['vision']:>8.0%}{row['prefill']:>8.0%}{row['decode']:>8.0%}{row['host']:>7.0%}{row['peak_mb']:>10,.0f}"
        for row in report["rows"]
    ]
    lines += [
        f"{row['workload']}, {row['variant']}: {row['share_of_model']:.0%} of the cost model's limit at the full peak"
        for row in report["rows"]
        if row["share_of_model"] is not None
    ]
    return "\n".join(lines)


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"


def _spread(row: dict[str, Any]) -> str:
    return f"({row['ratio_low']:.2f} to {row['ratio_high']:.2f})"


def _percent(shares: dict[str, float]) -> str:
    return " ".join(f"{part} {share:.0%}" for part, share in shares.items())


def _synchronize() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    names = (
        [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        if (info.is_file())
        else []
    )
    return names[0] if names else platform.machine()


def _quiet() -> None:
    """Keep lmms-eval's log off the screen."""
    from loguru import logger

    logger.remove()


if __name__ == "__main__":
    sys.exit(main())

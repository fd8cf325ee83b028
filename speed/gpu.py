"""All that a GPU machine is asked for, in one command: `python -m speed.gpu --out results/gpu.json`.

In ten minutes, each part as far as this machine has what it needs, and with the reason where it has not:

  fixtures    reference checkpoints in bf16 and fp16 against what LLaVA's own code computed in float32
  throughput  a critic of 7B's geometry beside the stock adapter: rates, peak memory, share of the cost model's limit
  attention   the same with FlashAttention against SDPA
  quantized   the same in 4 and 8 bit

The file is written after every measurement, so a run that is cut off keeps what it had. Without a GPU the command runs
a tiny critic on the CPU, which tells only that it works.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from critic_eval.critics.checkpoints import Checkpoint, load_checkpoint
from critic_eval.critics.conversations import Message
from critic_eval.critics.engines.local.branches import placed
from critic_eval.lmms.quiet import without_bars
from critic_eval.whole_files import write_whole
from speed.measuring import PeakMemory, Run, machine_facts
from speed.random_critic import SIZES
from speed.throughput import quiet, ready_critic, run_text, share_of_model, summarize, take_turns
from speed.variants import STOCK, Variants, local_variants, stock_variant, why_not_stock
from speed.workloads import WORKLOADS

FIXTURES = Path(__file__).resolve().parents[2] / "shared" / "fixtures"
"""Where reference checkpoints lie beside a checkout."""
_FIXTURE_NAMES = ("llava_qwen_tiny", "llava_llama_tiny")


class NotHereError(Exception):
    """What a part needs is not on this machine; the message says what."""


class OutOfTimeError(Exception):
    """The minutes are over."""


def main(argv: Sequence[str] | None = None) -> int:
    """Measure part by part; 1 if one failed, which is not the same as one that this machine lacks something for."""
    args = _arguments(argv)
    quiet()
    deadline = time.monotonic() + 60 * args.minutes
    settings = {name: str(value) if isinstance(value, Path) else value for name, value in vars(args).items()}
    report: dict[str, Any] = {**machine_facts(), "settings": settings, "parts": {}}
    with tempfile.TemporaryDirectory() as folder, without_bars():
        for name in args.parts:
            part: dict[str, Any] = {"status": "cut off", "measured": [], "summary": []}
            report["parts"][name] = part
            start = time.monotonic()
            try:
                with closing(_PARTS[name](args, Path(folder))) as measurements:
                    for measured in _until(deadline, measurements):
                        part["summary"] = measured.pop("summary", part["summary"])
                        part["measured"].append(measured)
                        _save(args.out, report)
                part["status"] = "done"
            except NotHereError as error:
                part.update(status="not here", reason=str(error))
            except OutOfTimeError:
                part["reason"] = f"{args.minutes:g} minutes are over"
            except Exception as error:  # one part that fails must not cost the others
                part.update(status="failed", reason=f"{type(error).__name__}: {error}")
            part["seconds"] = round(time.monotonic() - start, 1)
            _save(args.out, report)
            print(f"{name}: {part['status']} {part.get('reason', '')}".rstrip(), flush=True)
            _free_memory()
    print(f"written to {args.out}")
    return int(any(part["status"] == "failed" for part in report["parts"].values()))


def _fixtures(args: argparse.Namespace, folder: Path) -> Iterator[dict[str, Any]]:
    """How far logits and greedy answers are from the reference's, for each fixture and dtype."""
    found = [args.fixtures / name for name in _FIXTURE_NAMES if (args.fixtures / name / "expected.json").is_file()]
    if not found:
        raise NotHereError(f"there are no fixtures in {args.fixtures}")
    for fixture in found:
        cases = json.loads((fixture / "expected.json").read_text("utf-8"))["cases"]
        for dtype, attention in _kinds(args.device):
            checkpoint = load_checkpoint(
                fixture / "checkpoint",
                device=args.device,
                dtype=dtype,
                attn_implementation=attention,
                vision_config=str(fixture / "vision_config.json"),
            )
            compared = [_beside_reference(checkpoint, fixture, case) for case in cases]
            yield {
                "fixture": fixture.name,
                "dtype": dtype,
                "attention": attention,
                "cases": len(cases),
                "largest_logit_difference": max(difference for difference, _ in compared),
                "same_greedy_answers": sum(is_same for _, is_same in compared),
            }


def _kinds(device: str) -> Iterator[tuple[str, str]]:
    """Dtypes and attentions that fixtures are computed with."""
    has_flash = device.startswith("cuda") and find_spec("flash_attn") is not None
    for dtype in ("float32", "bfloat16", "float16"):
        yield dtype, "sdpa"
        if has_flash and dtype != "float32":
            yield dtype, "flash_attention_2"


def _beside_reference(checkpoint: Checkpoint, fixture: Path, case: Mapping[str, Any]) -> tuple[float, bool]:
    """The largest difference of a last logit, and whether the greedy answer is the same."""
    with Image.open(fixture / case["image"]) as image:
        shown = Message("user", (image.convert("RGB"), case["prompt"]))
    encoder, model = checkpoint.encoder, checkpoint.model
    batch = {name: placed(tensor, model) for name, tensor in encoder.collate([encoder.encode([shown])]).items()}
    with torch.inference_mode():
        logits = model(**batch, logits_to_keep=1).logits[0, -1].float().cpu()
        ids = model.generate(**batch, max_new_tokens=len(case["greedy_ids"]), do_sample=False)
    expected = torch.tensor(case["last_logits"])
    difference = (logits[: len(expected)] - expected).abs().max().item()
    return difference, ids[0, batch["input_ids"].shape[1] :].tolist() == case["greedy_ids"]


def _throughput(args: argparse.Namespace, folder: Path) -> Iterator[dict[str, Any]]:
    """Our engine beside the stock adapter."""
    critic, missing = _critic(args, folder), why_not_stock()
    local = local_variants(critic, args.device, args.workers)
    kept = {name: local[name] for name in ("batches", "all", "all, verdict only")}
    stock = {} if missing else stock_variant(critic, args.device)
    if missing:
        yield {"variant": STOCK, "left_out": missing}
    yield from _timed(args, {**stock, **kept}, [])


def _attention(args: argparse.Namespace, folder: Path) -> Iterator[dict[str, Any]]:
    """Kinds of attention on the same requests."""
    if not args.device.startswith("cuda"):
        raise NotHereError(f"FlashAttention needs CUDA, and this is {args.device}")
    if find_spec("flash_attn") is None:
        raise NotHereError("the package flash_attn is not installed")
    critic = _critic(args, folder)
    variants = {
        f"all, {name}": local_variants(critic, args.device, args.workers, attn_implementation=name)["all"]
        for name in ("sdpa", "flash_attention_2")
    }
    yield from _timed(args, variants, [])


def _quantized(args: argparse.Namespace, folder: Path) -> Iterator[dict[str, Any]]:
    """Quantized weights on the same requests, and what they take."""
    if not args.device.startswith("cuda"):
        raise NotHereError(f"bitsandbytes is measured on CUDA, and this is {args.device}")
    if find_spec("bitsandbytes") is None:
        raise NotHereError("the package bitsandbytes is not installed")
    critic, runs = _critic(args, folder), list[Run]()
    for name in ("load_in_8bit", "load_in_4bit"):
        variants = local_variants(critic, args.device, args.workers, **{name: True})
        with PeakMemory() as loading:
            variants["all"]()
        yield {"variant": name, "peak_mb_of_loading": loading.mb}
        yield from _timed(args, {name: variants["all"]}, runs)
        del variants
        _free_memory()


_PARTS: Mapping[str, Callable[[argparse.Namespace, Path], Any]] = {
    "fixtures": _fixtures,
    "throughput": _throughput,
    "attention": _attention,
    "quantized": _quantized,
}


def _timed(args: argparse.Namespace, variants: Variants, runs: list[Run]) -> Iterator[dict[str, Any]]:
    """Each turn as it is taken, with a summary of all so far; `runs` holds those of before."""
    for run in take_turns(variants, args.workloads, args.images, args.repeats, args.new_tokens, seed=0):
        runs.append(run)
        print(run_text(run), flush=True)
        rows = [
            {**row, "share_of_model": share_of_model(args.size, args.images, args.new_tokens, row)}
            for row in summarize(runs)
        ]
        yield {**run.to_record(), "summary": rows}


def _until(deadline: float, measurements: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Measurements while there is time. What is begun is not broken off: the last may end later."""
    while True:
        if time.monotonic() > deadline:
            raise OutOfTimeError
        measured = next(measurements, None)
        if measured is None:
            return
        yield measured


def _critic(args: argparse.Namespace, folder: Path) -> Path:
    return ready_critic(args.size, args.critic or folder / "critic")


def _save(out: Path, report: Mapping[str, Any]) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(out, [json.dumps(report, indent=1) + "\n"])


def _free_memory() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("gpu.json"), help="JSON file to write")
    parser.add_argument("--minutes", type=float, default=10, help="no measurement is begun after so many")
    parser.add_argument("--parts", nargs="+", choices=_PARTS, default=list(_PARTS))
    has_gpu = torch.cuda.is_available()
    parser.add_argument("--device", default="cuda" if has_gpu else "cpu")
    parser.add_argument("--size", choices=sorted(SIZES), default="7b" if has_gpu else "tiny", help="of the critic")
    parser.add_argument("--critic", type=Path, metavar="FOLDER", help="keep the random critic there, and take it again")
    parser.add_argument("--workloads", nargs="+", choices=WORKLOADS, default=["both_orders", "pairs_of_5"])
    parser.add_argument("--images", type=int, default=4, help="images of each workload")
    parser.add_argument("--repeats", type=int, default=2, help="turns, interleaved")
    parser.add_argument("--new-tokens", type=int, default=32, help="length of every answer")
    parser.add_argument("--workers", type=int, default=4, help="processes that prepare images, on a GPU")
    parser.add_argument("--fixtures", type=Path, default=FIXTURES, help="folder of reference checkpoints")
    args = parser.parse_args(argv)
    if args.device.startswith("cuda") and not has_gpu:
        parser.error(f"--device {args.device}: there is no CUDA on this machine.")
    return args


if __name__ == "__main__":
    sys.exit(main())

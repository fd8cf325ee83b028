"""Our engine beside lmms-eval's stock adapter, in one process: `python -m speed.throughput --size small`.

The stock adapter needs the package decord, which lmms-eval imports and does not declare; without it, ratios are of
nothing. Every variant answers the same requests, in turn, as often as `--repeats` says; a ratio is of a variant to the
stock adapter in the same turn.

With `--server URL` a running server is timed beside them, on images that it hasn't seen in any turn of any run. For it
to serve the same critic, have that written first, and then served:

  python -m speed.throughput --size small --critic FOLDER --variants all
  transformers serve FOLDER --port 8000
  python -m speed.throughput --size small --critic FOLDER --variants all --server http://127.0.0.1:8000/v1
"""

from __future__ import annotations

import argparse
import json
import secrets
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from critic_eval.lmms.quiet import without_bars
from speed.cost_model import Machine, seconds, tiles_and_tokens
from speed.measuring import PARTS, Run, machine_facts, timed
from speed.random_critic import SIZES, write_random_critic
from speed.variants import STOCK, Variants, local_variants, server_variant, stock_variant, why_not_stock
from speed.workloads import IMAGE_SIZES, WORKLOADS, make_workload


def main(argv: Sequence[str] | None = None) -> int:
    """Run, print and write the comparison."""
    args = _arguments(argv)
    quiet()
    with tempfile.TemporaryDirectory() as folder, without_bars():
        critic = ready_critic(args.size, args.critic or Path(folder) / "critic")
        variants, left_out = _variants(args, critic)
        runs = []
        for run in take_turns(variants, args.workloads, args.images, args.repeats, args.new_tokens, args.seed):
            runs.append(run)
            print(run_text(run), flush=True)
    report = _report(args, runs, left_out)
    print(_table(report))
    if args.out:
        Path(args.out).write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        print(f"written to {args.out}")
    return 0


def ready_critic(size: str, folder: Path) -> Path:
    """The random critic of that size in a folder, written unless it is there."""
    if not (folder / "config.json").is_file():
        print(f"writing a random critic of size {size} ...", flush=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as beside:
            write_random_critic(size, Path(beside)).rename(folder)
    return folder


def take_turns(
    variants: Variants, workloads: Sequence[str], images: int, repeats: int, new_tokens: int, seed: int
) -> Iterator[Run]:
    """Time all variants at all workloads, interleaved; images differ by workload and turn, and are a seed's alone."""
    for model in variants.values():
        timed("", model(), make_workload(workloads[0], 1, seed), -1, 2)  # loads, starts processes
    for turn in range(repeats):
        for number, name in enumerate(workloads):
            workload = make_workload(name, images, seed + 1 + turn * len(workloads) + number)
            for variant, model in variants.items():
                yield timed(variant, model(), workload, turn, new_tokens)


def summarize(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """A row for each workload and variant: medians over turns, and ratios to the stock adapter where it was timed."""
    rows = []
    for workload, variant in dict.fromkeys((run.workload, run.variant) for run in runs):
        own = [run for run in runs if (run.workload, run.variant) == (workload, variant)]
        stock = {run.turn: run for run in runs if (run.workload, run.variant) == (workload, STOCK)}
        pairs = [(run, stock[run.turn]) for run in own if run.turn in stock]
        ratios = [run.rate / beside.rate for run, beside in pairs]
        texts = [] if "verdict" in variant else [(a, b) for run, beside in pairs for a, b in _texts(run, beside)]
        rows.append(
            {
                "workload": workload,
                "variant": variant,
                "requests": own[0].requests,
                "failed": sum(run.failed for run in own),
                "requests_per_second": statistics.median(run.rate for run in own),
                "ratio": statistics.median(ratios) if ratios else None,
                "ratio_low": min(ratios, default=None),
                "ratio_high": max(ratios, default=None),
                "peak_mb": max(run.peak_mb for run in own),
                "same_text_as_stock": sum(a == b for a, b in texts) / len(texts) if texts else None,
                **{part: statistics.median(run.shares[part] for run in own) for part in own[0].shares},
            }
        )
    return rows


def share_of_model(size: str, images: int, new_tokens: int, row: dict[str, Any]) -> float | None:
    """A row's rate over what the cost model allows at the H100's full peak; for 7B on a GPU, with everything on."""
    if size != "7b" or not torch.cuda.is_available() or not row["variant"].startswith("all"):
        return None
    sizes = [tiles_and_tokens(IMAGE_SIZES[index % len(IMAGE_SIZES)]) for index in range(images)]
    tiles, tokens = (statistics.mean(measured[part] for measured in sizes) for part in (0, 1))
    machine = Machine(flops=800e12, bandwidth=3.35e12, answer=new_tokens)
    is_verdict = "verdict" in row["variant"]
    best = seconds(row["workload"], machine, tiles, tokens, shared=True, verdict_only=is_verdict)
    return float(row["requests_per_second"]) * best


def run_text(run: Run) -> str:
    """A run in a line."""
    shares = " ".join(f"{part} {share:.0%}" for part, share in run.shares.items())
    return (
        f"turn {run.turn + 1}  {run.workload:<12} {run.variant:<26} {run.rate:7.3f} requests/s  "
        f"{run.seconds:7.1f} s  {shares}  peak {run.peak_mb:,.0f} MB"
    )


def quiet() -> None:
    """Keep lmms-eval's log off the screen."""
    from loguru import logger

    logger.remove()


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=sorted(SIZES), default="small", help="widths of the random critic")
    parser.add_argument("--images", type=int, default=2, help="images of each workload")
    parser.add_argument("--repeats", type=int, default=3, help="turns, interleaved")
    parser.add_argument("--new-tokens", type=int, default=32, help="length of every answer")
    parser.add_argument("--workloads", nargs="+", choices=WORKLOADS, default=list(WORKLOADS))
    parser.add_argument("--variants", nargs="*", help="some of our engine's variants only, or none of them")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--workers", type=int, default=2, help="of the variants with workers")
    parser.add_argument("--critic", type=Path, metavar="FOLDER", help="keep the random critic there, and take it again")
    parser.add_argument("--server", metavar="URL", help="time a running server too")
    parser.add_argument("--model", help="the server's name for its model; the first that it serves by default")
    parser.add_argument("--concurrency", type=int, default=16, help="requests that the server works on at a time")
    parser.add_argument("--seed", type=int, help="of the images; 0, or with a server one that it can't have seen")
    parser.add_argument("--out", help="JSON file to write")
    args = parser.parse_args(argv)
    if args.seed is None:
        args.seed = secrets.randbits(48) if args.server else 0
    return args


def _variants(args: argparse.Namespace, critic: Path) -> tuple[Variants, dict[str, str]]:
    """What is timed, and why what is not, is not."""
    local = local_variants(critic, args.device, args.workers)
    kept = {name: model for name, model in local.items() if args.variants is None or name in args.variants}
    missing = why_not_stock()
    stock = {} if missing else stock_variant(critic, args.device)
    server = server_variant(args.server, args.model, args.concurrency) if args.server else {}
    return {**stock, **kept, **server}, {STOCK: missing} if missing else {}


def _report(args: argparse.Namespace, runs: Sequence[Run], left_out: dict[str, str]) -> dict[str, Any]:
    rows = summarize(runs)
    settings = {name: str(value) if isinstance(value, Path) else value for name, value in vars(args).items()}
    widths = SIZES[args.size]._asdict().items()
    return {
        **machine_facts(),
        "settings": {name: value for name, value in settings.items() if name != "out"},
        "widths": {part: list(value) if isinstance(value, tuple) else value for part, value in widths},
        "left_out": left_out,
        "rows": [
            {**row, "share_of_model": share_of_model(args.size, args.images, args.new_tokens, row)} for row in rows
        ],
        "runs": [run.to_record() for run in runs],
    }


def _table(report: dict[str, Any]) -> str:
    lines = [
        f"\n{report['device']}, {report['machine']}",
        f"{'workload':<13}{'variant':<26}{'requests/s':>11}{'ratio':>8}{'  (spread)':<16}{'same text':>10}"
        f"{'vision':>8}{'prefill':>8}{'decode':>8}{'host':>7}{'peak MB':>10}",
    ]
    for row in report["rows"]:
        spread = "" if row["ratio"] is None else f"({row['ratio_low']:.2f} to {row['ratio_high']:.2f})"
        ratio = "-" if row["ratio"] is None else f"{row['ratio']:.2f}"
        shares = "".join(f"{_share(row.get(part)):>{7 if part == 'host' else 8}}" for part in PARTS)
        lines.append(
            f"{row['workload']:<13}{row['variant']:<26}{row['requests_per_second']:>11.3f}{ratio:>8}  {spread:<14}"
            f"{_share(row['same_text_as_stock']):>10}{shares}{row['peak_mb']:>10,.0f}"
        )
    lines += [
        f"{row['workload']}, {row['variant']}: {row['share_of_model']:.0%} of the cost model's limit at the full peak"
        for row in report["rows"]
        if row["share_of_model"] is not None
    ]
    lines += [
        f"{row['workload']}, {row['variant']}: {row['failed']} requests failed, so its rate says nothing"
        for row in report["rows"]
        if row["failed"]
    ]
    lines += [f"{name} was left out: {reason}" for name, reason in report["left_out"].items()]
    return "\n".join(lines)


def _texts(run: Run, beside: Run) -> Iterator[tuple[str, str]]:
    return zip(run.texts, beside.texts, strict=True)


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"


if __name__ == "__main__":
    sys.exit(main())

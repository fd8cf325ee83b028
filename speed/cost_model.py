"""What judgments cost on GPUs by arithmetic, and what hosts cost by measurement: `python -m speed.cost_model`.

The model is of LLaVA-Critic-7B in bf16: matrix products at a share of the GPU's peak, weights and caches read once a
decoding step at a share of its bandwidth. Vision, prefill and decoding follow one another. Nothing in it was fitted.
"""

from __future__ import annotations

import argparse
import io
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers.image_processing_utils import select_best_resolution

from critic_eval.critics.checkpoints import build_config
from critic_eval.critics.checkpoints.images import OnevisionImages, tiled_tokens
from critic_eval.critics.images import digest_image
from speed.random_critic import SIZES, critic_config
from speed.workloads import IMAGE_SIZES, WORKLOADS, make_workload

LAYERS, WIDTH = SIZES["7b"].text[2], SIZES["7b"].text[0]
BLOCK_WEIGHTS, HEAD_WEIGHTS = 6.525e9, 0.545e9
"""Weights of Qwen2-7B's blocks, and of its prediction over 152,064 tokens."""
CACHE_BYTES = 2 * LAYERS * SIZES["7b"].kv_heads * 128 * 2
"""Keys and values of a token."""
TILE_FLOPS = 0.666e12
"""Of SigLIP and the projector, for one tile."""

TEXT_TOKENS, QUESTION_TOKENS, RESPONSE_TOKENS, ANSWER_TOKENS = 150, 50, 125, 150
"""Of the instructions, the question, each response and the critic's answer."""


@dataclass(frozen=True)
class Machine:
    """A GPU: operations and bytes a second that are reached, of an H100 by default."""

    flops: float = 800e12 * 0.5
    bandwidth: float = 3.35e12 * 0.7
    batch: int = 64
    answer: int = ANSWER_TOKENS


def prefill_flops(new: float, before: float = 0.0) -> float:
    """Operations for `new` tokens that follow `before` others, which they attend to."""
    return 2 * BLOCK_WEIGHTS * new + 4 * LAYERS * WIDTH * new * (before + new / 2)


def seconds(
    workload: str, machine: Machine, tiles: float, image_tokens: float, shared: bool, verdict_only: bool
) -> float:
    """Seconds of GPU for one request of a workload, in batches, on images of this size."""
    responses = 1 if workload == "scores_of_5" else 2
    own = RESPONSE_TOKENS * responses
    begun = image_tokens + TEXT_TOKENS + QUESTION_TOKENS
    members = {"both_orders": 2, "pairs_of_5": 20, "scores_of_5": 5}[workload]
    if shared:
        stems = 5 * RESPONSE_TOKENS / 20 if workload == "pairs_of_5" else 0.0
        own -= RESPONSE_TOKENS if stems else 0
        work = (prefill_flops(begun) + tiles * TILE_FLOPS) / members + prefill_flops(own + stems, begun)
    else:
        work = prefill_flops(begun + own) + tiles * TILE_FLOPS
    if verdict_only:
        return work / machine.flops
    caches = CACHE_BYTES * ((begun / members if shared else begun) + RESPONSE_TOKENS * responses)
    step = 2 * (BLOCK_WEIGHTS + HEAD_WEIGHTS) / machine.batch + caches
    return work / machine.flops + machine.answer * step / machine.bandwidth


def main() -> None:
    """Print what a million judgments take on 1, 8 and 64 GPUs, and what this host takes for one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--utilization", type=float, default=0.5, help="share of the peak of 800 TFLOP/s")
    parser.add_argument("--price", type=float, default=2.5, help="dollars an hour and GPU")
    parser.add_argument("--host", action="store_true", help="measure what one core of this machine does")
    args = parser.parse_args()
    machine = Machine(flops=800e12 * args.utilization)
    sizes = [tiles_and_tokens(size) for size in IMAGE_SIZES]
    tiles, tokens = (float(np.mean([size[part] for size in sizes])) for part in (0, 1))
    print(f"images of {tiles:.1f} tiles and {tokens:,.0f} tokens on average; {args.utilization:.0%} of 800 TFLOP/s")
    print(f"{'workload':<13}{'engine':<34}{'per s':>8}{'1 GPU':>10}{'8 GPUs':>10}{'64 GPUs':>10}{'dollars':>9}")
    for workload in WORKLOADS:
        for shared, verdict_only, name in (
            (False, False, "batches"),
            (True, False, "batches, shared prefixes"),
            (True, True, "shared prefixes, verdict only"),
        ):
            each = seconds(workload, machine, tiles, tokens, shared, verdict_only)
            hours = 1e6 * each / 3600
            print(
                f"{workload:<13}{name:<34}{1 / each:>8.1f}{hours:>8.1f} h{hours / 8:>8.1f} h{hours / 64:>8.2f} h"
                f"{hours * args.price:>9,.0f}"
            )
    if args.host:
        _print_host()


def _print_host() -> None:
    """Milliseconds of one core for an image of the mix, and for a request."""
    torch.set_num_threads(1)
    workload = make_workload("scores_of_5", len(IMAGE_SIZES))
    images = [workload.documents[5 * index]["image"] for index in range(len(IMAGE_SIZES))]
    processor = OnevisionImages(_config())
    encoded = [_jpeg(image) for image in images]
    rows = {
        "decode a JPEG": lambda index: Image.open(io.BytesIO(encoded[index])).load(),
        "digest an image": lambda index: digest_image(images[index]),
        "prepare an image (tiles, normalized)": lambda index: processor([images[index]]),
        "encode a PNG for a server": lambda index: images[index].save(io.BytesIO(), "PNG", compress_level=1),
    }
    for name, work in rows.items():
        start = time.perf_counter()
        for index in range(len(images)):
            work(index)
        print(f"{name:<38}{1000 * (time.perf_counter() - start) / len(images):>8.1f} ms")
    size = sum(len(_png(image)) for image in images) / len(images)
    print(f"{'bytes of a PNG':<38}{size / 1e6:>8.2f} MB (the mix is smooth noise; photographs are larger)")


def tiles_and_tokens(size: tuple[int, int]) -> tuple[int, int]:
    """Tiles and tokens of an image of this width and height."""
    config = _config()
    height, width = select_best_resolution((size[1], size[0]), config.image_grid_pinpoints)
    return 1 + height * width // 384**2, tiled_tokens(size[1], size[0], config)


def _config() -> Any:
    return build_config(critic_config("tiny"), image_token_id=626)


def _jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


if __name__ == "__main__":
    main()

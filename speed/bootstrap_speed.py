"""How long the bootstrap takes at the size of MLLM-as-a-Judge: `python benchmarks/bootstrap_speed.py`."""

import argparse
import platform
import time

import numpy as np

from critic_eval.judging import Judgment, Score
from critic_eval.metrics import group_figures


def main() -> None:
    """Time the mean of 14 groups' Pearson correlations over 5,717 items, the intervals of each group included."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=5717)
    parser.add_argument("--groups", type=int, default=14)
    parser.add_argument("--resamples", type=int, default=10_000)
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    judgments = []
    for item in range(args.items):
        label = int(rng.integers(1, 6))
        verdict = int(np.clip(label + rng.integers(-2, 3), 1, 5))
        judgments.append(
            Judgment(
                str(item),
                "A",
                Score(verdict),
                "",
                "mllm_judge_score",
                label=Score(label),
                group=f"group {item % args.groups}",
            )
        )
    start = time.perf_counter()
    mean = group_figures("pearson", judgments, resamples=args.resamples)[0]
    seconds = time.perf_counter() - start
    size = f"{args.items:,} items in {args.groups} groups, {args.resamples:,} resamples"
    print(f"{size}: {seconds:.2f} s on {platform.processor() or platform.machine()}")
    print(f"mean Pearson {mean.value:.3f} ({mean.low:.3f} to {mean.high:.3f})")


if __name__ == "__main__":
    main()

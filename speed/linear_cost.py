"""Time and peak memory of 100, 1,000 and 10,000 requests to the embedded critic: `python -m speed.linear_cost`."""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from types import SimpleNamespace
from typing import Any

os.environ["TQDM_DISABLE"] = "1"  # read when tqdm is imported

TOKENS = 32


def main() -> None:
    """Run each number of requests in a process of its own, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, nargs="+", default=[100, 1000, 10_000])
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(_measured(args.one)))
        return
    print(f"{'requests':>10}{'seconds':>10}{'ms a request':>14}{'planning s':>12}{'peak MB':>10}")
    for number in args.requests:
        command = [sys.executable, "-m", "speed.linear_cost", "--one", str(number)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        row = json.loads(done.stdout.splitlines()[-1])
        print(
            f"{number:>10,}{row['seconds']:>10.1f}{1000 * row['seconds'] / number:>14.2f}"
            f"{row['planning']:>12.1f}{row['peak_mb']:>10,.0f}",
            flush=True,
        )


def _measured(number: int) -> dict[str, float]:
    """Pairs in both orders, each on an image of its own, through the adapter with a journal."""
    import tempfile

    from lmms_eval.api.instance import Instance

    from critic_eval.benchmarks.digits.generator import generate_items
    from critic_eval.judging import Item, Response, get_protocol
    from critic_eval.lmms.models import llava_critic as adapter

    items, protocol = generate_items("pair"), get_protocol("llava_critic_pair")

    def document(index: int) -> dict[str, Any]:
        item = items[index % len(items)]
        image = item["image"].copy()
        image.putpixel((0, 0), tuple(index // 2 // 256**place % 256 for place in range(3)))
        shown = Item(item["id"], item["question"], tuple(map(Response, item["responses"])))
        return {"image": image, "text": protocol.render(shown, ("AB", "BA")[index % 2])}

    class Documents:
        def __getitem__(self, index: int) -> dict[str, Any]:
            return document(index)

    def messages(shown: dict[str, Any]) -> list[dict[str, Any]]:
        content = [{"type": "image", "url": shown["image"]}, {"type": "text", "text": shown["text"]}]
        return [{"role": "user", "content": content}]

    settings = {"max_new_tokens": TOKENS, "do_sample": False, "until": []}
    requests = []
    for index in range(number):
        arguments = ("", messages, settings, index, "task", "test")
        metadata = {"task": "task", "doc_id": index, "repeats": 1, "split": "test"}
        requests.append(Instance("generate_until", arguments, index, metadata=metadata))
    clock = SimpleNamespace(planning=0.0)
    make_plan = adapter.make_plan

    def timed_plan(*arguments: Any, **named: Any) -> Any:
        begun = time.perf_counter()
        plan = make_plan(*arguments, **named)
        clock.planning = time.perf_counter() - begun
        return plan

    adapter.make_plan = timed_plan
    with tempfile.TemporaryDirectory() as folder:
        critic = adapter.LlavaCritic(pretrained="digits", device="cpu", journal=f"{folder}/journal.sqlite")
        critic.task_dict = {"task": {"test": Documents()}}
        start = time.perf_counter()
        answers = critic.generate_until(requests)
        seconds = time.perf_counter() - start
    assert len(answers) == number
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    return {"seconds": seconds, "planning": clock.planning, "peak_mb": peak}


if __name__ == "__main__":
    main()

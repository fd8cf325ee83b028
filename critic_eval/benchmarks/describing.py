"""What there is to say of a benchmark, for people."""

from __future__ import annotations

from typing import Any

from critic_eval.benchmarks.benchmark import Benchmark
from critic_eval.benchmarks.loading.own_files import OwnFile
from critic_eval.benchmarks.loading.sources import HubData
from critic_eval.benchmarks.registry import benchmarks
from critic_eval.judging import get_protocol


def benchmark_facts(benchmark: Benchmark) -> dict[str, Any]:
    """Its task, title, data, protocol, figures, variants and license, as JSON holds them."""
    orders = {"both": "pairs in both orders", "single": "in the data set's order", "random": "in random orders"}
    shown = orders[benchmark.orders] if benchmark.kind == "preference" else ""
    return {
        "task": benchmark.name,
        "title": benchmark.title,
        "about": benchmark.about,
        "kind": benchmark.kind,
        "data": data_text(benchmark),
        "protocol": ", ".join(filter(None, (get_protocol(benchmark.protocol).name, shown))),
        "figures": list(benchmark.figures),
        "variants": [variant.name for variant in benchmarks() if variant.base == benchmark.name != variant.name],
        "license": benchmark.license,
        "paper": benchmark.paper,
        "suite": benchmark.suite,
    }


def data_text(benchmark: Benchmark) -> str:
    """Where its data comes from."""
    source = benchmark.source
    if isinstance(source, OwnFile):
        return f"the file that {source.variable} names" if source.variable else str(source.given)
    if isinstance(source, HubData):
        local = f"{source.folder}/{source.file}"
        config = f", {source.config}" if source.config else ""
        return f"{source.hub} ({source.split}{config}), or {local}" if source.hub else local
    return "generated on first use"

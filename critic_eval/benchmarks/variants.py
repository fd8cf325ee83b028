"""The variants of a benchmark, which are derived from its declaration and never written down."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from critic_eval.benchmarks.benchmark import Benchmark, Variant
from critic_eval.errors import ArgumentError
from critic_eval.judging import get_protocol

FAMILIES: dict[Variant, str] = {"trained": "llava_critic", "verdict_last": "verdict_last"}
"""Variants that ask with another family of protocols."""

_ENDINGS = {"score": "score", "preference": "pair", "ranking": "rank"}


def derived(benchmark: Benchmark, variants: Iterable[Variant] | None = None) -> list[Benchmark]:
    """The variants of a benchmark, without those that the declaration makes of its `official` section.

    `trained` asks with the prompts that LLaVA-Critic was trained on, `verdict_last` for the reasons before the verdict;
    in `injected` a response of each item asks for the verdict, as a probe.

    Args:
        benchmark: without a variant.
        variants: which; None for all that there can be.

    Raises:
        ArgumentError: one of these can't be derived; says why.
    """
    wanted = [*FAMILIES, "injected"] if variants is None else [name for name in variants if name != "official"]
    reasons = {name: _why_not(benchmark, name) for name in wanted}
    for name, reason in reasons.items():
        if reason and variants is not None:
            raise ArgumentError(f"{benchmark.name} has no variant {name}: {reason}.")
    return [_variant(benchmark, name) for name, reason in reasons.items() if not reason]


def _why_not(benchmark: Benchmark, variant: Variant) -> str | None:
    if variant == "injected":
        if benchmark.kind == "ranking":
            return "rankings have no response that is to win"
        return None if benchmark.orders == "both" else "its pairs are shown in one order"
    if variant not in FAMILIES:
        return f"there are official, {', '.join(FAMILIES)} and injected"
    if get_protocol(benchmark.protocol).n_responses[0] == 2 and benchmark.kind == "score":
        return "it asks for two scores at once"
    return "it asks so already" if _protocol(benchmark, variant) == benchmark.protocol else None


def _variant(benchmark: Benchmark, variant: Variant) -> Benchmark:
    named = replace(benchmark, name=f"{benchmark.name}_{variant}", base=benchmark.name, suite="", also_called=())
    if variant == "injected":
        return replace(named, injected=True)
    return replace(named, protocol=_protocol(benchmark, variant))


def _protocol(benchmark: Benchmark, variant: Variant) -> str:
    return f"{FAMILIES[variant]}_{_ENDINGS[benchmark.kind]}"

"""The command `critic-eval describe`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from critic_eval.errors import ArgumentError
from critic_eval.visible import visible

if TYPE_CHECKING:
    from critic_eval.judging import Protocol


def add_command(commands: Any) -> None:
    """Add the subparser of this command."""
    describe = commands.add_parser(
        "describe",
        help="show a benchmark, a protocol, a critic, a figure or a probe",
        description=(
            "Show one thing by its name: of a benchmark its data, protocol and figures, with the prompt on a made-up "
            "item; of a protocol what is asked and what is read; of a critic its card, with its prompts; of a figure "
            "or a probe what it is, its formula, what it needs and where it is from. Yours are found, too. Without a "
            "name, all names are listed."
        ),
        epilog="examples: critic-eval describe critic_vl_rewardbench; critic-eval describe cohen_kappa; "
        "critic-eval describe ./my_prompt.yaml",
    )
    describe.add_argument("name", nargs="?", help="a task, a protocol or critic (or its file), a figure or a probe")
    describe.set_defaults(run=_describe)


def _describe(args: argparse.Namespace) -> None:
    for line in _listed() if args.name is None else _lines(args.name):
        for part in line.split("\n"):
            print(visible(part))


def _listed() -> Iterator[str]:
    for kind, (names, _) in _kinds().items():
        yield f"{kind}s: {', '.join(names())}"


def _lines(name: str) -> Iterator[str]:
    """What there is to say of all that has this name: a protocol and a figure may share one."""
    kinds = _kinds()
    matching = [kind for kind, (names, _) in kinds.items() if name in names()]
    if not matching and name.endswith((".yaml", ".yml")):
        matching = ["critic" if _is_card(name) else "protocol"]
    if not matching and f"critic_{name}" in kinds["benchmark"][0]():
        matching, name = ["benchmark"], f"critic_{name}"
    if not matching:
        known = [each for names, _ in kinds.values() for each in names()]
        near = get_close_matches(name, known, n=4)
        hint = f"did you mean {' or '.join(near)}?" if near else "`critic-eval describe` lists all names."
        raise ArgumentError(f"There is no benchmark, protocol, critic, figure or probe {name!r}; {hint}")
    for number, kind in enumerate(matching):
        if number:
            yield ""
        yield from kinds[kind][1](name)


def _kinds() -> dict[str, tuple[Callable[[], list[str]], Callable[[str], Iterator[str]]]]:
    from critic_eval.benchmarks.registry import benchmark_names
    from critic_eval.critics.cards import card_names
    from critic_eval.judging.protocols import protocol_names
    from critic_eval.metrics import PROBES, figure_names

    return {
        "benchmark": (lambda: benchmark_names(with_variants=True), _benchmark),
        "protocol": (protocol_names, _protocol),
        "critic": (card_names, _critic),
        "figure": (lambda: sorted(figure_names()), _figure),
        "probe": (PROBES.names, _probe),
    }


def _benchmark(name: str) -> Iterator[str]:
    from critic_eval.benchmarks.describing import benchmark_facts
    from critic_eval.benchmarks.registry import find_benchmark
    from critic_eval.judging import get_protocol

    benchmark = find_benchmark(name)
    facts = benchmark_facts(benchmark)
    yield f"{benchmark.name} is a benchmark: {facts['title']}"
    yield facts["about"]
    keys = ("data", "license", "paper", "protocol", "figures", "variants")
    yield from _facts({key: facts[key] for key in keys} | {"official": benchmark.official.source})
    yield ""
    yield from _prompt(get_protocol(benchmark.protocol))


def _protocol(name: str) -> Iterator[str]:
    from critic_eval.judging import get_protocol

    protocol = get_protocol(name)
    least, most = protocol.n_responses
    yield f"{protocol.name} is a protocol that asks for a {protocol.kind}"
    yield from _facts(
        {
            "source": protocol.source,
            "responses": str(least) if least == most else f"{least} to {most}",
            "scale": "" if protocol.scale is None else f"{protocol.scale[0]:g} to {protocol.scale[1]:g}",
            **_read(protocol),
            "tokens": "" if protocol.max_new_tokens is None else f"{protocol.max_new_tokens} at most",
            "system": protocol.system or "",
        }
    )
    yield ""
    yield from _prompt(protocol)


def _is_card(file: str) -> bool:
    """Whether a file declares a critic rather than a protocol, which asks for a kind of verdict."""
    from critic_eval.yaml_files import read_yaml

    return "kind" not in (content := read_yaml(Path(file))) and "extends" not in content


def _critic(name: str) -> Iterator[str]:
    from critic_eval.critics.cards import get_card
    from critic_eval.critics.cards.describing import card_facts
    from critic_eval.judging import get_protocol

    card = get_card(name)
    facts = card_facts(card)
    yield f"{card.name} is a critic: {facts.pop('about')}"
    del facts["critic"]
    yield from _facts(facts)
    if card.loaded == "reward_head":
        return
    own = [get_protocol(protocol) for protocol in card.protocols.values()]
    for protocol in own or [get_protocol("llava_critic_pair")]:
        yield ""
        fitted = card.protocol_for(protocol)
        if fitted.system is not None:
            yield f"---- the system message\n{fitted.system}"
        yield from _prompt(fitted)


def _read(protocol: Protocol) -> dict[str, str]:
    """When the verdict is asked for, and where it is read."""
    from critic_eval.judging.rewards import is_reward

    if is_reward(protocol):
        return {"verdict": "read off the rewards of a critic with a head, which rates each response by itself"}
    asked = {"first": "asked for before the reasons", "last": "asked for after the reasons"}
    return {"verdict": asked[protocol.verdict_position], "read": _where(protocol)}


def _where(protocol: Protocol) -> str:
    """Where in an answer the verdict is read."""
    form = protocol.answer
    if form.where == "words":
        return "in whatever words, labels, tags or brackets it is given" if form.what == "default" else form.what
    meanings = f" ({', '.join(words for words, _ in form.verdicts)})" if form.verdicts else ""
    what = f"the {form.what} line" if form.where == "line" else f"the {form.where} {form.what}"
    return what + meanings


def _prompt(protocol: Protocol) -> Iterator[str]:
    """The prompt on a made-up item, between lines."""
    from critic_eval.judging import Item, Response, identity_order

    n = max(protocol.n_responses[0], 3 if protocol.kind == "ranking" else 1)
    responses = tuple(Response(f"(the text of response {number})") for number in range(1, n + 1))
    reference, rubric, context = (f"(the {part})" for part in ("reference", "rubric", "context"))
    item = Item("sample", "(the question)", responses, reference=reference, rubric=rubric, context=context)
    yield f"---- {protocol.name} asks"
    yield protocol.render(item, identity_order(n))
    yield "----"


def _figure(name: str) -> Iterator[str]:
    from critic_eval.metrics import FIGURES

    figure = FIGURES.get(name)
    better = {True: "higher is better", False: "lower is better", None: "neither higher nor lower is better"}
    yield f"{name} is a figure; {better[figure.higher_is_better]}"
    yield figure.about
    invalid = {
        "by policy": "left out and counted, or counted as the worst outcome, by the invalid policy",
        "left out": "left out and counted",
        "alike": "the same under either invalid policy",
    }
    yield from _facts(
        {
            "of": ", ".join(figure.kinds) or "verdicts of any kind",
            "needs": figure.needs,
            "invalid": invalid[figure.invalid],
            "formula": figure.formula,
            "source": figure.source,
        }
    )


def _probe(name: str) -> Iterator[str]:
    from critic_eval.metrics import PROBES

    probe = PROBES.get(name)
    yield f"{name} is a probe; 0 means that there is no such bias"
    yield probe.about
    yield from _facts(
        {
            "of": ", ".join(probe.kinds) or "verdicts of any kind",
            "needs": f"a second run with {probe.needs_second}" if probe.needs_second else "",
            "model": "the model whose responses are meant, by --model" if probe.needs_model else "",
        }
    )


def _facts(facts: dict[str, Any]) -> Iterator[str]:
    width = max(map(len, facts))
    for key, value in facts.items():
        text = ", ".join(value) if isinstance(value, list) else str(value)
        if text:
            yield f"  {key.ljust(width)}  {text}"

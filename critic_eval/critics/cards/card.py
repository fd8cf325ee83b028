"""A card: what is known of a family of critics, and how a protocol asks one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from critic_eval.judging import LabelKind, Protocol
from critic_eval.judging.parsing.answer import Marks
from critic_eval.judging.parsing.forms import AnswerForm
from critic_eval.judging.protocol import WORDS, digest_prompt
from critic_eval.judging.protocol_files import with_answer
from critic_eval.judging.protocols import get_protocol

Loaded = Literal["checkpoint", "reward_head", "server"]
"""How a critic is had: a checkpoint that answers in text, one whose head gives a number, or behind a server."""
Prompts = Literal["its own", "the benchmark's"]

GENERAL = "llava_critic_"
"""Protocols whose names begin so ask where neither the benchmark nor the critic has a prompt of its own."""


@dataclass(frozen=True)
class Decoding:
    """How a critic draws its answers, as its authors do; without a temperature the likeliest token is taken."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None

    @property
    def options(self) -> dict[str, Any]:
        """The same as arguments of generation; none for greedy decoding."""
        if self.temperature is None:
            return {}
        given = {"temperature": self.temperature, "top_p": self.top_p, "top_k": self.top_k}
        return {"do_sample": True, **{name: value for name, value in given.items() if value is not None}}


@dataclass(frozen=True)
class Card:
    """A family of critics.

    Attributes:
        name: What the family is called in arguments and signatures.
        about: What it is, in one line.
        hub: Patterns of hub ids, such as `lmms-lab/llava-critic-*`; `*` stands for any text, case does not count.
        config: What a checkpoint's `config.json` says, by key, where no pattern fits: a text, or a list of them.
        rank: Of several cards whose `config` fits, that of the highest rank is taken.
        pretrained: The checkpoint, or the server's name of the model, where the card is named and none is given.
        loaded: How it is had.
        base_url: The server that has it, where `loaded` is `server`.
        conversation: The name of its conversation format, where LLaVA's own code would choose another.
        system: A system message, for protocols that have none.
        protocols: Its protocols by what they ask for: `score`, `pair` and `rank`.
        prompts: Whether it is asked with these by every task, or only by those whose benchmark has no prompt.
        suffix: What it was trained to find at the end of every prompt.
        reasoning_marks: Pairs that open and close its thoughts, besides those that are always known.
        thinks: Whether it thinks before it answers.
        answer: Where its verdict stands, by kind, in answers to a prompt that is not its own.
        decoding: How its answers are drawn.
        max_new_tokens: Room that an answer needs, thoughts included.
        min_pixels: Pixels of an image at least, for processors that take images of any size.
        max_pixels: Pixels of an image at most.
        trained_on: Benchmarks whose data it was trained on, each with what is known of that.
        published: Its names in `results/published`.
        checked: What its prompts and forms were checked against.
        source: Where all this is from.
    """

    name: str
    about: str
    source: str
    checked: str
    hub: tuple[str, ...] = ()
    config: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    rank: int = 0
    pretrained: str | None = None
    loaded: Loaded = "checkpoint"
    base_url: str | None = None
    conversation: str | None = None
    system: str | None = None
    protocols: Mapping[str, str] = field(default_factory=dict)
    prompts: Prompts = "the benchmark's"
    suffix: str = ""
    reasoning_marks: tuple[Marks, ...] = ()
    thinks: bool = False
    answer: Mapping[LabelKind, AnswerForm] = field(default_factory=dict)
    decoding: Decoding = Decoding()
    max_new_tokens: int | None = None
    min_pixels: int | None = None
    max_pixels: int | None = None
    trained_on: Mapping[str, str] = field(default_factory=dict)
    published: tuple[str, ...] = ()

    @property
    def prompt_hash(self) -> str:
        """Twelve hex digits of what the card adds to every prompt; empty where it adds nothing."""
        added = [self.suffix, self.system or ""]
        return digest_prompt("\0".join(added)) if any(added) else ""

    def own_protocol(self, asked: Protocol) -> Protocol | None:
        """Its own protocol for the kind of verdict that another asks for; None where it has none."""
        names = ("score", "pair", "rank") if asked.shape != ("score", True) else ()
        protocols = (get_protocol(self.protocols[name]) for name in names if name in self.protocols)
        return next((protocol for protocol in protocols if protocol.shape == asked.shape), None)

    def protocol_for(self, asked: Protocol, *, is_chosen: bool = False, is_fixed: bool = False) -> Protocol:
        """How this critic is asked where a task, or the run, asks with a protocol.

        Args:
            asked: The protocol of the task, or the one that the run chose.
            is_chosen: Whether the run chose it, so that it stands.
            is_fixed: Whether the task allows no other: its rows bring the prompt, or it imitates official code.
        """
        own = None if is_chosen or is_fixed else self.own_protocol(asked)
        if own is not None and (self.prompts == "its own" or asked.name.startswith(GENERAL)):
            return self._fitted(own)
        form = None if asked.name in self.protocols.values() else self.answer.get(asked.kind)
        return self._fitted(asked if form is None or asked.answer != WORDS else with_answer(asked, form))

    def _fitted(self, protocol: Protocol) -> Protocol:
        room = [limit for limit in (protocol.max_new_tokens, self.max_new_tokens) if limit is not None]
        return replace(
            protocol,
            template=protocol.template + self.suffix,
            system=protocol.system or self.system,
            reasoning_marks=(*protocol.reasoning_marks, *self.reasoning_marks),
            max_new_tokens=max(room, default=None),
        )

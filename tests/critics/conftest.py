"""Requests to the embedded critic, as the engines take them."""

from collections.abc import Iterable, Sequence
from typing import Any

import pytest
import torch
from PIL import Image

from critic_eval.benchmarks.digits.generator import generate_items
from critic_eval.critics.checkpoints import Checkpoint, load_checkpoint
from critic_eval.critics.conversations import Conversation, Message
from critic_eval.critics.embedded import resolve_pretrained
from critic_eval.critics.engines.engine import Engine, Group, Request
from critic_eval.critics.engines.server import patience
from critic_eval.critics.engines.server.secrets import KEY_VARIABLES, PASSWORD_VARIABLE
from critic_eval.critics.generation import Answer, GenerationSettings
from critic_eval.judging import Item, Reading, Response, get_protocol

SETTINGS = GenerationSettings(24)


@pytest.fixture(scope="session")
def checkpoint() -> Checkpoint:
    return load_checkpoint(resolve_pretrained("digits"))


@pytest.fixture(scope="session")
def pairs() -> list[dict[str, Any]]:
    """Items of the embedded benchmark: an image, a question, two responses."""
    return generate_items("pair")[:12]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers that fail are given up soon, and no key of the user's is sent to any."""
    for name, seconds in (("FIRST_WAIT", 0.01), ("GONE_SECONDS", 0.3), ("BUSY_SECONDS", 0.5)):
        monkeypatch.setattr(patience, name, seconds)
    for name in (*KEY_VARIABLES, PASSWORD_VARIABLE):
        monkeypatch.delenv(name, raising=False)


def presented(item: dict[str, Any], order: str, protocol: str = "llava_critic_pair") -> tuple[Conversation, Reading]:
    """A pair as the critic is shown it, and how its answer is read."""
    responses = tuple(map(Response, item["responses"]))[: len(order)]
    shown = Item(item["id"], item["question"], responses)
    prompt = get_protocol(protocol).render(shown, order)
    reading = Reading(protocol, order, tuple(response.text for response in responses))
    return [Message("user", (item["image"], prompt))], reading


def grouped(items: Sequence[dict[str, Any]], settings: GenerationSettings = SETTINGS) -> list[Group]:
    """Each item's two orders as a group."""
    groups, number = [], 0
    for item in items:
        requests = []
        for order in ("AB", "BA"):
            conversation, reading = presented(item, order)
            requests.append(Request(number, conversation, reading))
            number += 1
        groups.append(Group(settings, tuple(requests)))
    return groups


def answers(engine: Engine, groups: Iterable[Group]) -> dict[int, Answer]:
    """All answers by number, each given once."""
    found = [one for batch in engine.answer(groups) for one in batch]
    assert len({number for number, _ in found}) == len(found)
    return dict(found)


def texts(found: dict[int, Answer]) -> dict[int, str]:
    """What was said, by number."""
    assert not [answer.error for answer in found.values() if answer.error]
    return {number: answer.text for number, answer in sorted(found.items())}


def plain_answer(checkpoint: Checkpoint, *content: str | Image.Image, before: tuple[Message, ...] = ()) -> str:
    """What transformers' own `generate` says to one conversation, without our engine."""
    prompt = checkpoint.encoder.encode([*before, Message("user", content)])
    with torch.inference_mode():
        ids = checkpoint.model.generate(
            input_ids=prompt.input_ids[None], **prompt.media, max_new_tokens=16, do_sample=False
        )
    return str(checkpoint.encoder.tokenizer.decode(ids[0, len(prompt.input_ids) :], skip_special_tokens=True)).strip()

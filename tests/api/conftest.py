"""The embedded critic as notebooks load it, and items of its benchmark."""

from collections.abc import Iterator
from typing import Any

import pytest

from critic_eval import Critic, load_critic
from critic_eval.benchmarks.digits.generator import generate_items


@pytest.fixture(scope="session")
def critic() -> Iterator[Critic]:
    with load_critic("digits", device="cpu") as loaded:
        yield loaded


@pytest.fixture(scope="session")
def pairs() -> list[dict[str, Any]]:
    return generate_items("pair")[:20]


@pytest.fixture(scope="session")
def scored() -> list[dict[str, Any]]:
    return generate_items("score")[:10]


@pytest.fixture(scope="session")
def ranked() -> list[dict[str, Any]]:
    return generate_items("rank")[:6]


def asked(item: dict[str, Any]) -> dict[str, Any]:
    """What a user would write of an item of the benchmark."""
    return {name: item[name] for name in ("id", "image", "question", "responses")}

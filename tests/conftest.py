"""What all tests share."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

# No test reaches a hub: the libraries read this when they are first imported.
os.environ["HF_HUB_OFFLINE"] = os.environ["HF_DATASETS_OFFLINE"] = "1"


@pytest.fixture(scope="session", autouse=True)
def _apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test reads or writes the user's generated data."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CRITIC_EVAL_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def repository() -> Path:
    """The checkout's top folder."""
    return Path(__file__).resolve().parents[1]

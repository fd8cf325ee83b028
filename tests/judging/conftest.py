import gc
from collections.abc import Iterator

import pytest


@pytest.fixture
def uncollected() -> Iterator[None]:
    """Times are the parser's own: a collection looks through all that other tests have left in memory."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()

"""Importing large packages without looking for garbage among what stays."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected(package: str) -> Iterator[None]:
    """No garbage is looked for inside, nor ever among what is made inside: a third of a long import goes into that.

    Args:
        package: what is imported inside; where that is so already, nothing is done.
    """
    if package in sys.modules or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()

"""A console for what was asked: no log, warning or bar of lmms-eval and the libraries under it but errors.

What critic-eval itself says, warnings about data among it, goes by `logging` to standard error and is left alone; so
are the bars of downloads and the one over judgments.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from critic_eval.lmms import parts

LEVEL = "ERROR"
"""Of lmms-eval's log, where a command asks for no other."""
_LOUD = ("TRACE", "DEBUG", "INFO")


def asks_for_verbosity(arguments: Sequence[str]) -> bool:
    """Whether a command line has lmms-eval's `--verbosity`, which argparse takes shortened, too."""
    return any(argument.startswith("--verb") for argument in arguments)


def is_loud(verbosity: str) -> bool:
    """Whether lmms-eval's `--verbosity` asks for all that is said."""
    return verbosity.upper() in _LOUD


@contextmanager
def without_deprecations() -> Iterator[None]:
    """No warnings about what will change in libraries, which is nothing that a user can change."""
    with warnings.catch_warnings():
        for category in (FutureWarning, DeprecationWarning, PendingDeprecationWarning):
            warnings.simplefilter("ignore", category)
        yield


@contextmanager
def without_bars() -> Iterator[None]:
    """No bars of lmms-eval and datasets: the one over judgments says how far a run is."""
    import datasets

    were_shown = not datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        with ExitStack() as stack:
            for bar in (parts.EVALUATION_BAR, parts.REQUEST_BAR):
                stack.enter_context(bar.replaced(_hidden(bar.get())))
            yield
    finally:
        if were_shown:
            datasets.enable_progress_bars()


@contextmanager
def without_advice() -> Iterator[None]:
    """Only errors of transformers' log, whose warnings advise the authors of code."""
    from transformers.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)


def log_only(level: str) -> None:
    """Let lmms-eval's log tell what is of a level or above, on standard error, and without places in its code."""
    from loguru import logger

    logger.remove()
    logger.add(sys.stderr, level=level, format="{message}")


def _hidden(bar: Any) -> Callable[..., Any]:
    return lambda *arguments, **options: bar(*arguments, **{**options, "disable": True})

"""What goes wrong in a checkpoint, in one sentence: the libraries that read its files raise errors of many kinds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from critic_eval.errors import CheckpointError, CriticEvalError


@contextmanager
def in_sentences(name: object) -> Iterator[None]:
    """Turn what is raised meanwhile into a CheckpointError about the checkpoint of that name; ours pass.

    Raises:
        CheckpointError: something else was raised.
    """
    try:
        yield
    except CriticEvalError:
        raise
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise CheckpointError(
            f"{name} does not fit in the memory here; use a smaller dtype, 4bit or device_map=auto."
        ) from error
    except Exception as error:
        raise CheckpointError(_sentence(name, error)) from error
    except BaseException as error:
        # Tokenizers' code in Rust panics outside Python's exceptions.
        if type(error).__name__ != "PanicException":
            raise
        raise CheckpointError(_sentence(name, error)) from error


def first_line(error: object) -> str:
    """The first line of an error's message that says something, or its type."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:200].rstrip(".") if lines else type(error).__name__


def _sentence(name: object, error: BaseException) -> str:
    reason = f"lacks {first_line(error)}" if isinstance(error, KeyError) else first_line(error)
    return f"{name} can't be loaded: a file of it is damaged, or not of the kind that its config.json says ({reason})."

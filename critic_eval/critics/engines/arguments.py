"""Arguments of a critic, as people give them, to what they mean on this machine."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from critic_eval.errors import ArgumentError

DEFAULT_PRETRAINED = "lmms-lab/llava-critic-7b"
"""The critic where none is named."""


def refuse_unknown(who: str, known: Iterable[str], unknown: Iterable[str]) -> None:
    """Raise ArgumentError for an argument that `who` does not take, with the names that are near.

    >>> refuse_unknown("load_critic", ["protocol", "device"], ["protocoll"])
    Traceback (most recent call last):
        ...
    critic_eval.errors.ArgumentError: load_critic has no argument 'protocoll'; did you mean protocol?
    """
    names = list(known)
    for name in unknown:
        near = get_close_matches(name, names, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else f"it takes {', '.join(names)}."
        raise ArgumentError(f"{who} has no argument {name!r}; {hint}")


def refuse_about_text(critic: str, arguments: Mapping[str, object]) -> None:
    """Raise ArgumentError for an argument that is about text and is given to a critic with a reward head.

    >>> refuse_about_text("digits_reward", {"verdict_only": False, "protocol": None})
    """
    for name, value in arguments.items():
        if value:
            raise ArgumentError(
                f"{name} is about text, of which {critic} gives none: it has a reward head, which rates each response "
                "with a number; leave it out."
            )


def default_device(device: str | None) -> str:
    """The device that was asked for, or a GPU where there is one."""
    if device is not None:
        return device
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def read_quantization(in_4bit: bool, in_8bit: bool) -> str | None:
    """`4bit`, `8bit` or None. Raises ArgumentError for both."""
    if in_4bit and in_8bit:
        raise ArgumentError("load_in_4bit and load_in_8bit exclude each other; give one of them.")
    return "4bit" if in_4bit else "8bit" if in_8bit else None


def read_batch_size(batch_size: int | str) -> int | None:
    """A number of requests, or None for automatic. Raises ArgumentError for anything else."""
    if str(batch_size).split(":")[0] == "auto":
        return None
    if not str(batch_size).isdigit() or int(batch_size) < 1:
        raise ArgumentError(f"batch_size={batch_size} is neither a positive number nor auto.")
    return int(batch_size)


def read_count(name: str, given: int | str | None) -> int | None:
    """A number of threads or processes, or None for one that is chosen. Raises ArgumentError for anything else."""
    if given is None or given == "auto":
        return None
    if not str(given).isdigit() or int(given) < 1:
        raise ArgumentError(f"{name}={given} is neither a positive number nor auto.")
    return int(given)

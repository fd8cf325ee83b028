"""Measure how well multimodal models judge: critics, judge benchmarks and statistics for lmms-eval.

>>> from critic_eval import load_critic
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from critic_eval.api import Compared, Critic, Ranked, Scored, Unjudged, load_critic

__all__ = ["Compared", "Critic", "Ranked", "Scored", "Unjudged", "__version__", "load_critic"]

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """What notebooks use, imported when it is asked for: lmms-eval imports this package just to list its models."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from critic_eval import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

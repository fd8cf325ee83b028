"""Verdicts that are known without reading an answer: recorded ones, planted ones, and failures to answer at all.

A model hands lmms-eval text and nothing else. An answer that consists of the mark and a verdict's record states that
verdict, in presented coordinates, whatever the protocol. The mark is drawn anew by every process, so that no text from
a data set or a model can state a verdict.
"""

import json
import secrets
from collections.abc import Mapping
from typing import NamedTuple

from critic_eval.errors import ArgumentError
from critic_eval.judging.verdicts import Verdict


def state_verdict(verdict: Verdict, logprobs: Mapping[str, float] | None = None) -> str:
    """An answer that states a verdict on the presented positions, or why there is none; and its log-probabilities.

    >>> read_stated(state_verdict(Verdict.invalid("not recorded"))).verdict.reason
    'not recorded'
    """
    return f"{_MARK} {json.dumps({**verdict.to_record(), **({'logprobs': dict(logprobs)} if logprobs else {})})}"


class Stated(NamedTuple):
    """A verdict, and the log-probabilities that it was read off, if any."""

    verdict: Verdict
    logprobs: dict[str, float] | None = None


def read_stated(text: str) -> Stated | None:
    """The verdict that an answer of this process states, or None where it states none. Never raises.

    >>> read_stated("The better response: [first]") is None
    True
    """
    if not text.startswith(_MARK):
        return None
    try:
        record = json.loads(text[len(_MARK) :])
        return Stated(Verdict.from_record(record), record.get("logprobs"))
    except (ArgumentError, ValueError, TypeError, AttributeError, RecursionError):
        return Stated(Verdict.invalid("unreadable statement"))


_MARK = f"[critic-eval verdict {secrets.token_hex(8)}]"

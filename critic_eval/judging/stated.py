"""Verdicts that are known without reading an answer: recorded ones, planted ones, and failures to answer at all.

A model hands lmms-eval text and nothing else. An answer that consists of the mark and a verdict's record states that
verdict, in presented coordinates, whatever the protocol. The mark is drawn anew by every process, so that no text from
a data set or a model can state a verdict.
"""

import json
import secrets

from critic_eval.errors import ArgumentError
from critic_eval.judging.verdicts import Verdict


def state_verdict(verdict: Verdict) -> str:
    """An answer that states a verdict on the presented positions, or why there is none.

    >>> read_stated(state_verdict(Verdict.invalid("not recorded"))).reason
    'not recorded'
    """
    return f"{_MARK} {json.dumps(verdict.to_record())}"


def read_stated(text: str) -> Verdict | None:
    """The verdict that an answer of this process states, or None where it states none. Never raises.

    >>> read_stated("The better response: [first]") is None
    True
    """
    if not text.startswith(_MARK):
        return None
    try:
        return Verdict.from_record(json.loads(text[len(_MARK) :]))
    except (ArgumentError, ValueError, TypeError, AttributeError, RecursionError):
        return Verdict.invalid("unreadable statement")


_MARK = f"[critic-eval verdict {secrets.token_hex(8)}]"

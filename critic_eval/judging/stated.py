"""Verdicts that are known without reading an answer: recorded ones, planted ones, and failures to answer at all.

A model hands lmms-eval text and nothing else. An answer that consists of nothing but the mark and a verdict's record
states that verdict, in presented coordinates, whatever the protocol.
"""

import json

from critic_eval.errors import ArgumentError
from critic_eval.judging.verdicts import Verdict

MARK = "[critic-eval verdict]"


def state_verdict(verdict: Verdict) -> str:
    """An answer that states a verdict on the presented positions, or why there is none.

    >>> read_stated(state_verdict(Verdict.invalid("not recorded"))).reason
    'not recorded'
    """
    return f"{MARK} {json.dumps(verdict.to_record())}"


def read_stated(text: str) -> Verdict | None:
    """The verdict that an answer states, or None where it states none. Never raises.

    >>> read_stated("The better response: [first]") is None
    True
    """
    if not text.startswith(MARK):
        return None
    try:
        return Verdict.from_record(json.loads(text[len(MARK) :]))
    except (ArgumentError, ValueError, TypeError, AttributeError, RecursionError):
        return Verdict.invalid("unreadable statement")

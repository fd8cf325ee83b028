"""A verdict's distribution from the log-probabilities that a server gives with an answer's first tokens."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from critic_eval.errors import ArgumentError, ServerError
from critic_eval.judging import Reading, VerdictForm, verdict_form


def check_form(reading: Reading | None) -> VerdictForm:
    """The form of a verdict that a server's log-probabilities can tell.

    Raises:
        ArgumentError: there is none, or its options are numbers of several digits, of which a server tells the
            alternatives for the first digit only.
    """
    if reading is None:
        raise ArgumentError("A verdict alone can only be asked of critic-eval's own tasks.")
    form = verdict_form(reading.used)
    if len({option[0] for option in form.options}) < len(form.options):
        raise ArgumentError(
            f"verdict_only with base_url needs verdicts that their first letter tells; {reading.protocol} has numbers "
            "of several digits. Load the checkpoint here, or ask for full text."
        )
    return form


def read_shares(reading: Reading, choice: Mapping[str, Any]) -> dict[str, Any]:
    """The shares of a form's options among the alternatives at the verdict's token, and the form's coverage.

    Without shares and with no coverage where the answer does not open with the form.

    Raises:
        ServerError: the server gave no log-probabilities.
    """
    form = check_form(reading)
    tokens = ((choice.get("logprobs") or {}).get("content")) or []
    if not tokens and not (choice.get("message") or {}).get("content"):
        return {"shares": {}, "coverage": 0.0}
    if not tokens:
        raise ServerError("The server gives no log-probabilities, which verdict_only reads; ask for full text.")
    text = "".join(token["token"] for token in tokens)
    verdict = len(text) - len(text.lstrip()) + len(form.stem)
    if not text.lstrip().startswith(form.stem):
        return {"shares": {}, "coverage": 0.0}
    start, before = 0, 0.0
    for token in tokens:
        end = start + len(token["token"])
        if end > verdict:
            return _at_verdict(form, token, text[start:verdict], before)
        start, before = end, before + float(token["logprob"])
    return {"shares": {}, "coverage": 0.0}


def _says(text: str, option: str) -> bool:
    """Whether a token's text is an option and what closes it: neither a longer word, nor a longer number."""
    rest = text.removeprefix(option)
    return rest != text and not (rest and (rest[0].isalnum() or rest[0] in ".,-_ "))


def _at_verdict(form: VerdictForm, token: Mapping[str, Any], beginning: str, before: float) -> dict[str, Any]:
    """Shares at the token that tells the verdict, whose first characters may still be the stem's."""
    shares = dict.fromkeys(form.options, 0.0)
    for likely in token.get("top_logprobs") or [token]:
        text = likely["token"].removeprefix(beginning)
        options = [option for option in form.options if text and (option.startswith(text) or _says(text, option))]
        if likely["token"].startswith(beginning) and options:
            shares[options[0]] += math.exp(float(likely["logprob"]))
    total = sum(shares.values())
    if not total:
        return {"shares": {}, "coverage": 0.0}
    return {"shares": {option: share / total for option, share in shares.items()}, "coverage": total * math.exp(before)}

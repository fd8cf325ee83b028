"""A verdict's distribution from the log-probabilities that a server gives with an answer's first tokens."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from critic_eval.errors import ArgumentError, ServerError
from critic_eval.judging import Reading, VerdictForm, verdict_form


def check_form(reading: Reading | None) -> VerdictForm:
    """The form of a verdict that a server's log-probabilities can tell.

    Raises:
        ArgumentError: there is none.
    """
    if reading is None:
        raise ArgumentError("A verdict alone can only be asked of critic-eval's own tasks.")
    return verdict_form(reading.used)


def read_shares(reading: Reading, choice: Mapping[str, Any]) -> dict[str, Any]:
    """The shares of a form's options among the alternatives at the verdict's token, and the form's coverage.

    Without shares and with no coverage where the answer does not open with the form. Options that this token does not
    tell apart, such as numbers of several digits, are `pending`: there are no shares yet, but the coverage is known.

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


def _at_verdict(form: VerdictForm, token: Mapping[str, Any], beginning: str, before: float) -> dict[str, Any]:
    """Shares at the token that tells the verdict, whose first characters may still be the stem's."""
    listed = token.get("top_logprobs") or [token]
    likely = [
        (entry["token"].removeprefix(beginning), math.exp(float(entry["logprob"])))
        for entry in listed
        if entry["token"].startswith(beginning) and entry["token"] != beginning
    ]
    ended, longer = shares_of_tokens(form, "", likely)
    total = sum(ended.values()) + sum(longer.values())
    if not total:
        return {"shares": {}, "coverage": 0.0}
    coverage = total * math.exp(before)
    if longer:
        return {"shares": {}, "coverage": coverage, "pending": True}
    shares = dict.fromkeys(form.options, 0.0) | ended
    return {"shares": {option: share / total for option, share in shares.items()}, "coverage": coverage}


def shares_of_tokens(
    form: VerdictForm, beginning: str, likely: Sequence[tuple[str, float]]
) -> tuple[dict[str, float], dict[str, float]]:
    r"""What the likeliest tokens say of a verdict that is begun: options that they settle, and longer beginnings.

    Args:
        form: whose options and close it is.
        beginning: what of an option has been said.
        likely: tokens, each with its probability.

    Returns:
        The probability of each option that a token settles, and of each beginning that several options share.

    >>> form = VerdictForm("Score: [", ("8", "85", "9"))
    >>> shares_of_tokens(form, "", [("8", 0.6), ("9", 0.3), ("85", 0.1)])
    ({'9': 0.3, '85': 0.1}, {'8': 0.6})
    >>> shares_of_tokens(form, "8", [("]\n", 0.9), ("5", 0.1)])
    ({'8': 0.9, '85': 0.1}, {})
    """
    ended: dict[str, float] = {}
    longer: dict[str, float] = {}
    for token, share in likely:
        said = beginning + token
        options = [option for option in form.options if token and _is_begun(option, form.close, said)]
        if len(options) == 1:
            ended[options[0]] = ended.get(options[0], 0.0) + share
        elif options:
            longer[said] = longer.get(said, 0.0) + share
    return ended, longer


def likely_tokens(content: Mapping[str, Any]) -> list[tuple[str, float]]:
    """The likeliest first tokens of a completion, each with its probability.

    Raises:
        ServerError: the server gave no log-probabilities.
    """
    choice = content["choices"][0]
    tokens = ((choice.get("logprobs") or {}).get("content")) or []
    if not tokens:
        raise ServerError("The server gives no log-probabilities, which verdict_only reads; ask for full text.")
    listed = tokens[0].get("top_logprobs") or [tokens[0]]
    return [(str(entry["token"]), math.exp(float(entry["logprob"]))) for entry in listed]


def _is_begun(option: str, close: str, said: str) -> bool:
    """Whether a text begins an option and what closes it, or says both and goes on."""
    whole = option + close
    if whole.startswith(said):
        return True
    rest = said.removeprefix(option)
    # An option that nothing closes ends where no letter or digit goes on.
    ends = rest.startswith(close) if close else not (rest[:1].isalnum() or rest[:1] in ("_", "-"))
    return said.startswith(option) and (ends or (bool(rest) and not (rest[0].isalnum() or rest[0] in ".,-_ ")))

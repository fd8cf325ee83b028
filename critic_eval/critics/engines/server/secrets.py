"""The key of a server: where it is read from, and texts in which it is not repeated."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterable
from urllib.parse import quote, urlsplit

import httpx

from critic_eval.errors import ArgumentError

KEY_VARIABLES = ("CRITIC_EVAL_API_KEY", "OPENAI_API_KEY")
"""Where a server's key is read from, and from nowhere else; the second is OpenAI's own, and goes to OpenAI alone."""
PASSWORD_VARIABLE = "CRITIC_EVAL_BASIC_AUTH"
"""Where `user:password` is read from, for a server behind basic authentication."""

LONG_SECRET = 12
"""Characters from which on a secret is hidden in answers too; a short one, such as EMPTY, may be a word of theirs."""

_SHOWN_CHARACTERS = 200


def checked_url(url: str) -> str:
    """A server's address, which is written into results and so must hold no secret.

    Raises:
        ArgumentError: it is not an address, or holds a password or a query.
    """
    try:
        parts = urlsplit(url)
        has_more = bool(parts.query or parts.fragment)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        has_password = "@" in parts.netloc
        httpx.URL(url)
    except (ValueError, httpx.InvalidURL):
        is_address, has_password, has_more = False, False, False
    if has_password or ("@" in url and not is_address):
        raise ArgumentError(
            "base_url holds a user's name or password, which would be written into the results; give them as "
            f"{PASSWORD_VARIABLE}=USER:PASSWORD in the environment."
        )
    if has_more:
        raise ArgumentError(
            "base_url has a query or a fragment, which would be written into the results; give a key as "
            f"{KEY_VARIABLES[0]} in the environment."
        )
    if not is_address:
        raise ArgumentError(f"base_url={url} is not an address; it looks like http://127.0.0.1:8000/v1.")
    return url.rstrip("/")


class Secrets:
    """What a server is shown to be let in by, and no one else is.

    Args:
        url: the server's address.

    Raises:
        ArgumentError: a key can't be sent in a header.
    """

    def __init__(self, url: str) -> None:
        own_key, openai_key = (_from_environment(name) for name in KEY_VARIABLES)
        is_openai = (httpx.URL(url).host or "").endswith(".openai.com")
        key, password = own_key or (openai_key if is_openai else ""), _from_environment(PASSWORD_VARIABLE)
        basic = base64.b64encode(password.encode()).decode()
        self.headers = {"Authorization": f"Bearer {key}" if key else f"Basic {basic}"} if key or password else {}
        secrets = [key, *((password, password.partition(":")[2], basic) if password else ())]
        self._forms = sorted({form for secret in secrets if secret for form in _forms(secret)}, key=len, reverse=True)

    def hidden(self, text: str, shortest: int = 1) -> str:
        """A text with `***` for every secret of at least so many characters, as it is or encoded."""
        for form in self._forms:
            if len(form) >= shortest:
                text = text.replace(form, "***")
        return text

    def shown(self, text: str) -> str:
        """The beginning of what a server said, for an error: one line, without secrets and control characters."""
        line = " ".join(text.split())
        return self.hidden("".join(c if c.isprintable() else "\ufffd" for c in line))[:_SHOWN_CHARACTERS]


def _from_environment(name: str) -> str:
    value = os.environ.get(name, "").strip()
    if not (value.isascii() and value.isprintable()):
        raise ArgumentError(f"{name} holds characters that can't be sent in a header; write it anew.")
    return value


def _forms(secret: str) -> Iterable[str]:
    """A secret as it stands, and as a server may repeat it."""
    return (secret, quote(secret, safe=""), json.dumps(secret)[1:-1], base64.b64encode(secret.encode()).decode())

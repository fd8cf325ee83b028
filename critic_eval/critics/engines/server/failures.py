"""Why a server gave no answer, and what that means for those who wait."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from dataclasses import dataclass

from critic_eval.critics.engines.server.patience import ATTEMPTS
from critic_eval.errors import ServerError


@dataclass(frozen=True)
class Failure:
    """Why there is no answer yet: tried again so many times, or where `seconds` are given for so long.

    Attributes:
        text: why, in few words.
        said: why, with what the server says itself.
    """

    text: str
    attempts: int = ATTEMPTS
    seconds: float = 0.0
    retry_after: str = ""
    is_reached: bool = True
    said: str = ""


@dataclass(frozen=True)
class Refused:
    """An argument of generation that the server will not take."""

    argument: str


def system_error(error: BaseException) -> str:
    """What the system said of a connection that failed ("Connection refused"), else the error itself."""
    errors = [cause for cause in _causes(error) if isinstance(cause, OSError) and cause.strerror]
    if not errors:
        return str(error)
    number = errors[-1].errno
    return os.strerror(number) if number is not None and number > 0 else str(errors[-1].strerror)


def tls_failure(error: BaseException, url: str, has_answered: bool) -> ServerError | None:
    """The error for what fails in TLS and will not change by itself; None where nothing of the kind failed.

    Args:
        error: of the connection.
        url: of the server, for the message.
        has_answered: whether TLS with it has worked before.
    """
    cause = next((underlying for underlying in _causes(error) if isinstance(underlying, ssl.SSLError)), None)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return ServerError(
            f"The certificate of {url} can't be verified ({cause.verify_message}); name the file of its authority in "
            "SSL_CERT_FILE, or correct base_url."
        )
    if cause is None or has_answered:
        return None
    return ServerError(f"TLS with {url} fails ({cause.reason}); correct base_url if it speaks plain http.")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error, and what led to it."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__

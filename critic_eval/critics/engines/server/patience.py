"""How often and how long a server is tried, and how long to wait in between."""

from __future__ import annotations

import math
import random
import time
from email.utils import parsedate_to_datetime

ATTEMPTS, SLOW_ATTEMPTS = 6, 3
"""How often a request is sent that fails in other ways than below, and how often one that takes longer than it may."""
BUSY_SECONDS, GONE_SECONDS = 600.0, 60.0
"""How long a server may be busy (status 429 or 503), or out of reach, before a request or it is given up."""
FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0
"""Seconds between attempts: doubled from the first."""
LONGEST_STATED = 120.0
"""Seconds that are waited at most because a server says so; less than the doubled wait is not waited."""
FAILED_IN_A_ROW = 16
"""Requests given up in a row after which each is sent once only, until the server answers again."""


def pause(attempt: int, retry_after: str = "") -> float:
    """Seconds to wait after so many attempts: twice as long each time, and longer where the server says so.

    >>> 0.4 <= pause(1, "0") <= 0.6 and 12 < pause(6, "-3") < 20 and pause(1, "1e300") == 120
    True
    """
    backoff = min(FIRST_WAIT * 2.0 ** min(attempt - 1, 30), LONGEST_WAIT) * random.uniform(0.8, 1.2)
    return max(backoff, min(_stated(retry_after), LONGEST_STATED))


def _stated(retry_after: str) -> float:
    """Seconds that a header `Retry-After` names, as a number or a date; 0 where it says neither."""
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(retry_after).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError, OSError, IndexError):
            return 0.0
    return 0.0 if math.isnan(seconds) else seconds

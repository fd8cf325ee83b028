"""Numbers and intervals as people read them, and JSON that every reader takes."""

import json
import math
from typing import Any


def number_text(value: float | None, form: str = ".3f", unknown: str = "–") -> str:
    """A number in a form, or a dash for what is none: unknown, NaN or infinite.

    >>> number_text(0.5, "+.3f"), number_text(float("nan"))
    ('+0.500', '–')
    """
    return unknown if value is None or not math.isfinite(value) else f"{value:{form}}"


def spread_text(low: float | None, high: float | None, form: str = ".3f", unknown: str = "–") -> str:
    """An interval, or a dash where an end of it is unknown, NaN or infinite."""
    ends = [number_text(end, form, unknown="") for end in (low, high)]
    return " to ".join(ends) if all(ends) else unknown


def tokens_text(thought: float, answer: float) -> str:
    """What a judgment's thought and its answer took; of a critic that doesn't think, the answer alone.

    >>> tokens_text(0, 9.2), tokens_text(412, 9.2)
    ('9 tokens', '412 tokens of thought and 9 of answer')
    """
    return f"{thought:.0f} tokens of thought and {answer:.0f} of answer" if thought else _tokens(answer)


def _tokens(number: float) -> str:
    return f"{number:.0f} token{'s' * (f'{number:.0f}' != '1')}"


def json_text(value: Any) -> str:
    """A value as JSON that every reader takes: NaN and infinities, which JSON does not have, become null."""
    return json.dumps(_finite(value), allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value

"""Numbers as a page takes them: columns of small integers as text, and no NaN or infinity, which JSON can't hold."""

import base64
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def column(values: Sequence[int] | NDArray[Any]) -> dict[str, Any]:
    """Integers from 0 on as base64 of 1, 2 or 4 bytes each, little-endian.

    >>> column([1, 2])
    {'bytes': 1, 'data': 'AQI='}
    """
    numbers = np.asarray(values, dtype=np.int64)
    top = int(numbers.max(initial=0))
    width = 1 if top < 1 << 8 else 2 if top < 1 << 16 else 4
    data = numbers.astype(f"<u{width}").tobytes()
    return {"bytes": width, "data": base64.b64encode(data).decode("ascii")}


def finite(value: float | None) -> float | None:
    """The number, or None where it is missing, NaN or infinite: JSON has neither NaN nor infinities."""
    return value if value is not None and math.isfinite(value) else None

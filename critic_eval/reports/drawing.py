"""What all plots of reports share: axes, and an image that a page holds in itself."""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from critic_eval.visible import visible

BLUE, GRAY = "#2b6cb0", "#a0aec0"


@dataclass(frozen=True)
class Plot:
    """A title, and an image as a data URL."""

    title: str
    source: str


def make_axes(width: float, height: float) -> tuple[Any, Any]:
    """A figure of this size in inches, and its axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def make_plot(figure: Any, title: str) -> Plot:
    """A figure as a plot; the same figures give the same bytes."""
    from matplotlib import rc_context

    image = io.BytesIO()
    # A fixed salt and no date, so that the same figures give the same page.
    with rc_context({"svg.hashsalt": "critic-eval", "font.family": "sans-serif"}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # of a name in a script that the font lacks
        figure.savefig(image, format="svg", metadata={"Date": None})
    return Plot(title, f"data:image/svg+xml;base64,{base64.b64encode(image.getvalue()).decode()}")


def interval_rows(axes: Any, rows: Sequence[tuple[str, float, float | None, float | None, str]]) -> None:
    """A point and its interval a row, from top to bottom: name, value, low, high, color."""
    for height, (_, value, low, high, color) in enumerate(reversed(rows)):
        if low is not None and high is not None:
            axes.plot([low, high], [height, height], color=color, linewidth=2)
        axes.plot([value], [height], "o", color=color, markersize=5)
    axes.set_yticks(range(len(rows)), [short(name) for name, *_ in reversed(rows)])
    axes.set_ylim(-0.6, len(rows) - 0.4)


def short(text: str, length: int = 32) -> str:
    """A name that fits beside a plot."""
    # A dollar sign would begin a formula.
    text = visible(text, 4 * length).replace("$", "")
    return text if len(text) <= length else f"{text[: length - 1]}…"

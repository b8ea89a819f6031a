"""Figures without a window, and PNG files of them."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, GREY = "#1f6fb4", "#d1570a", "#2b8a3e", "#868e96"
_NAME_LENGTH = 26
_DOTS_PER_INCH = 140  # small figures of many dots: their texts can be read in a card of TensorBoard


def new(width: float, height: float) -> Figure:
    """An empty figure that belongs to no window.

    Args:
        width: inches of 140 pixels.
        height: inches of 140 pixels.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def axes_of(figure: Figure, title: str) -> Axes:
    """The only axes of a figure, with quiet grid lines."""
    axes = figure.add_subplot()
    axes.set_title(title, fontsize=11, parse_math=False)
    quiet(axes)
    return axes


def quiet(axes: Axes) -> None:
    """Grid lines that stay behind the data, no frame above and to the right."""
    axes.grid(color="0.92", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=9)


def png(figure: Figure) -> bytes:
    """The figure as the content of a PNG file."""
    content = io.BytesIO()
    with warnings.catch_warnings():
        # A box stands for a character that the font lacks (emoji); the warning about it helps nobody.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from")
        figure.savefig(content, format="png", dpi=_DOTS_PER_INCH)
    return content.getvalue()


def short(name: str) -> str:
    """A name that fits beside an axis: at most 26 characters, `…` where some are left out."""
    return name if len(name) <= _NAME_LENGTH else f"{name[: _NAME_LENGTH - 1]}…"

"""Charts as PNG files, drawn without a window."""

from __future__ import annotations

import functools
import io
import warnings

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from audiotag.report.chart import Chart, Matrix, Plot
from audiotag.report.formats import short

BLUE, ORANGE, GREEN, GREY = "#1f6fb4", "#d1570a", "#2b8a3e", "#868e96"
_DOTS_PER_INCH = 140  # small figures of many dots: their texts can be read in a card of TensorBoard
_ANNOTATED = 20
_STYLES = {
    "first": {"color": BLUE, "linewidth": 1.8},
    "second": {"color": GREY, "linewidth": 1.4},
    "guide": {"color": GREY, "linewidth": 1, "linestyle": ":"},
}
new = functools.partial(Figure, layout="constrained")
"""An empty figure that belongs to no window, of a `figsize` in inches of 140 pixels."""


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


def legend(axes: Axes, **options: object) -> None:
    """A legend without a frame; names are drawn as they are: `$` starts no formula."""
    drawn = axes.legend(fontsize=9, frameon=False, **options)
    for text in drawn.get_texts():
        text.set_parse_math(False)


def content(figure: Figure) -> bytes:
    """The figure as the content of a PNG file."""
    file = io.BytesIO()
    with warnings.catch_warnings():
        # A box stands for a character that the font lacks (emoji); the warning about it helps nobody.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from")
        figure.savefig(file, format="png", dpi=_DOTS_PER_INCH)
    return file.getvalue()


def draw(chart: Chart) -> bytes:
    """A chart as the content of a PNG file."""
    return content(_matrix(chart) if isinstance(chart, Matrix) else _plot(chart))


def _plot(plot: Plot) -> Figure:
    figure = new(figsize=(5.4, 4.4) if plot.image is None else (6.4, 3.4))
    if plot.image is None:
        axes = axes_of(figure, plot.title)
    else:
        # Axes at a fixed place draw in half the time of a layout that must first measure its texts.
        figure.set_layout_engine(None)
        axes = figure.add_axes((0.085, 0.15, 0.895, 0.8))
        extent = (plot.x.low, plot.x.high, plot.y.low, plot.y.high)
        axes.imshow(plot.image.T.astype(np.float32), "magma", aspect="auto", origin="lower", extent=extent)
        axes.tick_params(labelsize=8)
    for line in plot.lines:
        axes.plot(line.x, line.y, label=short(line.name) or "_", **_STYLES[line.kind])
        if line.sizes is not None:
            axes.scatter(line.x, line.y, (2.4 * line.sizes) ** 2, color=_STYLES[line.kind]["color"])
    axes.set(xlim=(plot.x.low, plot.x.high), ylim=(plot.y.low, plot.y.high))
    axes.set_xlabel(plot.x.label, parse_math=False)
    axes.set_ylabel(plot.y.label, parse_math=False)
    axes.set_xticks(plot.x.ticks, plot.x.texts)
    axes.set_yticks(plot.y.ticks, plot.y.texts)
    if any(line.name for line in plot.lines):
        legend(axes, loc="upper left")
    return figure


def _matrix(matrix: Matrix) -> Figure:
    """Rows of classes without clips are grey."""
    size, shares = len(matrix.names), matrix.shares
    side = max(3.0, (0.34 if size <= _ANNOTATED else 0.17) * size)
    figure = new(figsize=(side + 2.4, side + 1.4))
    axes = figure.add_subplot()
    axes.set_facecolor("0.85")
    image = axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
    bar = figure.colorbar(image, ax=axes, fraction=0.046, pad=0.02)
    bar.ax.tick_params(labelsize=8)
    axes.set_title(matrix.title, fontsize=9)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true (clips)")
    names = [short(name) for name in matrix.names]
    axes.set_xticks(range(size), names, rotation=90, fontsize=7, parse_math=False)
    rows = [f"{name} ({total})" for name, total in zip(names, matrix.totals, strict=True)]
    axes.set_yticks(range(size), rows, fontsize=7, parse_math=False)
    axes.set_xticks(np.arange(size + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(size + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="0.9", linewidth=0.5)
    axes.tick_params(which="minor", length=0)
    if size <= _ANNOTATED:
        for row, column in zip(*np.nonzero(matrix.counts), strict=True):
            colour = "white" if shares[row, column] > 0.55 else "black"
            axes.text(column, row, str(matrix.counts[row, column]), ha="center", va="center", fontsize=7, color=colour)
    return figure

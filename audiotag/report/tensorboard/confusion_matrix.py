"""The picture of the confusion matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from audiotag.metrics.confusion import confusion, most_confused
from audiotag.report.tensorboard.figure import new, png, short

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from audiotag.metrics import Predictions

_SHOWN = 60
_ANNOTATED = 20


def picture(predictions: Predictions) -> bytes:
    """The confusion matrix, normalised by row, as a PNG; of more than 60 classes the most confused ones.

    Rows of classes without clips are grey. Names are drawn as they are: `$` starts no formula.

    Returns:
        PNG file content.
    """
    counts, clips = confusion(predictions)
    chosen = np.arange(len(clips)) if len(clips) <= _SHOWN else most_confused(counts, clips, _SHOWN)
    counts, rows = counts[np.ix_(chosen, chosen)], clips[chosen]
    exclusive = predictions.task.exclusive
    title = "Confusion matrix" if exclusive else "Hits and false alarms"
    if len(chosen) < len(clips):
        title += f": the {len(chosen)} most confused of {len(clips)} classes"
    subtitle = (
        "share of the true class's clips predicted as each class"
        if exclusive
        else "diagonal: share of the class's clips found; elsewhere: share with a false alarm of the column's class"
    )
    names = [short(predictions.labels.names[index]) for index in chosen]
    return png(_draw(counts, rows, names, f"{title}\n{subtitle}"))


def _draw(counts: np.ndarray, clips: np.ndarray, names: list[str], title: str) -> Figure:
    """The figure of a matrix whose every row belongs to `clips` clips."""
    size = len(names)
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = np.where(clips[:, None] > 0, counts / clips[:, None], np.nan)
    side = max(3.0, (0.34 if size <= _ANNOTATED else 0.17) * size)
    figure = new(side + 2.4, side + 1.4)
    axes = figure.add_subplot()
    axes.set_facecolor("0.85")
    image = axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
    bar = figure.colorbar(image, ax=axes, fraction=0.046, pad=0.02)
    bar.ax.tick_params(labelsize=8)
    axes.set_title(title, fontsize=9)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true (clips)")
    axes.set_xticks(range(size), names, rotation=90, fontsize=7, parse_math=False)
    rows = [f"{name} ({count})" for name, count in zip(names, clips, strict=True)]
    axes.set_yticks(range(size), rows, fontsize=7, parse_math=False)
    axes.set_xticks(np.arange(size + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(size + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="0.9", linewidth=0.5)
    axes.tick_params(which="minor", length=0)
    if size <= _ANNOTATED:
        for row, column in zip(*np.nonzero(counts), strict=True):
            colour = "white" if shares[row, column] > 0.55 else "black"
            axes.text(column, row, str(counts[row, column]), ha="center", va="center", fontsize=7, color=colour)
    return figure

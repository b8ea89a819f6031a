"""Which classes are taken for which: the confusion matrix and its picture."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING

import numpy as np

from audiotag.evaluation import metrics

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from audiotag.evaluation.predictions import Predictions

_SHOWN = 60
_ANNOTATED = 20
_NAME_LENGTH = 26


def confusion(predictions: Predictions, threshold: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """Counts of clips by true class (row) and predicted class (column), and how many clips have the row's class.

    Multiclass: the usual confusion matrix. Multilabel: the diagonal counts the clips whose class was found; elsewhere
    stands how many clips of the row's class have a false alarm of the column's class, which is not one of their labels.

    Args:
        predictions: truth and scores.
        threshold: score from which a multilabel class is predicted.

    Returns:
        counts (classes, classes) int64, and clips (classes,) int64: counts / clips is the matrix normalised by row.
    """
    truth = predictions.targets.astype(np.float64)
    predicted = metrics.decide(predictions.scores, predictions.task, threshold).astype(np.float64)
    counts = truth.T @ (predicted * (1 - truth))
    np.fill_diagonal(counts, (truth * predicted).sum(axis=0))
    return counts.astype(np.int64), truth.sum(axis=0).astype(np.int64)


def most_confused(counts: np.ndarray, clips: np.ndarray, most: int) -> np.ndarray:
    """The classes of the largest confusions, at most `most`, in label order.

    A confusion's size is its count times its share of the row's clips: neither two of three clips of a rare class nor
    one in a hundred of a frequent one comes first.
    """
    size = counts.astype(np.float64) ** 2 / np.maximum(clips, 1)[:, None]
    np.fill_diagonal(size, 0.0)
    rows, columns = np.nonzero(size)
    chosen: dict[int, None] = {}
    for pair in np.argsort(-size[rows, columns], kind="stable"):
        chosen |= dict.fromkeys((int(rows[pair]), int(columns[pair])))
        if len(chosen) >= most:
            break
    chosen |= dict.fromkeys(range(len(clips))) if len(chosen) < most else {}
    return np.sort(np.array(list(chosen)[:most]))


def picture(predictions: Predictions, threshold: float = 0.5) -> bytes:
    """The confusion matrix, normalised by row, as a PNG; of more than 60 classes the most confused ones.

    Rows of classes without clips are grey. Names are drawn as they are: `$` starts no formula.

    Args:
        predictions: truth and scores.
        threshold: score from which a multilabel class is predicted.

    Returns:
        PNG file content.
    """
    counts, clips = confusion(predictions, threshold)
    chosen = np.arange(len(clips)) if len(clips) <= _SHOWN else most_confused(counts, clips, _SHOWN)
    counts, held = counts[np.ix_(chosen, chosen)], clips[chosen]
    multiclass = predictions.task == "multiclass"
    title = "Confusion matrix" if multiclass else "Hits and false alarms"
    if len(chosen) < len(clips):
        title += f": the {len(chosen)} most confused of {len(clips)} classes"
    subtitle = (
        "share of the true class's clips predicted as each class"
        if multiclass
        else "diagonal: share of the class's clips found; elsewhere: share with a false alarm of the column's class"
    )
    names = [_short(predictions.labels.names[index]) for index in chosen]
    figure = _draw(counts, held, names, f"{title}\n{subtitle}")
    content = io.BytesIO()
    with warnings.catch_warnings():
        # A box stands for a character that the font lacks (emoji); the warning about it helps nobody.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from")
        figure.savefig(content, format="png", dpi=100, bbox_inches="tight")
    return content.getvalue()


def _draw(counts: np.ndarray, clips: np.ndarray, names: list[str], title: str) -> Figure:
    """The figure of a matrix whose every row belongs to `clips` clips."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    size = len(names)
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = np.where(clips[:, None] > 0, counts / clips[:, None], np.nan)
    side = max(4.0, (0.55 if size <= _ANNOTATED else 0.3) * size)
    figure = Figure(figsize=(side + 1.0, side))
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_facecolor("0.85")
    image = axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
    bar = figure.colorbar(image, ax=axes, fraction=0.046, pad=0.02)
    bar.ax.tick_params(labelsize=8)
    axes.set_title(title, fontsize=9)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true (clips)")
    axes.set_xticks(range(size), names, rotation=90, fontsize=8, parse_math=False)
    rows = [f"{name} ({count})" for name, count in zip(names, clips, strict=True)]
    axes.set_yticks(range(size), rows, fontsize=8, parse_math=False)
    axes.set_xticks(np.arange(size + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(size + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="0.9", linewidth=0.5)
    axes.tick_params(which="minor", length=0)
    if size <= _ANNOTATED:
        for row, column in zip(*np.nonzero(counts), strict=True):
            colour = "white" if shares[row, column] > 0.55 else "black"
            axes.text(column, row, str(counts[row, column]), ha="center", va="center", fontsize=8, color=colour)
    return figure


def _short(name: str) -> str:
    return name if len(name) <= _NAME_LENGTH else f"{name[: _NAME_LENGTH - 1]}…"

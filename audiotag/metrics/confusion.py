"""Which classes are taken for which: the confusion matrix and its picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from audiotag.metrics import per_class
from audiotag.report.tensorboard.figure import new, png, short

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from audiotag.metrics.predictions import Predictions

_SHOWN = 60
_ANNOTATED = 20


def confusion(predictions: Predictions, thresholds: float | np.ndarray = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """Counts of clips by true class (row) and predicted class (column), and how many clips have the row's class.

    Multiclass: the usual confusion matrix. Multilabel: the diagonal counts the clips whose class was found; elsewhere
    stands how many clips of the row's class have a false alarm of the column's class, which is not one of their labels;
    where nobody judged the column's class there is none.

    Args:
        predictions: truth and scores.
        thresholds: score from which a multilabel class is predicted, one for all or (classes,).

    Returns:
        counts (classes, classes) int64, and clips (classes,) int64: counts / clips is the matrix normalised by row.
    """
    truth = predictions.targets.astype(np.float64)
    predicted = per_class.decide(predictions.scores, predictions.task, thresholds).astype(np.float64)
    if predictions.known is not None:
        predicted *= predictions.known
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


def picture(predictions: Predictions, thresholds: float | np.ndarray = 0.5) -> bytes:
    """The confusion matrix, normalised by row, as a PNG; of more than 60 classes the most confused ones.

    Rows of classes without clips are grey. Names are drawn as they are: `$` starts no formula.

    Args:
        predictions: truth and scores.
        thresholds: score from which a multilabel class is predicted, one for all or (classes,).

    Returns:
        PNG file content.
    """
    counts, clips = confusion(predictions, thresholds)
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
    names = [short(predictions.labels.names[index]) for index in chosen]
    return png(_draw(counts, held, names, f"{title}\n{subtitle}"))


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

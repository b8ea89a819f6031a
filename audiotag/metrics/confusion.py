"""Which classes are taken for which: the confusion matrix and its largest entries."""

from __future__ import annotations

import numpy as np

from audiotag.metrics import per_class
from audiotag.metrics.predictions import Predictions


def confusion(predictions: Predictions) -> tuple[np.ndarray, np.ndarray]:
    """Counts of clips by true class (row) and predicted class (column), and how many clips have the row's class.

    Multiclass: the usual confusion matrix. Multilabel: the diagonal counts the clips whose class was found; elsewhere
    stands how many clips of the row's class have a false alarm of the column's class, which is not one of their labels;
    where nobody judged the column's class there is none.

    Returns:
        counts (classes, classes) int64, and clips (classes,) int64: counts / clips is the matrix normalised by row.
    """
    truth = predictions.targets.astype(np.float64)
    predicted = per_class.decide(predictions).astype(np.float64)
    counts = truth.T @ (predicted * (1 - truth))
    np.fill_diagonal(counts, (truth * predicted).sum(axis=0))
    return counts.astype(np.int64), truth.sum(axis=0).astype(np.int64)


def largest(counts: np.ndarray, clips: np.ndarray) -> list[tuple[int, int]]:
    """True and predicted class of every confusion, the largest first.

    A confusion's size is its count times its share of the row's clips: neither two of three clips of a rare class nor
    one in a hundred of a frequent one comes first.
    """
    size = counts.astype(np.float64) ** 2 / np.maximum(clips, 1)[:, None]
    np.fill_diagonal(size, 0.0)
    order = np.argsort(-size, axis=None, kind="stable")[: np.count_nonzero(size)]
    return [divmod(place, len(clips)) for place in order.tolist()]


def most_confused(counts: np.ndarray, clips: np.ndarray, most: int) -> np.ndarray:
    """The classes of the `largest` confusions, at most `most`, in label order."""
    chosen = dict.fromkeys(index for pair in largest(counts, clips) for index in pair)
    chosen |= dict.fromkeys(range(len(clips)))
    return np.sort(list(chosen)[:most])

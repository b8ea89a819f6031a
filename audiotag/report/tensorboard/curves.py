"""The numbers behind the curves of a class: precision and recall, ROC, histograms of its scores."""

from __future__ import annotations

import numpy as np

THRESHOLDS = 201
BUCKETS = 30
_GRID = 201


def precision_recall(truth: np.ndarray, scores: np.ndarray, thresholds: int = THRESHOLDS) -> np.ndarray:
    """Counts, precision and recall of `score >= threshold` at thresholds spread evenly over [0, 1].

    Args:
        truth: (clips,) bool or 0/1.
        scores: (clips,), in [0, 1].
        thresholds: how many, at least 2.

    Returns:
        (6, thresholds) float64: true positives, false positives, true negatives, false negatives, precision, recall:
        the tensor of TensorBoard's pr_curves plugin (tensorboard/plugins/pr_curve/metadata.py), in which precision is
        0 where nothing is predicted.
    """
    truth = truth.astype(bool)
    bucket = np.searchsorted(np.linspace(0.0, 1.0, thresholds), scores, side="right") - 1
    hits, alarms = (
        np.bincount(bucket[chosen], minlength=thresholds)[::-1].cumsum()[::-1] for chosen in (truth, ~truth)
    )
    misses, rejections = hits[0] - hits, alarms[0] - alarms
    precision, recall = hits / np.maximum(hits + alarms, 1), hits / max(int(hits[0]), 1)
    return np.stack([hits, alarms, rejections, misses, precision, recall]).astype(np.float64)


def buckets(scores: np.ndarray, count: int = BUCKETS) -> np.ndarray:
    """The histogram of scores in [0, 1]: (count, 3) float64, left edge, right edge and number of scores."""
    numbers, edges = np.histogram(scores, np.linspace(0.0, 1.0, count + 1))
    return np.stack([edges[:-1], edges[1:], numbers], axis=1)


def false_positive_grid() -> np.ndarray:
    """The false positive rates at which `roc` gives the curve: (201,), from 0 to 1."""
    return np.linspace(0.0, 1.0, _GRID)


def roc(truth: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """True positive rates at the false positive rates of `false_positive_grid`, so that curves can be averaged.

    Args:
        truth: (clips,) bool, with at least one True and one False.
        scores: (clips,); equal ones are one point of the curve.

    Returns:
        (201,) float64; on a vertical part of the curve its upper end, at 0 too.
    """
    order = np.argsort(-scores, kind="stable")
    truth, scores = truth[order], scores[order]
    last = np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1)
    hits = truth.cumsum()[last]
    alarms = last + 1 - hits
    found, wrong = np.append(0, hits) / hits[-1], np.append(0, alarms) / alarms[-1]
    # Of points with the same false positive rate the last is the highest.
    top = np.append(np.diff(wrong) > 0, True)
    return np.interp(false_positive_grid(), wrong[top], found[top])

"""How far scores are probabilities: the reliability diagram, the calibration error (ECE) and the Brier score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from audiotag.metrics.predictions import Predictions

BINS = 15
"""Bins of equal width, as Guo et al. 2017 take them."""

_EDGES = np.linspace(0.0, 1.0, BINS + 1)


@dataclass(frozen=True)
class Reliability:
    """Scores in bins of equal width, beside how often they were right.

    Args:
        edges: (bins + 1,) float64, from 0 to 1; a bin holds its upper edge, the first one also 0.
        mean_score: (bins,) float64; NaN in an empty bin.
        frequency: (bins,) float64, share of positives (multilabel) or of right clips (multiclass); NaN in an empty bin.
        count: (bins,) int64, pairs (multilabel) or clips (multiclass).
        ece: expected calibration error, the mean of |mean_score - frequency| over bins, weighted by count.
        brier: mean of (score - truth)^2.
    """

    edges: np.ndarray
    mean_score: np.ndarray
    frequency: np.ndarray
    count: np.ndarray
    ece: float
    brier: float


def reliability(predictions: Predictions) -> Reliability:
    """The reliability of all scores together, in 15 bins.

    Multilabel: of every known pair of a clip and a class. Multiclass: of the highest score of every clip, which is
    right or wrong (the confidence calibration of Guo et al. 2017, "On Calibration of Modern Neural Networks").

    Returns:
        The bins, ECE and Brier score; NaN where no pair is known.
    """
    if predictions.task.exclusive:
        rows, highest = np.arange(len(predictions.scores)), predictions.scores.argmax(axis=1)
        truth, scores = predictions.targets[rows, highest], predictions.scores[rows, highest]
    else:
        truth, scores = predictions.pairs()
    bin_of = np.searchsorted(_EDGES[1:-1], scores)
    count = np.bincount(bin_of, minlength=BINS)
    with np.errstate(invalid="ignore"):
        mean_score, frequency = (np.bincount(bin_of, each, minlength=BINS) / count for each in (scores, truth))
        ece = np.nansum(count * np.abs(mean_score - frequency)) / count.sum()
        brier = np.square(np.subtract(scores, truth, dtype=np.float64)).sum() / count.sum()
    return Reliability(_EDGES, mean_score, frequency, count, float(ece), float(brier))


def class_errors(truth: np.ndarray, scores: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Brier score and calibration error (15 bins of equal width) of every class, this class against the rest.

    Args:
        truth: (clips, classes) bool.
        scores: (clips, classes) float, probabilities.
        known: (clips, classes) bool, False where nobody judged the pair.

    Returns:
        Brier (classes,) and ECE (classes,), float64 in [0, 1]; NaN where no pair of the class is known.
    """
    classes = truth.shape[1]
    differences = np.where(known, np.subtract(scores, truth, dtype=np.float64), 0.0)
    judged = known.sum(axis=0)
    places = np.searchsorted(_EDGES[1:-1], scores)
    places += BINS * np.arange(classes)
    # A bin's share times its |mean score - frequency| is the sum of its differences over the number of clips.
    gaps = np.bincount(places.ravel(), differences.ravel(), minlength=BINS * classes).reshape(classes, BINS)
    with np.errstate(invalid="ignore"):
        return np.square(differences).sum(axis=0) / judged, np.abs(gaps).sum(axis=1) / judged

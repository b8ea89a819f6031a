"""How far scores are probabilities: the reliability diagram, the calibration error (ECE) and the Brier score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from audiotag.errors import AudiotagError

if TYPE_CHECKING:
    from audiotag.metrics.predictions import Predictions

BINS = 15
"""Bins of a calibration error, as Guo et al. 2017 take them."""


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


def reliability(predictions: Predictions, bins: int = BINS) -> Reliability:
    """The reliability of all scores together.

    Multilabel: of every known pair of a clip and a class. Multiclass: of the highest score of every clip, which is
    right or wrong (the confidence calibration of Guo et al. 2017, "On Calibration of Modern Neural Networks").

    Args:
        predictions: truth and scores.
        bins: number of bins of equal width.

    Returns:
        The bins, ECE and Brier score; NaN where no pair is known.

    Raises:
        AudiotagError: `bins` is below 1.
    """
    if bins < 1:
        raise AudiotagError(f"a reliability diagram has at least one bin, received {bins}: choose for example {BINS}")
    truth, scores = _judged(predictions)
    edges = np.linspace(0.0, 1.0, bins + 1)
    bin_of = np.searchsorted(edges[1:-1], scores)
    count = np.bincount(bin_of, minlength=bins)
    with np.errstate(invalid="ignore"):
        mean_score = np.bincount(bin_of, scores, minlength=bins) / count
        frequency = np.bincount(bin_of, truth, minlength=bins) / count
    if not len(scores):
        return Reliability(edges, mean_score, frequency, count, float("nan"), float("nan"))
    ece = float(np.nansum(count * np.abs(mean_score - frequency)) / len(scores))
    return Reliability(edges, mean_score, frequency, count, ece, float(np.square(scores - truth).mean()))


def _judged(predictions: Predictions) -> tuple[np.ndarray, np.ndarray]:
    """Truth and score, float64, of every pair or clip that counts."""
    targets, scores = predictions.targets.astype(np.float64), predictions.scores.astype(np.float64)
    if predictions.task == "multiclass":
        highest = scores.argmax(axis=1)[:, None]
        return np.take_along_axis(targets, highest, axis=1)[:, 0], np.take_along_axis(scores, highest, axis=1)[:, 0]
    if predictions.known is None:
        return targets.ravel(), scores.ravel()
    return targets[predictions.known], scores[predictions.known]


def class_errors(
    truth: np.ndarray, scores: np.ndarray, known: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Brier score and calibration error (15 bins of equal width) of every class, this class against the rest.

    Args:
        truth: (clips, classes) bool.
        scores: (clips, classes) float, probabilities.
        known: (clips, classes) bool, False where nobody judged the pair. Default: all known.

    Returns:
        Brier (classes,) and ECE (classes,), float64 in [0, 1]; NaN where no pair of the class is known.
    """
    clips, classes = truth.shape
    differences = np.subtract(scores, truth, dtype=np.float64)
    if known is not None:
        differences[~known] = 0.0
    judged = np.full(classes, clips) if known is None else known.sum(axis=0)
    places = np.searchsorted(np.linspace(0.0, 1.0, BINS + 1)[1:-1], scores)
    places += BINS * np.arange(classes)
    # A bin's share times its |mean score - frequency| is the sum of its differences over the number of clips.
    gaps = np.bincount(places.ravel(), differences.ravel(), minlength=BINS * classes).reshape(classes, BINS)
    with np.errstate(invalid="ignore"):
        return np.square(differences).sum(axis=0) / judged, np.abs(gaps).sum(axis=1) / judged

"""Points of precision-recall and ROC curves, few enough for a page and true to the whole curve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

POINTS = 81  # odd, so that the corner of a perfect ROC curve is one of them
BINS = 20


@dataclass(frozen=True)
class Curves:
    """How one class, or all classes together, rank the clips.

    Args:
        recall: (points,) of the precision-recall curve, ascending.
        precision: (points,) when that recall is reached; before it is thinned, its mean over the positives is the
            average precision.
        false_positive_rate: (points,) of the ROC curve, from 0 to 1.
        true_positive_rate: (points,) from 0 to 1.
    """

    recall: np.ndarray
    precision: np.ndarray
    false_positive_rate: np.ndarray
    true_positive_rate: np.ndarray


def curves(truth: np.ndarray, scores: np.ndarray, most: int = POINTS) -> Curves:
    """Both curves from one sort; clips of equal score are one step, as scikit-learn counts them.

    Args:
        truth: (clips,) bool.
        scores: (clips,) float.
        most: points of a curve; a thinned ROC curve stays within 2 / (most - 1) of the whole one.

    Returns:
        The curves; one that is not defined (no positives; ROC: no negatives) has no points.
    """
    order = np.argsort(-scores)
    held, ranked = truth[order], scores[order]
    ends = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    hits = np.cumsum(held)[ends]
    alarms = ends + 1 - hits
    positives, negatives = int(hits[-1]), int(alarms[-1])
    nothing = np.empty(0)
    if not positives:
        return Curves(nothing, nothing, nothing, nothing)
    found = np.flatnonzero(np.diff(hits, prepend=0))
    kept = found[np.unique(np.linspace(0, len(found) - 1, most).round().astype(int))]
    recall, precision = hits[kept] / positives, hits[kept] / (ends[kept] + 1)
    if not negatives:
        return Curves(recall, precision, nothing, nothing)
    rates = np.append(0.0, alarms / negatives), np.append(0.0, hits / positives)
    # Evenly along the curve: a corner is never farther than a step from a point that is kept.
    kept = np.unique(np.searchsorted(rates[0] + rates[1], np.linspace(0, 2, most)).clip(max=len(ends)))
    return Curves(recall, precision, rates[0][kept], rates[1][kept])


def histogram(truth: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How many clips with and without the class score in each of 20 equal parts of [0, 1].

    Returns:
        (20,) int64 with the class, (20,) int64 without.
    """
    part = np.clip((scores * BINS).astype(np.int64), 0, BINS - 1)
    return np.bincount(part[truth], minlength=BINS), np.bincount(part[~truth], minlength=BINS)

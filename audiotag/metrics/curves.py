"""The numbers behind curves: precision and recall, ROC, and histograms of scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from audiotag.metrics import ranking

POINTS = 81  # odd, so that the corner of a perfect ROC curve is one of them
THRESHOLDS = 201


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
    """Both curves; clips of equal score are one step, as scikit-learn counts them.

    Args:
        truth: (clips,) bool.
        scores: (clips,) float.
        most: points of a curve; a thinned ROC curve stays within 2 / (most - 1) of the whole one.

    Returns:
        The curves; one that is not defined (no positives; ROC: no negatives) has no points.
    """
    ranked, nothing = ranking.rank(truth, scores), np.empty(0)
    hits, positives = ranked.positive_ends, len(ranked.positives)
    negatives = len(ranked.order) - positives
    if not positives:
        return Curves(nothing, nothing, nothing, nothing)
    kept = np.unique(np.linspace(0, len(hits) - 1, most).round().astype(int))
    recall, precision = hits[kept] / positives, hits[kept] / ranked.ends[kept]
    if not negatives:
        return Curves(recall, precision, nothing, nothing)
    # The corners of the curve lie before and after every group of equal scores that holds a positive.
    before = np.append(0, hits[:-1])
    alarms = np.stack([ranked.starts - before, ranked.ends - hits], axis=1).ravel() / negatives
    reached = np.stack([before, hits], axis=1).ravel() / positives
    alarms, reached = (np.concatenate([[0.0], rates, [1.0]]) for rates in (alarms, reached))
    # Evenly along the curve: a corner is never farther than a step from a point that is kept.
    kept = np.unique(np.searchsorted(alarms + reached, np.linspace(0, 2, most)).clip(max=len(alarms) - 1))
    return Curves(recall, precision, alarms[kept], reached[kept])


def at_thresholds(truth: np.ndarray, scores: np.ndarray, thresholds: int = THRESHOLDS) -> np.ndarray:
    """Counts, precision and recall of `score >= threshold` at thresholds spread evenly over [0, 1].

    Args:
        truth: (clips,) bool.
        scores: (clips,), in [0, 1].
        thresholds: how many, at least 2.

    Returns:
        (6, thresholds) float64: true positives, false positives, true negatives, false negatives, precision, recall:
        the tensor of TensorBoard's pr_curves plugin (tensorboard/plugins/pr_curve/metadata.py), in which precision is
        0 where nothing is predicted.
    """
    bucket = np.searchsorted(np.linspace(0.0, 1.0, thresholds), scores, side="right") - 1
    hits, alarms = (
        np.bincount(bucket[chosen], minlength=thresholds)[::-1].cumsum()[::-1] for chosen in (truth, ~truth)
    )
    misses, rejections = hits[0] - hits, alarms[0] - alarms
    precision, recall = hits / np.maximum(hits + alarms, 1), hits / max(int(hits[0]), 1)
    return np.stack([hits, alarms, rejections, misses, precision, recall]).astype(np.float64)


def histogram(scores: np.ndarray, bins: int) -> tuple[np.ndarray, np.ndarray]:
    """How many scores lie in each of equal parts of [0, 1]: (bins,) int64, and their edges (bins + 1,) float64."""
    return np.histogram(scores, np.linspace(0.0, 1.0, bins + 1))

"""How well the classes of one clip are ordered: lwlrap of every class, and top-k accuracy."""

from __future__ import annotations

import numpy as np


def label_precisions(truth: np.ndarray, scores: np.ndarray, known: np.ndarray | None = None) -> np.ndarray:
    """Label-ranking average precision of every class, lwlrap_c of Fonseca et al. 2019 (DCASE 2019, task 2).

    A label's precision: of the clip's classes that score at least as much as it, the share that are labels of the
    clip. A class's figure is the mean over the clips that have it. The mean over all labels (the classes' figures
    weighted by their positives) is lwlrap, and equals scikit-learn's `label_ranking_average_precision_score` with
    the number of labels as `sample_weight`, ties included.

    Args:
        truth: (clips, classes) bool.
        scores: (clips, classes) float, finite.
        known: (clips, classes) bool, False where nobody judged the pair: it has no rank. Default: all known.

    Returns:
        (classes,) float64 in [0, 1]; NaN where no clip has the class.
    """
    classes = truth.shape[1]
    # Pairs that nobody judged come last, where they lengthen no rank.
    falling = -scores if known is None else np.where(known, -scores, np.inf)
    order = np.argsort(falling, axis=1)
    falling, ordered = np.take_along_axis(falling, order, axis=1), np.take_along_axis(truth, order, axis=1)
    labels = ordered.cumsum(axis=1, dtype=np.int32)
    # Equal scores share the rank of their last.
    ranks = np.broadcast_to(np.arange(1, classes + 1, dtype=np.int32), falling.shape).copy()
    ranks[:, :-1][falling[:, :-1] == falling[:, 1:]] = classes
    ranks = np.minimum.accumulate(ranks[:, ::-1], axis=1)[:, ::-1]
    rows, places = np.nonzero(ordered)
    rank = ranks[rows, places]
    sums = np.bincount(order[rows, places], labels[rows, rank - 1] / rank, minlength=classes)
    positives = truth.sum(axis=0)
    return np.where(positives > 0, sums / np.maximum(positives, 1), np.nan)


def top_accuracy(truth: np.ndarray, scores: np.ndarray, most: int) -> float:
    """Share of clips whose class is among the best scored ones, as scikit-learn's `top_k_accuracy_score`.

    Of equal scores the class of higher index comes first, as there.

    Args:
        truth: (clips, classes) bool, one True a clip.
        scores: (clips, classes) float.
        most: how many classes of a clip are looked at.
    """
    index = truth.argmax(axis=1)[:, None]
    own = np.take_along_axis(scores, index, axis=1)
    ahead = (scores > own) | ((scores == own) & (np.arange(truth.shape[1]) > index))
    return float((ahead.sum(axis=1) < most).mean())

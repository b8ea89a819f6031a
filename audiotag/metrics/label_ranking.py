"""How well the classes of one clip are ordered: the precision of each label, and top-k accuracy."""

from __future__ import annotations

import numpy as np

from audiotag.metrics.predictions import Predictions


def label_precisions(predictions: Predictions) -> np.ndarray:
    """Of the clip's judged classes that score at least as much as a label, the share that are labels of the clip.

    The mean over the labels of a class is its lwlrap_c, the mean over all labels lwlrap (Fonseca et al. 2019; DCASE
    2019, task 2), which equals scikit-learn's `label_ranking_average_precision_score` with the number of labels as
    `sample_weight`, ties included.

    Returns:
        (clips, classes) float64 in [0, 1]; 0 where the clip does not have the class.
    """
    classes = predictions.targets.shape[1]
    # Pairs that nobody judged come last, where they lengthen no rank.
    falling = np.where(predictions.judged, -predictions.scores, np.inf)
    order = np.argsort(falling, axis=1)
    falling, truth = (np.take_along_axis(each, order, axis=1) for each in (falling, predictions.targets.astype(bool)))
    labels = truth.cumsum(axis=1, dtype=np.int32)
    # Equal scores share the rank of their last.
    ranks = np.broadcast_to(np.arange(1, classes + 1, dtype=np.int32), falling.shape).copy()
    ranks[:, :-1][falling[:, :-1] == falling[:, 1:]] = classes
    ranks = np.minimum.accumulate(ranks[:, ::-1], axis=1)[:, ::-1]
    rows, places = np.nonzero(truth)
    rank = ranks[rows, places]
    precisions = np.zeros(truth.shape)
    precisions[rows, order[rows, places]] = labels[rows, rank - 1] / rank
    return precisions


def top_accuracy(predictions: Predictions, most: int) -> float:
    """Share of clips whose class is among the best scored ones, as scikit-learn's `top_k_accuracy_score`.

    Of equal scores the class of higher index comes first, as there.

    Args:
        predictions: of classes that exclude each other.
        most: how many classes of a clip are looked at.
    """
    scores = predictions.scores
    index = predictions.targets.argmax(axis=1)[:, None]
    own = np.take_along_axis(scores, index, axis=1)
    ahead = (scores > own) | ((scores == own) & (np.arange(scores.shape[1]) > index))
    return float((ahead.sum(axis=1) < most).mean())

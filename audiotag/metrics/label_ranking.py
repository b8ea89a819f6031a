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
    truth = predictions.targets.astype(bool)
    precisions = np.zeros(truth.shape)
    for row, labels, scores, judged in zip(precisions, truth, predictions.scores, predictions.judged, strict=True):
        own = scores[labels]
        row[labels] = _reaching(own, own) / _reaching(scores[judged], own)
    return precisions


def _reaching(scores: np.ndarray, least: np.ndarray) -> np.ndarray:
    """How many scores are at least as large as each of some values."""
    return len(scores) - np.searchsorted(np.sort(scores), least)


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

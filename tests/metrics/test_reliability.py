"""Bins, calibration error and Brier score against scikit-learn and a slow loop."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn import metrics as oracle
from sklearn.calibration import calibration_curve

from audiotag.labels import Labels
from audiotag.metrics.predictions import Predictions
from audiotag.metrics.reliability import BINS, reliability


def predicted(truth, scores, task="multilabel", known=None) -> Predictions:
    truth, scores = np.asarray(truth, np.uint8), np.asarray(scores, np.float64)
    ids = np.array([f"clip {index}" for index in range(len(truth))])
    return Predictions(ids, truth, scores, Labels(tuple("abcdef"[: truth.shape[1]])), task, known)


def slow_error(truth: np.ndarray, scores: np.ndarray) -> float:
    """Share-weighted |mean score - frequency| of bins that hold their upper edge, the first one also 0."""
    bin_of = np.maximum(np.ceil(np.round(scores * BINS, 9)), 1)
    total = 0.0
    for each in set(bin_of):
        rows = bin_of == each
        total += rows.mean() * abs(scores[rows].mean() - truth[rows].mean())
    return total


def softmax_scores(random: np.random.Generator, clips: int, classes: int) -> np.ndarray:
    exponents = np.exp(2 * random.normal(size=(clips, classes)))
    return exponents / exponents.sum(1, keepdims=True)


@pytest.mark.parametrize("levels", [None, 15], ids=["random", "tied, on edges"])
def test_all_pairs_of_multilabel_equal_scikit_learn(levels: int | None) -> None:
    random = np.random.default_rng(0)
    scores = random.random((80, 3)) if levels is None else random.integers(0, levels + 1, (80, 3)) / levels
    truth = random.random((80, 3)) < scores**2
    found = reliability(predicted(truth, scores))
    frequency, mean_score = calibration_curve(truth.ravel(), scores.ravel(), n_bins=BINS)
    held = found.count > 0
    np.testing.assert_allclose(found.frequency[held], frequency, atol=1e-14)
    np.testing.assert_allclose(found.mean_score[held], mean_score, atol=1e-14)
    assert found.brier == pytest.approx(oracle.brier_score_loss(truth.ravel(), scores.ravel()), abs=1e-14)
    assert found.ece == pytest.approx(slow_error(truth.ravel(), scores.ravel()), abs=1e-12)
    assert found.count.sum() == truth.size
    assert found.edges.tolist() == np.linspace(0, 1, BINS + 1).tolist()


def test_multiclass_judges_the_highest_score_of_each_clip() -> None:
    random = np.random.default_rng(1)
    scores = softmax_scores(random, 200, 5)
    truth = np.eye(5)[random.integers(0, 5, 200)]
    found = reliability(predicted(truth, scores, "multiclass"))
    right, confidence = truth.argmax(1) == scores.argmax(1), scores.max(1)
    assert found.count.sum() == 200
    assert found.ece == pytest.approx(slow_error(right, confidence), abs=1e-12)
    assert found.brier == pytest.approx(oracle.brier_score_loss(right, confidence), abs=1e-14)


def test_scores_that_are_probabilities_have_a_small_error_and_sharper_ones_a_large_one() -> None:
    random = np.random.default_rng(2)
    scores = random.random((20_000, 1))
    truth = random.random((20_000, 1)) < scores
    sharper = scores**3 / (scores**3 + (1 - scores) ** 3)
    assert reliability(predicted(truth, scores)).ece < 0.02
    assert reliability(predicted(truth, sharper)).ece > 0.1


def test_unknown_pairs_count_nowhere() -> None:
    random = np.random.default_rng(3)
    known = random.random((50, 3)) < 0.5
    scores, truth = random.random((50, 3)), random.integers(0, 2, (50, 3)) * known
    found = reliability(predicted(truth, scores, known=known))
    alone = reliability(predicted(truth[known][:, None], scores[known][:, None]))
    assert (found.ece, found.brier) == (alone.ece, alone.brier)
    assert found.count.tolist() == alone.count.tolist()
    nothing = reliability(predicted(np.zeros((2, 2)), np.full((2, 2), 0.3), known=np.zeros((2, 2), bool)))
    assert nothing.count.sum() == 0
    assert math.isnan(nothing.ece)
    assert math.isnan(nothing.brier)


def test_an_empty_bin_is_nan() -> None:
    found = reliability(predicted([[1], [0]], [[0.95], [1.0]]))
    assert found.count.tolist() == [0] * 14 + [2]
    assert np.isnan(found.mean_score[:14]).all()
    assert np.isnan(found.frequency[:14]).all()
    assert (found.mean_score[14], found.frequency[14], found.ece) == pytest.approx((0.975, 0.5, 0.475))

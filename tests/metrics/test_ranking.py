"""Average precision and ROC-AUC against scikit-learn: ties, masks, classes without positives or negatives, weights."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as oracle

from audiotag.metrics import ranking


def every_class(truth: np.ndarray, scores: np.ndarray, known: np.ndarray | None = None) -> np.ndarray:
    """Average precision and area of every class: (2, classes)."""
    known = np.ones(truth.shape, bool) if known is None else known
    rankings = ranking.rank_classes(truth, scores, known)
    return np.array([[each.average_precision() for each in rankings], [each.area() for each in rankings]])


def average_precision(truth: np.ndarray, scores: np.ndarray) -> float:
    return oracle.average_precision_score(truth, scores) if truth.any() else np.nan


def area(truth: np.ndarray, scores: np.ndarray) -> float:
    return oracle.roc_auc_score(truth, scores) if truth.any() and not truth.all() else np.nan


def table(clips: int, levels: int | None, share: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Truth and scores of seven classes; the last two have every clip and none."""
    random = np.random.default_rng(seed)
    truth, scores = random.random((clips, 7)) < share, random.random((clips, 7))
    truth[:, 5], truth[:, 6] = True, False
    return truth, scores if levels is None else np.floor(scores * levels) / levels


@pytest.mark.parametrize("levels", [None, 10, 1], ids=["distinct", "tied", "all equal"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.97])
def test_every_class_equals_scikit_learn(levels: int | None, share: float) -> None:
    truth, scores = table(400, levels, share)
    expected = [[measure(truth[:, k], scores[:, k]) for k in range(7)] for measure in (average_precision, area)]
    np.testing.assert_allclose(every_class(truth, scores), expected, rtol=0, atol=1e-12)
    assert np.isnan(expected[1][5:]).all()


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(-2, 2), st.integers(0, 3)), min_size=1, max_size=20))
def test_whole_weights_are_the_clips_written_down_so_often(clips: list[tuple[bool, int, int]]) -> None:
    truth, scores, weights = (np.array(column) for column in zip(*clips, strict=True))
    found = ranking.weighted(ranking.rank(truth, scores), weights.astype(np.uint8)[:, None])
    truth, scores = truth.repeat(weights), scores.repeat(weights)
    expected = [[average_precision(truth, scores)], [area(truth, scores)]]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_many_weightings_at_once_are_each_on_its_own() -> None:
    truth, scores = table(60, 12, 0.3)
    weights = np.random.default_rng(1).poisson(1.0, (60, 2500)).astype(np.uint8)
    own = ranking.rank(truth[:, 0], scores[:, 0])
    together = np.array(ranking.weighted(own, weights))
    for column in (0, 1023, 1024, 2047, 2048, 2499):
        rows = np.arange(60).repeat(weights[:, column])
        expected = [average_precision(truth[rows, 0], scores[rows, 0]), area(truth[rows, 0], scores[rows, 0])]
        np.testing.assert_allclose(together[:, column], expected, rtol=0, atol=1e-12)


def test_pairs_that_nobody_judged_are_as_if_they_were_not_there() -> None:
    truth, scores = table(200, 10, 0.3)
    known = np.random.default_rng(2).random(truth.shape) < 0.4
    known[:, 4] = False
    truth &= known
    kept = [(truth[known[:, k], k], scores[known[:, k], k]) for k in range(7)]
    expected = [[measure(*columns) for columns in kept] for measure in (average_precision, area)]
    np.testing.assert_allclose(every_class(truth, scores, known), expected, rtol=0, atol=1e-12)
    assert np.isnan(expected[1][4])
    weights = np.random.default_rng(3).poisson(1.0, (200, 4)).astype(np.uint8)
    rows = np.arange(200).repeat(weights[:, 3] * known[:, 0])
    found = ranking.weighted(ranking.rank_classes(truth, scores, known)[0], weights)
    expected = [average_precision(truth[rows, 0], scores[rows, 0]), area(truth[rows, 0], scores[rows, 0])]
    np.testing.assert_allclose([values[3] for values in found], expected, rtol=0, atol=1e-12)


def test_integers_beyond_half_of_32_bits_do_not_overflow() -> None:
    clips = 120_000
    scores = np.random.default_rng(4).random(clips)
    truth = np.arange(clips) % 2 == 0
    own = ranking.rank(truth, scores)
    expected = oracle.roc_auc_score(truth, scores)
    assert own.area() == pytest.approx(expected, abs=1e-12)
    assert ranking.weighted(own, np.ones((clips, 1), np.uint8))[1][0] == pytest.approx(expected, abs=1e-12)

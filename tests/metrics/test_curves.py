"""Points of curves against scikit-learn's, loops and TensorBoard's own writer."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import auc, average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

from audiotag.metrics.curves import at_thresholds, curves, histogram


def drawn(clips: int, tied: bool, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    truth = random.random(clips) < 0.3
    scores = 1 / (1 + np.exp(-random.normal(1.5 * truth - 1, 1)))
    return truth, scores.round(1) if tied else scores


@pytest.mark.parametrize("tied", [False, True])
def test_every_point_lies_on_scikit_learns_curves(tied) -> None:
    truth, scores = drawn(3000, tied)
    found = curves(truth, scores)
    precision, recall, _ = precision_recall_curve(truth, scores)
    known = set(zip(recall.tolist(), precision.tolist(), strict=True))
    assert set(zip(found.recall.tolist(), found.precision.tolist(), strict=True)) <= known
    alarms, hits, _ = roc_curve(truth, scores, drop_intermediate=False)
    known = set(zip(alarms.tolist(), hits.tolist(), strict=True))
    assert set(zip(found.false_positive_rate.tolist(), found.true_positive_rate.tolist(), strict=True)) <= known
    assert len(found.recall) <= 81 and len(found.true_positive_rate) <= 81


@pytest.mark.parametrize("tied", [False, True])
def test_curves_that_are_not_thinned_have_the_exact_areas(tied) -> None:
    truth, scores = drawn(400, tied)
    found = curves(truth, scores, most=10_000)
    steps = np.diff(found.recall, prepend=0)
    assert (steps * found.precision).sum() == pytest.approx(average_precision_score(truth, scores), abs=1e-12)
    area = auc(found.false_positive_rate, found.true_positive_rate)
    assert area == pytest.approx(roc_auc_score(truth, scores), abs=1e-12)


def test_thinned_curves_keep_to_the_whole_ones() -> None:
    truth, scores = drawn(5000, tied=False)
    found = curves(truth, scores)
    area = auc(found.false_positive_rate, found.true_positive_rate)
    assert area == pytest.approx(roc_auc_score(truth, scores), abs=0.002)
    alarms, hits, _ = roc_curve(truth, scores)
    between = np.interp(alarms, found.false_positive_rate, found.true_positive_rate)
    lag = np.interp(hits, found.true_positive_rate, found.false_positive_rate)
    assert (np.minimum(abs(between - hits), abs(lag - alarms)) <= 2 / 80).all()


def test_a_perfect_class_keeps_its_corner() -> None:
    truth = np.arange(1000) < 37
    found = curves(truth, np.linspace(1, 0, 1000))
    points = set(zip(found.false_positive_rate.tolist(), found.true_positive_rate.tolist(), strict=True))
    assert {(0.0, 0.0), (0.0, 1.0), (1.0, 1.0)} <= points
    assert (found.precision == 1).all()


def test_curves_that_are_not_defined_have_no_points() -> None:
    nobody = curves(np.zeros(4, bool), np.linspace(0, 1, 4))
    assert not any(len(getattr(nobody, name)) for name in ("recall", "precision", "true_positive_rate"))
    everybody = curves(np.ones(4, bool), np.linspace(0, 1, 4))
    assert everybody.recall.tolist() == [0.25, 0.5, 0.75, 1.0] and not len(everybody.false_positive_rate)


def test_the_histogram_counts_every_score_once_the_ends_included() -> None:
    counts, edges = histogram(np.array([0.0, 0.049, 0.05, 0.5, 0.99, 1.0]), 20)
    assert {place: int(count) for place, count in enumerate(counts) if count} == {0: 2, 1: 1, 10: 1, 19: 2}
    assert edges.tolist() == pytest.approx([place / 20 for place in range(21)])


def test_every_clip_is_counted_at_every_threshold() -> None:
    random = np.random.default_rng(5)
    truth = random.random(80) < 0.4
    scores = np.round(random.random(80) * 10) / 10
    scores[:2] = 0.0, 1.0
    table = at_thresholds(truth, scores, thresholds=11)
    for column, threshold in enumerate(np.linspace(0, 1, 11)):
        predicted = scores >= threshold
        counts = [(predicted & truth).sum(), (predicted & ~truth).sum()]
        counts += [(~predicted & ~truth).sum(), (~predicted & truth).sum()]
        precision = counts[0] / max(counts[0] + counts[1], 1)
        assert table[:, column].tolist() == [*counts, precision, counts[0] / truth.sum()]


def test_thresholds_equal_tensorboards_own_first_generation_writer() -> None:
    from tensorboard.plugins.pr_curve import summary
    from tensorboard.util import tensor_util

    random = np.random.default_rng(0)
    truth, scores = random.random(500) < 0.3, random.random(500)
    theirs = summary.pb("curve", truth, scores.astype(np.float32), num_thresholds=201).value[0].tensor
    np.testing.assert_allclose(at_thresholds(truth, scores), tensor_util.make_ndarray(theirs), atol=1e-7)

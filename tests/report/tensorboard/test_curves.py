"""The numbers behind the curves, against loops, scikit-learn and TensorBoard's own writer."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score, roc_curve

from audiotag.report.tensorboard import curves


def test_precision_recall_counts_every_clip_at_every_threshold() -> None:
    random = np.random.default_rng(5)
    truth = random.random(80) < 0.4
    scores = np.round(random.random(80) * 10) / 10
    scores[:2] = 0.0, 1.0
    found = curves.precision_recall(truth, scores, thresholds=11)
    for column, threshold in enumerate(np.linspace(0, 1, 11)):
        said = scores >= threshold
        counts = [(said & truth).sum(), (said & ~truth).sum(), (~said & ~truth).sum(), (~said & truth).sum()]
        precision = counts[0] / max(counts[0] + counts[1], 1)
        assert found[:, column].tolist() == [*counts, precision, counts[0] / truth.sum()]


def test_precision_recall_equals_tensorboards_own_first_generation_writer() -> None:
    from tensorboard.plugins.pr_curve import summary
    from tensorboard.util import tensor_util

    random = np.random.default_rng(0)
    truth, scores = random.random(500) < 0.3, random.random(500)
    theirs = summary.pb("curve", truth, scores.astype(np.float32), num_thresholds=201).value[0].tensor
    np.testing.assert_allclose(curves.precision_recall(truth, scores), tensor_util.make_ndarray(theirs), atol=1e-7)


@pytest.mark.parametrize("digits", [1, 8])
def test_the_roc_goes_through_scikit_learns_points(digits: int) -> None:
    random = np.random.default_rng(1)
    truth = random.random(400) < 0.3
    scores = np.round(random.random(400) + 0.3 * truth, digits)
    found, grid = curves.roc(truth, scores), curves.false_positive_grid()
    wrong, right, _ = roc_curve(truth, scores, drop_intermediate=False)
    for place, rate in enumerate(grid):
        below, above = wrong[wrong <= rate], wrong[wrong >= rate]
        low, high = right[wrong == below.max()].max(), right[wrong == above.min()].max()
        assert low - 1e-12 <= found[place] <= high + 1e-12
    assert np.trapezoid(found, grid) == pytest.approx(roc_auc_score(truth, scores), abs=0.01)
    assert found[-1] == 1.0


def test_a_perfect_class_has_a_perfect_roc() -> None:
    assert (curves.roc(np.array([True, False, True]), np.array([0.9, 0.1, 0.8])) == 1.0).all()


def test_buckets_hold_every_score_once_the_ends_included() -> None:
    found = curves.buckets(np.array([0.0, 0.05, 0.5, 1.0]), count=10)
    assert found[:, 2].tolist() == [2, 0, 0, 0, 0, 1, 0, 0, 0, 1]
    assert found[0, 0] == 0.0 and found[-1, 1] == 1.0

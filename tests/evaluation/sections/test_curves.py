"""The curves of all pairs, and the reliability diagram, against the numbers that they draw."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from audiotag.evaluation.evaluated import Evaluation
from audiotag.evaluation.sections import curves, reliability
from audiotag.labels import Labels
from audiotag.metrics import per_class
from audiotag.metrics import reliability as metric
from audiotag.metrics.predictions import Predictions


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    random = np.random.default_rng(0)
    known = random.random((80, 3)) < 0.7
    targets = ((random.random((80, 3)) < 0.4) & known).astype(np.uint8)
    scores = (0.6 * random.random((80, 3)) + 0.4 * targets).clip(0, 1)
    ids, labels = np.arange(80).astype(str), Labels(("a", "b", "c"))
    predictions = Predictions(ids, targets, scores, labels, "multilabel", known)
    before = replace(predictions, scores=scores**2)
    return Evaluation(
        (), predictions, before, None, per_class.per_class(predictions), per_class.summary(predictions), "temperature 2"
    )


def test_the_curves_leave_out_unknown_pairs(evaluation) -> None:
    precision_recall, roc = curves.measure(evaluation).figures
    predictions = evaluation.predictions
    pairs = [values[predictions.known] for values in (predictions.targets, predictions.scores)]
    ((line,), (_, rates)) = precision_recall.lines, roc.lines
    assert (np.diff(line.x, prepend=0) * line.y).sum() == pytest.approx(average_precision_score(*pairs))
    assert np.trapezoid(rates.y, rates.x) == pytest.approx(roc_auc_score(*pairs), abs=0.005)
    assert f"AP {average_precision_score(*pairs):.3f}." in precision_recall.caption
    assert f"AUC {roc_auc_score(*pairs):.3f}." in roc.caption


def test_the_reliability_is_shown_with_and_without_calibration(evaluation) -> None:
    section = reliability.measure(evaluation)
    after, before = (metric.reliability(each) for each in (evaluation.predictions, evaluation.uncalibrated))
    assert section.scalars == {
        "ECE": after.ece,
        "Brier": after.brier,
        "ECE_before_calibration": before.ece,
        "Brier_before_calibration": before.brier,
    }
    assert section.conclusions[0].startswith(
        f"calibration: temperature 2; calibration error {after.ece:.3f}, {before.ece:.3f} without, Brier "
    )
    (diagram,) = section.figures
    assert [line.kind for line in diagram.lines] == ["guide", "second", "first"]
    for line, result in zip(diagram.lines[1:], (before, after), strict=True):
        filled = result.count > 0
        np.testing.assert_array_equal(line.x, result.mean_score[filled])
        np.testing.assert_array_equal(line.y, result.frequency[filled])
        assert set(line.sizes[result.count[filled] < 10]) == {1.5} and set(line.sizes) <= {1.5, 3.0, 4.5}
    plain = reliability.measure(replace(evaluation, uncalibrated=None))
    assert [line.kind for line in plain.figures[0].lines] == ["guide", "first"] and len(plain.scalars) == 2

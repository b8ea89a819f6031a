"""What no metric is defined for is refused in one line that names the clip."""

from __future__ import annotations

import numpy as np
import pytest

from audiotag import AudiotagError
from audiotag.labels import Labels
from audiotag.metrics.predictions import NotFiniteError, Predictions, check


@pytest.mark.parametrize(
    ("known", "task", "message"),
    [
        ([[True, False], [True, True]], "multilabel", "unknown pair must be 0, received 1 for clip 'a', class 1"),
        ([[True, True], [True, False]], "multiclass", "clip 'b' has unknown ones"),
        ([[1, 1], [1, 1]], "multilabel", r"known must be bool .* \(2, 2\), received int64"),
        ([[True, True]], "multilabel", r"known must be bool .* received bool \(1, 2\)"),
    ],
)
def test_a_mask_that_contradicts_the_labels_is_refused(known, task, message) -> None:
    targets = np.array([[0, 1], [1, 0]])
    with pytest.raises(AudiotagError, match=message) as caught:
        check(targets, np.full((2, 2), 0.5), task, np.array(["a", "b"]), np.array(known))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_score_that_is_not_finite_is_refused_naming_the_clip(bad: float) -> None:
    scores = np.full((3, 2), 0.5)
    scores[1, 1] = bad
    ids = np.array(["a", "street, 'noon'", "c"])
    with pytest.raises(NotFiniteError, match=r"finite.*street, 'noon'.*class 1"):
        check(np.eye(2)[[0, 1, 0]], scores, "multiclass", ids)


@pytest.mark.parametrize(
    ("truth", "scores", "task", "message"),
    [
        ([[0.5, 0.5]], [[0.1, 0.2]], "multilabel", "targets must be 0 or 1, received 0.5"),
        ([[1, 1]], [[0.1, 0.2]], "multiclass", "exactly one label, clip 'clip 0' has 2"),
        ([[1, 0]], [[0.1, 0.2, 0.3]], "multiclass", r"\(1, 2\) and \(1, 3\)"),
        (np.zeros((0, 2)), np.zeros((0, 2)), "multilabel", "at least one clip"),
        ([[1, 0]], [[0.1, 0.2]], "ranking", "multilabel, notes, speech or tokens, received 'ranking'"),
        ([[1, 0, 0]], [[0.1, 0.2, 0.3]], "multiclass", r"1 ids and 2 labels for \(1, 3\)"),
    ],
)
def test_what_no_metric_is_defined_for_is_refused_in_one_line(truth, scores, task, message) -> None:
    ids = np.array([f"clip {row}" for row in range(len(truth))])
    with pytest.raises(AudiotagError, match=message) as caught:
        Predictions(ids, np.asarray(truth), np.asarray(scores), Labels(("dog", "rain")), task)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("recordings", "one recording a clip, received 1 for 2"),
        ("thresholds", "one threshold a class, received .* for 2"),
    ],
)
def test_what_is_not_one_a_clip_or_one_a_class_is_refused(field, message) -> None:
    targets, labels = np.eye(2, dtype=np.uint8), Labels(("dog", "rain"))
    with pytest.raises(AudiotagError, match=message):
        Predictions(np.array(["a", "b"]), targets, np.eye(2), labels, "multiclass", **{field: np.array([0.5])})

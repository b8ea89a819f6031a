"""The confusion matrix against scikit-learn and against loops."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from sklearn.metrics import confusion_matrix

from audiotag.labels import Labels
from audiotag.metrics.confusion import confusion, most_confused
from audiotag.metrics.predictions import Predictions


def made(clips: int, names: tuple[str, ...], task: str) -> Predictions:
    random = np.random.default_rng(3)
    classes = len(names)
    truth = (
        np.eye(classes)[random.integers(0, classes, clips)]
        if task == "multiclass"
        else random.random((clips, classes)) < 0.3
    )
    scores = 0.5 * random.random((clips, classes)) + 0.3 * truth
    ids = np.array([f"c{index}" for index in range(clips)])
    return Predictions(ids, truth.astype(np.uint8), scores, Labels(names), task)


def test_multiclass_counts_equal_scikit_learn() -> None:
    found = made(200, ("a", "b", "c", "d"), "multiclass")
    counts, clips = confusion(found)
    assert (counts == confusion_matrix(found.targets.argmax(1), found.scores.argmax(1))).all()
    assert clips.tolist() == found.targets.sum(0).tolist() == counts.sum(1).tolist()


def test_multilabel_counts_hits_on_the_diagonal_and_false_alarms_elsewhere() -> None:
    found = made(120, ("a", "b", "c"), "multilabel")
    counts, clips = confusion(found)
    for true in range(3):
        held = [row for row in range(120) if found.targets[row, true]]
        assert clips[true] == len(held)
        for other in range(3):
            alarms = [
                row
                for row in held
                if found.scores[row, other] >= 0.5 and (other == true or not found.targets[row, other])
            ]
            assert counts[true, other] == len(alarms)


def test_every_class_has_its_threshold_and_unjudged_pairs_are_no_false_alarms() -> None:
    found = made(120, ("a", "b", "c"), "multilabel")
    known = (np.random.default_rng(1).random((120, 3)) < 0.5) | (found.targets == 1)
    limits = np.array([0.2, 0.4, 0.6])
    counts, _ = confusion(replace(found, known=known, thresholds=limits))
    for true, other in ((0, 1), (2, 0), (1, 1)):
        rows = [row for row in range(120) if found.targets[row, true] and known[row, other]]
        rows = [row for row in rows if other == true or not found.targets[row, other]]
        assert counts[true, other] == sum(found.scores[row, other] >= limits[other] for row in rows)


def test_of_many_classes_those_with_the_largest_confusions_are_chosen() -> None:
    counts = np.diag(np.full(70, 10))
    counts[3, 50] = 9
    counts[61, 7] = 5
    counts[20, 21] = 1
    assert most_confused(counts, counts.sum(1), 4).tolist() == [3, 7, 50, 61]
    assert len(most_confused(counts, counts.sum(1), 20)) == 20

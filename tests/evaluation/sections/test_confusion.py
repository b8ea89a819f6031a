"""The strongest confusions, and which classes the matrix shows."""

from __future__ import annotations

import numpy as np

from audiotag.evaluation.evaluated import Evaluation
from audiotag.evaluation.sections.confusion import measure, strongest
from audiotag.labels import Labels
from audiotag.metrics import per_class
from audiotag.metrics.predictions import Predictions

COUNTS = np.array([[8, 2, 0], [1, 3, 0], [0, 4, 1]])
CLIPS = np.array([10, 4, 5])
NAMES = ("dog", "<rain>", "sea & wind")


def evaluated(classes: int, wrong: dict[int, int]) -> Evaluation:
    """A clip a class, each recognised but those of `wrong`, taken for another."""
    scores = np.eye(classes)[[wrong.get(index, index) for index in range(classes)]]
    names = Labels(tuple(f"class {index}" for index in range(classes)))
    ids, targets = np.arange(classes).astype(str), np.eye(classes, dtype=np.uint8)
    predictions = Predictions(ids, targets, scores, names, "multiclass")
    return Evaluation(
        (), predictions, None, None, per_class.per_class(predictions), per_class.summary(predictions), "none"
    )


def test_the_strongest_confusions_weigh_count_and_share() -> None:
    assert strongest(COUNTS, CLIPS, NAMES) == [
        ["sea & wind", "<rain>", 4, 5, 0.8],
        ["dog", "<rain>", 2, 10, 0.2],
        ["<rain>", "dog", 1, 4, 0.25],
    ]
    assert strongest(np.diag([3, 4]), np.array([3, 4]), ("a", "b")) == []


def test_the_matrix_shows_every_class_or_the_sixty_most_confused() -> None:
    for classes in (60, 61):
        section = measure(evaluated(classes, {60: 7} if classes > 60 else {}))
        (matrix,) = section.figures
        assert len(matrix.names) == 60 and matrix.counts.shape == (60, 60)
        assert ("the 60 most confused of 61 classes" in matrix.title) == (classes == 61)
    assert {"class 7", "class 60"} <= set(matrix.names)
    assert section.tables[0].rows == [["class 60", "class 7", 1, 1, 1.0]]


def test_without_confusions_there_is_no_table() -> None:
    section = measure(evaluated(3, {}))
    assert section.tables == () and section.how.startswith("None")

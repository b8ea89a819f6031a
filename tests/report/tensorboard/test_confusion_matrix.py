"""The picture of the confusion matrix, for difficult names and for many classes."""

from __future__ import annotations

import io
import warnings

import numpy as np
import pytest
from matplotlib.image import imread

from audiotag.labels import Labels
from audiotag.metrics.predictions import Predictions
from audiotag.report.tensorboard.confusion_matrix import picture


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


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_names_with_dollars_emoji_and_newlike_signs_draw_without_a_warning(task) -> None:
    names = ("$x_{", "costs $5 and $6", "🐕", "日本", "a/b", r"\frac{", "%", "x" * 200, "nobody")
    found = made(60, names[:-1], task)
    wider = Predictions(
        found.clip_ids,
        np.pad(found.targets, ((0, 0), (0, 1))),
        np.pad(found.scores, ((0, 0), (0, 1))),
        Labels(names),
        task,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        png = picture(wider)
    height, width, _ = imread(io.BytesIO(png)).shape
    assert 300 < height < 2000 and 300 < width < 2000


def test_the_picture_of_many_classes_stays_within_a_screen_and_a_half() -> None:
    png = picture(made(400, tuple(f"a rather long name of a class {index}" for index in range(90)), "multilabel"))
    height, width, _ = imread(io.BytesIO(png)).shape
    assert max(height, width) < 2400

"""What follows from a task, against SciPy and Keras."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest
import scipy.special

from audiotag.clip_format import ClipFormat
from audiotag.errors import AudiotagError
from audiotag.frontend import preset
from audiotag.labels import Labels
from audiotag.task import Task

LOGITS = np.array([[2.0, -1.0, 0.5], [300.0, 299.0, -300.0]], np.float32)


def test_probabilities_are_softmax_or_sigmoid_in_double_precision() -> None:
    expected = scipy.special.softmax(LOGITS.astype(np.float64), axis=1)
    np.testing.assert_allclose(Task("multiclass").probabilities(LOGITS), expected, rtol=1e-12)
    np.testing.assert_allclose(Task("multilabel").probabilities(LOGITS), 1 / (1 + np.exp(-LOGITS.astype(np.float64))))


def test_high_logits_keep_their_order() -> None:
    scores = Task("multilabel").probabilities(np.array([[20.0], [21.0], [30.0]], np.float32))
    assert scores[0, 0] < scores[1, 0] < scores[2, 0] <= 1.0


@pytest.mark.parametrize("name", ["multiclass", "multilabel"])
def test_the_loss_is_the_cross_entropy_of_the_probabilities(name: str) -> None:
    task, targets = Task(name), np.array([[0.2, 0.5, 0.3]], np.float32)
    p = task.probabilities(LOGITS[:1])
    each = -(targets * np.log(p)).sum() if task.exclusive else -(targets * np.log(p) + (1 - targets) * np.log1p(-p))
    assert float(task.loss()(targets, LOGITS[:1])) == pytest.approx(float(np.mean(each)), rel=1e-5)
    assert keras.activations.get(task.activation).__name__ == task.activation


def test_a_task_is_its_name_in_files() -> None:
    assert json.dumps({"task": Task("multilabel")}) == '{"task": "multilabel"}'
    assert Task("multiclass") == "multiclass"
    assert f"{Task('multiclass')}" == "multiclass"
    with pytest.raises(AudiotagError, match="multilabel, notes, speech or tokens, received 'both'"):
        Task("both")


def test_a_format_survives_json_and_knows_its_length() -> None:
    clip = ClipFormat(Labels(("dog", "rain")), preset("efficientat"), "multilabel", 2)
    assert ClipFormat.from_dict(json.loads(json.dumps(clip.to_dict()))) == clip
    assert (clip.samples, clip.frames) == (64_000, 200)
    assert clip.difference(clip) == ""
    other = ClipFormat(Labels(("dog", "sea")), preset("yamnet"), "multiclass", 2)
    assert clip.difference(other) == "front end"


@pytest.mark.parametrize(("field", "value"), [("seconds", 0.0), ("pad", "mirror"), ("task", "both")])
def test_a_format_out_of_range_is_refused(field: str, value: object) -> None:
    fields = {"labels": Labels(("dog",)), "front_end": preset("efficientat"), "task": "multilabel", "seconds": 1.0}
    with pytest.raises(AudiotagError, match=repr(value)):
        ClipFormat(**fields | {field: value})

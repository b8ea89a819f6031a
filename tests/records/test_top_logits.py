"""The largest logits and one for the rest: kept and spread again, against sums written out."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from audiotag.errors import AudiotagError
from audiotag.records import parser
from audiotag.records.example import encode_teacher
from audiotag.records.top_logits import TopLogits, shorten
from audiotag.task import Task

TASKS = [Task.MULTILABEL, Task.MULTICLASS]
CLASSES = 300  # indices of one and of two bytes
LOGITS = np.random.default_rng(0).normal(-3, 3, CLASSES).astype(np.float32)
UNKNOWN = np.random.default_rng(1).random(CLASSES) < 0.3


def spread(shortened: TopLogits, unknown: np.ndarray) -> np.ndarray:
    record = tf.constant([encode_teacher("clip", 2, shortened)])
    parsed = parser.parse_teachers(record, classes=len(unknown), top=len(shortened.classes), unknown=unknown)
    assert (parsed["clip_id"].numpy().tolist(), parsed["variant"].numpy().tolist()) == ([b"clip"], [2])
    assert parsed["known"].numpy().tolist() == [True]
    return parsed["logits"].numpy()[0]


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("top", [1, 20, CLASSES - UNKNOWN.sum() - 1])
def test_the_largest_come_back_and_the_mean_probability_of_all_classes_stays(task: Task, top: int) -> None:
    logits = np.where(UNKNOWN, np.nan, LOGITS).astype(np.float32)
    expanded = spread(shorten(logits, top, task), UNKNOWN)
    np.testing.assert_array_equal(np.isnan(expanded), UNKNOWN)
    logits, expanded = logits[~UNKNOWN], expanded[~UNKNOWN]
    order = np.argsort(-logits)
    largest, others = order[:top], order[top:]
    np.testing.assert_array_equal(expanded[largest], logits[largest].astype(np.float16))
    assert len(np.unique(expanded[others])) == 1
    before, after = (task.probabilities(values[None])[0] for values in (logits, expanded))
    np.testing.assert_allclose(after[largest], before[largest], rtol=0.01)  # what float16 rounds away
    assert after[others].mean() == pytest.approx(before[others].mean(), rel=0.01 if task.exclusive else 1e-5)


@pytest.mark.parametrize("task", TASKS)
def test_the_rest_of_one_class_is_its_own_logit(task: Task) -> None:
    assert shorten(np.array([1.0, 3.0, 0.25]), 2, task).rest == pytest.approx(0.25)


VALUES = st.floats(-(2.0**100), 2.0**13, width=32, allow_subnormal=False)


@given(arrays(np.float32, 12, elements=VALUES), st.integers(1, 11), st.sampled_from(TASKS))
def test_the_rest_is_finite_and_lies_among_the_logits_that_it_stands_for(
    logits: np.ndarray, top: int, task: Task
) -> None:
    shortened = shorten(logits, top, task)
    order = sorted(range(12), key=lambda index: (-logits[index], index))
    assert shortened.classes.tolist() == order[:top]
    others = logits[order[top:]].astype(np.float64)
    slack = 1e-6 * np.abs(others).max() + 1e-6
    assert others.min() - slack <= shortened.rest <= others.max() + slack


def test_records_with_and_without_outputs_stand_in_one_batch() -> None:
    records = [encode_teacher("a", 0, None), encode_teacher("b", 1, shorten(LOGITS, 3, Task.MULTILABEL)), b""]
    parsed = parser.parse_teachers(tf.constant(records), classes=CLASSES, top=3, unknown=np.zeros(CLASSES, bool))
    assert parsed["known"].numpy().tolist() == [False, True, False]
    assert parsed["clip_id"].numpy().tolist() == [b"a", b"b", b""]
    logits = parsed["logits"].numpy()
    assert not logits[[0, 2]].any()
    assert logits[1].argmax() == LOGITS.argmax()


def test_what_float16_cannot_hold_is_refused_naming_the_clip() -> None:
    shortened = shorten(np.array([1e5, 0.0, 1.0]), 1, Task.MULTILABEL)
    with pytest.raises(AudiotagError, match=r"65504, clip 'loud', variant 3, has 100000: .*leave out top"):
        encode_teacher("loud", 3, shortened)


def test_twenty_of_527_take_a_tenth_of_the_bytes() -> None:
    logits = np.random.default_rng(2).normal(size=527).astype(np.float32)
    whole, shortened = (len(encode_teacher("1-100032-A-0", 0, row)) for row in (logits, shorten(logits, 20, TASKS[0])))
    assert shortened < whole / 10
    assert math.isclose(whole, 4 * 527, rel_tol=0.05)

"""Records against protobuf's own serialisation and parsing."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from audiotag.clip_format import ClipFormat
from audiotag.frontend import LogMelConfig
from audiotag.labels import Labels
from audiotag.records import example, parser
from audiotag.records.stored import FLOAT16

FRONT_END = LogMelConfig(sample_rate=16_000, window=400, hop=400, fft=512, mels=3, fmax=7_900.0)
CLIP_FORMAT = ClipFormat(Labels(tuple("abcd")), FRONT_END, "multilabel", 5 * 400 / 16_000)


def ints(values: list[int]) -> tf.train.Feature:
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


def texts(value: bytes) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))


def floats(values: list[float]) -> tf.train.Feature:
    return tf.train.Feature(float_list=tf.train.FloatList(value=values))


@settings(max_examples=25, deadline=None)
@given(
    st.text(min_size=1, max_size=30),
    st.integers(0, 300),
    st.sets(st.integers(0, 100_000), max_size=4),
    st.lists(st.tuples(st.floats(0, 5, width=32), st.floats(5, 10, width=32), st.integers(0, 500)), max_size=3),
)
def test_bytes_equal_protobuf_s_deterministic_serialisation(clip_id, variant, labels, events) -> None:
    log_mel = np.arange(12, dtype=np.float32).reshape(4, 3)
    features = {
        "clip_id": texts(clip_id.encode()),
        "variant": ints([variant]),
        "log_mel": texts(log_mel.astype("<f2").tobytes()),
        "frames": ints([4]),
        "labels": ints(sorted(labels)),
    }
    if events:
        onsets, offsets, classes = zip(*events, strict=True)
        features |= {"event_onset": floats(onsets), "event_offset": floats(offsets), "event_class": ints(classes)}
    expected = tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString(deterministic=True)
    assert example.encode_example(clip_id, variant, log_mel, labels, events) == expected


def test_a_batch_parses_to_what_was_encoded() -> None:
    log_mels = np.random.default_rng(0).normal(size=(2, 5, 3)).astype(np.float16)
    records = [example.encode_example(f"clip{i}", i, log_mels[i], [[0, 2], []][i]) for i in range(2)]
    parsed = parser.examples_of(CLIP_FORMAT, FLOAT16)(tf.constant(records))
    np.testing.assert_array_equal(parsed["log_mel"][..., 0], log_mels.astype(np.float32))
    assert parsed["log_mel"].dtype == tf.float32
    np.testing.assert_array_equal(parsed["target"], [[1, 0, 1, 0], [0, 0, 0, 0]])
    assert parsed["clip_id"].numpy().tolist() == [b"clip0", b"clip1"]
    assert parsed["variant"].numpy().tolist() == [0, 1]


def test_a_teacher_without_outputs_for_a_clip_parses_as_unknown() -> None:
    logits = np.array([1.5, -2.0, 0.25], np.float32)
    records = [example.encode_teacher("a", 0, logits), example.encode_teacher("b", 3, None), b""]
    parsed = parser.parse_teachers(tf.constant(records), classes=3)
    np.testing.assert_array_equal(parsed["logits"], [logits, np.zeros(3), np.zeros(3)])
    assert parsed["known"].numpy().tolist() == [True, False, False]
    assert parsed["clip_id"].numpy().tolist() == [b"a", b"b", b""]
    assert parsed["variant"].numpy().tolist() == [0, 3, -1]


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e6])
def test_values_that_float16_cannot_hold_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        example.encode_example("clip", 0, np.full((2, 2), value), [0])

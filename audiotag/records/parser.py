"""Records parsed in batches, inside tf.data or outside: what `example` wrote."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from audiotag.clip_format import ClipFormat
from audiotag.records.example import FULL_SCALE

Parse = Callable[[tf.Tensor], dict[str, tf.Tensor]]
"""From serialised records (batch,) to their parts."""


def examples_of(clip_format: ClipFormat, *, waveforms: bool = False) -> Parse:
    """A function that parses a batch of records.

    Args:
        clip_format: of the data set.
        waveforms: parse the kept waveforms too.

    Returns:
        From serialised records (batch,) to `log_mel` (batch, frames, mels, 1) float32, `target` (batch, classes)
        float32, `clip_id` (batch,) string, `variant` (batch,) int64, and with `waveforms` `waveform` (batch, samples)
        float32.
    """
    features: dict[str, Any] = {
        "clip_id": tf.io.FixedLenFeature([], tf.string),
        "variant": tf.io.FixedLenFeature([], tf.int64),
        "log_mel": tf.io.FixedLenFeature([], tf.string),
        "labels": tf.io.VarLenFeature(tf.int64),
    }
    if waveforms:
        features["waveform"] = tf.io.FixedLenFeature([], tf.string)
        features["waveform_peak"] = tf.io.FixedLenFeature([], tf.float32)
    classes, log_mel_shape = len(clip_format.labels), (clip_format.frames, clip_format.front_end.mels, 1)

    def parse(serialized: tf.Tensor) -> dict[str, tf.Tensor]:
        parsed = tf.io.parse_example(serialized, features)
        batch = serialized.shape[0] or -1  # static where it is known, as compilers like it
        log_mel = tf.cast(tf.io.decode_raw(parsed["log_mel"], tf.float16), tf.float32)
        target = tf.cast(tf.sparse.to_indicator(parsed["labels"], classes), tf.float32)
        examples = {
            "log_mel": tf.reshape(log_mel, [batch, *log_mel_shape]),
            "target": tf.reshape(target, [batch, classes]),
            "clip_id": parsed["clip_id"],
            "variant": parsed["variant"],
        }
        if waveforms:
            steps = tf.cast(tf.io.decode_raw(parsed["waveform"], tf.int16), tf.float32)
            scaled = steps / FULL_SCALE * parsed["waveform_peak"][:, None]
            examples["waveform"] = tf.reshape(scaled, [batch, clip_format.samples])
        return examples

    return parse


def parse_events(serialized: tf.Tensor) -> dict[str, tf.Tensor]:
    """Parse the strong labels of a batch of records; log-mel is not decoded.

    Args:
        serialized: (batch,), string.

    Returns:
        `clip_id` (batch,) string and `variant` (batch,) int64; ragged, a row a record: `labels` int64, `event_onset`
        and `event_offset` float32 in seconds, `event_class` int64.
    """
    return tf.io.parse_example(
        serialized,
        {
            "clip_id": tf.io.FixedLenFeature([], tf.string),
            "variant": tf.io.FixedLenFeature([], tf.int64),
            "labels": tf.io.RaggedFeature(tf.int64),
            "event_onset": tf.io.RaggedFeature(tf.float32),
            "event_offset": tf.io.RaggedFeature(tf.float32),
            "event_class": tf.io.RaggedFeature(tf.int64),
        },
    )


def parse_teachers(serialized: tf.Tensor, *, classes: int) -> dict[str, tf.Tensor]:
    """Parse a batch of teacher records; an empty string parses to an empty key.

    Args:
        serialized: (batch,), string.
        classes: number of classes.

    Returns:
        `clip_id` (batch,) string, `variant` (batch,) int64, `logits` (batch, classes) float32, NaN for a class that the
        teacher does not know, `known` (batch,) bool: False where the teacher has no outputs (the logits are 0 there).
    """
    parsed = tf.io.parse_example(
        serialized,
        {
            "clip_id": tf.io.FixedLenFeature([], tf.string, default_value=""),
            "variant": tf.io.FixedLenFeature([], tf.int64, default_value=-1),
            "logits": tf.io.FixedLenFeature([], tf.string, default_value=""),
        },
    )
    known = tf.strings.length(parsed["logits"]) > 0
    filled = tf.where(known, parsed["logits"], tf.constant(bytes(4 * classes)))
    logits = tf.reshape(tf.io.decode_raw(filled, tf.float32), [-1, classes])
    return {"clip_id": parsed["clip_id"], "variant": parsed["variant"], "logits": logits, "known": known}

"""Records parsed in batches, inside tf.data or outside: what `example` wrote."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from audiotag.records.example import FULL_SCALE


def parse_examples(
    serialized: tf.Tensor, *, frames: int, mels: int, classes: int, samples: int | None = None
) -> dict[str, tf.Tensor]:
    """Parse a batch of records.

    Args:
        serialized: (batch,), string.
        frames: frames of every example.
        mels: mel bands of every example.
        classes: number of classes.
        samples: samples of every waveform, where waveforms are kept and wanted. Default: none are parsed.

    Returns:
        `log_mel` (batch, frames, mels, 1) float32, `target` (batch, classes) float32, `clip_id` (batch,) string,
        `variant` (batch,) int64, and with `samples` `waveform` (batch, samples) float32.
    """
    features: dict[str, Any] = {
        "clip_id": tf.io.FixedLenFeature([], tf.string),
        "variant": tf.io.FixedLenFeature([], tf.int64),
        "log_mel": tf.io.FixedLenFeature([], tf.string),
        "labels": tf.io.VarLenFeature(tf.int64),
    }
    if samples is not None:
        features["waveform"] = tf.io.FixedLenFeature([], tf.string)
        features["waveform_peak"] = tf.io.FixedLenFeature([], tf.float32)
    parsed = tf.io.parse_example(serialized, features)
    batch = serialized.shape[0] or -1  # static where it is known, as compilers like it
    log_mel = tf.cast(tf.io.decode_raw(parsed["log_mel"], tf.float16), tf.float32)
    target = tf.cast(tf.sparse.to_indicator(parsed["labels"], classes), tf.float32)
    examples = {
        "log_mel": tf.reshape(log_mel, [batch, frames, mels, 1]),
        "target": tf.reshape(target, [batch, classes]),
        "clip_id": parsed["clip_id"],
        "variant": parsed["variant"],
    }
    if samples is not None:
        steps = tf.cast(tf.io.decode_raw(parsed["waveform"], tf.int16), tf.float32)
        examples["waveform"] = tf.reshape(steps, [batch, samples]) / FULL_SCALE * parsed["waveform_peak"][:, None]
    return examples


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

"""The target of steps of a data set of speech: the characters of the text, whatever step tells each of them."""

from __future__ import annotations

import tensorflow as tf

from audiotag.records.step_grid import StepGrid

BEYOND = -1.0
"""In place of a character: the recording has ended before this step."""

_ROUNDING = 1e-3  # steps: seconds are stored as float32


def draw(parsed: dict[str, tf.Tensor | tf.RaggedTensor], grid: StepGrid) -> tf.Tensor:
    """Put the texts of a batch into rows as long as the network has steps.

    So one row holds both lengths that connectionist temporal classification asks for: that of the text, whose
    characters are above 0, and that of the recording, whose steps are not `BEYOND`.

    Args:
        parsed: `event_offset` (seconds) and `event_class`, ragged, a row a record: the characters in their order, each
            ending with the recording. Where there are none, nothing is said for the whole clip.
        grid: of the network.

    Returns:
        (batch, steps, 1) float32: the characters, class c as c + 1, then 0, then `BEYOND` from the recording's end on.
    """
    classes, offsets = parsed["event_class"], parsed["event_offset"]
    characters = (classes + 1).to_tensor(0, shape=[None, grid.count])
    ends = tf.cast(tf.reduce_max(offsets.to_tensor(0.0), axis=1), tf.float64)
    steps = tf.cast(tf.floor((ends - grid.first) / grid.distance + _ROUNDING), tf.int64) + 1
    steps = tf.where(classes.row_lengths() > 0, steps, grid.count)
    beyond = tf.range(grid.count, dtype=tf.int64) >= steps[:, None]
    target = tf.where(beyond, BEYOND, tf.cast(characters, tf.float32))
    return tf.ensure_shape(target[..., None], [parsed["target"].shape[0], grid.count, 1])

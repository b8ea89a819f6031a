"""The target of steps of a data set of notes: onset, frame, offset and velocity of every pitch, drawn from events."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from audiotag.notes import rolls

if TYPE_CHECKING:
    from audiotag.records.step_grid import StepGrid

_PARTS = ("event_onset", "event_offset", "event_class", "event_velocity")


def draw(parsed: dict[str, tf.Tensor | tf.RaggedTensor], grid: StepGrid) -> tf.Tensor:
    """Draw the notes of a batch onto steps, each clip's as `notes.rolls.draw` does.

    Args:
        parsed: `event_onset`, `event_offset` (seconds), `event_class` and `event_velocity`, ragged, a row a record.
        grid: of the network.

    Returns:
        (batch, steps, 88, 4) float32 in 0 to 1, the last axis as of `notes.rolls`.
    """
    steps = rolls.Grid(grid.count, grid.distance, grid.first)

    def of_batch(splits: np.ndarray, *parts: np.ndarray) -> np.ndarray:
        rows = list(zip(*(part.tolist() for part in parts), strict=True))
        ends = splits.tolist()
        return np.stack([rolls.draw(rows[begin:end], steps) for begin, end in pairwise(ends)])

    ragged = [parsed[name] for name in _PARTS]
    drawn = tf.numpy_function(
        of_batch, [ragged[0].row_splits, *(part.flat_values for part in ragged)], tf.float32, stateful=False
    )
    return tf.ensure_shape(drawn, [parsed["target"].shape[0], grid.count, rolls.PITCHES, rolls.PARTS])

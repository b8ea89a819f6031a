"""Runs of neighbouring places, several for every example, that a mask covers (SpecAugment, arXiv 1904.08779)."""

from __future__ import annotations

from typing import Any

from keras import ops

from audiotag.augment.batches.augmentation import Numbers, integers_below, refuse


def draw_masks(uniform: Any, longest: int, length: Any, what: str) -> Numbers:
    """Where masks begin and how long they are, each from 0 to `longest` places, all of it inside.

    Args:
        uniform: (2, batch, masks), float32, in [0, 1).
        longest: longest mask.
        length: number of places, a tensor where a graph leaves it open.
        what: places, for the message: "bands", "frames".

    Returns:
        "first" and "width", (batch, masks) int32.

    Raises:
        AudiotagError: a mask may be longer than all places.
    """
    if isinstance(length, int) and longest > length:
        refuse(f"a mask is at most as long as the log-mel, {length} {what}, received {longest}: choose a shorter one")
    width = integers_below(uniform[0], longest + 1)
    return {"first": integers_below(uniform[1], length - width + 1), "width": width}


def covered(numbers: Numbers, length: Any) -> Any:
    """Which places masks cover, (batch, length) bool."""
    first = ops.expand_dims(numbers["first"], -1)
    places = ops.arange(length, dtype="int32")
    inside = ops.logical_and(places >= first, places < first + ops.expand_dims(numbers["width"], -1))
    return ops.any(inside, axis=1)


def with_mean(log_mel: Any, mask: Any) -> Any:
    """The log-mel, what the mask covers replaced by the example's mean.

    That is SpecAugment's zero, whose log-mel has mean zero: level and statistics of the example stay about what they
    were, and nothing looks like the beginning of a silence.
    """
    return ops.where(mask, ops.mean(log_mel, axis=(1, 2, 3), keepdims=True), log_mel)

"""Rolling in time."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from audiotag.augment.batches import ranges
from audiotag.augment.batches.augmentation import Augmentation, Numbers, integers_below
from audiotag.augment.batches.rows import take_rows


@keras.saving.register_keras_serializable(package="audiotag")
class Roll(Augmentation):
    """The log-mel later or earlier; what leaves at one end returns at the other. Targets that have frames roll with it.

    Args:
        frames: farthest, in either direction, at least 1; where it is more than the clip, it goes round. EfficientAT
            rolls by up to 4000 samples at 32 kHz, 12 frames.
        seed: seed of the draws.
    """

    moves = frozenset({"time"})

    def __init__(self, frames: int, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self.frames = ranges.whole("frames of roll", frames)

    def draw(self, shape: tuple[Any, ...]) -> Numbers:
        """Drawn: "shift" (batch,) int32: so many frames later."""
        return {"shift": integers_below(self.uniform(shape[0]), 2 * self.frames + 1) - self.frames}

    def change(self, values: Any, numbers: Numbers) -> Any:
        """(batch, frames, …) float32, rolled."""
        frames = ops.shape(values)[1]
        sources = ops.arange(frames, dtype="int32") - ops.expand_dims(numbers["shift"], 1)
        return take_rows(values, ops.mod(sources, frames))

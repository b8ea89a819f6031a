"""Rolling in time."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from audiotag.augment.batches import ranges
from audiotag.augment.batches.augmentation import LOG_MEL, Augmentation, Batch, Numbers, integers_below, refuse
from audiotag.augment.batches.rows import take_rows


@keras.saving.register_keras_serializable(package="audiotag")
class Roll(Augmentation):
    """The log-mel later or earlier; what leaves at one end returns at the other. Targets of steps go along.

    Where a step is several frames, a target that comes to lie between two steps is shared by them as they are near
    (linear interpolation), the last step and the first one, to which the clip returns, among them.

    Args:
        frames: farthest, in either direction, at least 1; where it is more than the clip, it goes round. EfficientAT
            rolls by up to 4000 samples at 32 kHz, 12 frames.
        distance: frames from one step of the targets to the next, at least 1. Default 1: a step a frame.
        seed: seed of the draws.

    Raises:
        AudiotagError: in training, targets of other steps than the log-mel has.
    """

    moves = frozenset({"time"})

    def __init__(self, frames: int, distance: int = 1, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self.frames = ranges.whole("frames of roll", frames)
        self.distance = ranges.whole("distance of the steps that roll", distance)

    def draw(self, shape: tuple[Any, ...]) -> Numbers:
        """Drawn: "shift" (batch,) int32: so many frames later."""
        return {"shift": integers_below(self.uniform(shape[0]), 2 * self.frames + 1) - self.frames}

    def change(self, values: Any, numbers: Numbers) -> Any:
        """(batch, frames, …) float32, rolled."""
        frames = ops.shape(values)[1]
        sources = ops.arange(frames, dtype="int32") - ops.expand_dims(numbers["shift"], 1)
        return take_rows(values, ops.mod(sources, frames))

    def apply(self, batch: Batch, numbers: Numbers) -> Batch:
        """The batch rolled, its targets of steps too."""
        names = [name for name, values in batch.items() if name != LOG_MEL and len(values.shape) > 2]
        self._check(batch, names)
        frames = ops.shape(batch[LOG_MEL])[1]
        rolled = {name: self._targets(batch[name], frames, numbers["shift"]) for name in names}
        return super().apply(batch, numbers) | rolled

    def _targets(self, values: Any, frames: Any, shift: Any) -> Any:
        """(batch, steps, …) float32, rolled by as many frames as the log-mel."""
        steps = ops.shape(values)[1]
        sources = ops.arange(steps, dtype="int32") * self.distance - ops.expand_dims(shift, 1)
        sources = ops.mod(sources, frames)  # frames, counted from the first step
        before = ops.minimum(sources // self.distance, steps - 1)
        gap = ops.where(before < steps - 1, self.distance, frames - (steps - 1) * self.distance)
        share = ops.cast(sources - before * self.distance, "float32") / ops.cast(gap, "float32")
        share = ops.reshape(share, (*ops.shape(share), *[1] * (len(values.shape) - 2)))
        first, second = take_rows(values, before), take_rows(values, ops.mod(before + 1, steps))
        # What nobody judged has no share in what somebody did.
        return ops.where(share > 0, first + share * (second - first), first)

    def _check(self, batch: Batch, names: list[str]) -> None:
        frames = batch[LOG_MEL].shape[1]
        for name in names:
            steps = batch[name].shape[1]
            if None in (steps, frames):
                continue
            if (steps != frames) if self.distance == 1 else (steps - 1) * self.distance >= frames:
                refuse(
                    f"targets of steps roll with the sound, {name!r} has {steps} steps of {self.distance} frames, the "
                    f"log-mel {frames} frames: say the distance of the steps, or leave out what moves time"
                )

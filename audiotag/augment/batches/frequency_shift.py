"""Shifting in frequency."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from audiotag.augment.batches import levels, ranges
from audiotag.augment.batches.augmentation import Augmentation, Numbers, front_end_of, integers_below
from audiotag.augment.batches.rows import take_rows
from audiotag.frontend.config import LogMelConfig


@keras.saving.register_keras_serializable(package="audiotag")
class FrequencyShift(Augmentation):
    """The log-mel higher or lower by whole bands; what comes in at the edge is silence.

    On a mel scale this is no change of pitch by a ratio, but about one where the scale is logarithmic.

    Args:
        bands: farthest, in either direction, at least 1.
        front_end: of the log-mel: a configuration, its `to_dict()`, or the name of a preset.
        seed: seed of the draws.
    """

    moves = frozenset({"pitch"})

    def __init__(
        self,
        bands: int,
        front_end: LogMelConfig | dict[str, Any] | str = "efficientat",
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, **kwargs)
        self.bands = ranges.whole("bands of frequency_shift", bands)
        self.front_end = front_end_of(front_end)

    def draw(self, shape: tuple[Any, ...]) -> Numbers:
        """Drawn: "shift" (batch,) int32: so many bands higher."""
        return {"shift": integers_below(self.uniform(shape[0]), 2 * self.bands + 1) - self.bands}

    def change(self, values: Any, numbers: Numbers) -> Any:
        """(batch, frames, mels, 1) float32, shifted."""
        mels = values.shape[2]
        sources = ops.arange(mels, dtype="int32") - ops.expand_dims(numbers["shift"], 1)
        inside = ops.logical_and(sources >= 0, sources < mels)
        # Bands become rows: these are taken whole.
        bands = take_rows(ops.transpose(values, (0, 2, 1, 3)), ops.clip(sources, 0, mels - 1))
        shifted = ops.transpose(bands, (0, 2, 1, 3))
        return ops.where(inside[:, None, :, None], shifted, levels.silence(self.front_end))

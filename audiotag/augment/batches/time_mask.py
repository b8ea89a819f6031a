"""SpecAugment's masks of neighbouring frames."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from audiotag.augment.batches import ranges
from audiotag.augment.batches.augmentation import Augmentation, Numbers
from audiotag.augment.batches.masks import covered, draw_masks, with_mean


@keras.saving.register_keras_serializable(package="audiotag")
class TimeMask(Augmentation):
    """Runs of neighbouring frames replaced by the example's mean (SpecAugment, arXiv 1904.08779).

    Targets stay, those that have frames too.

    Args:
        frames: longest mask, at least 1; its length is uniform from 0.
        masks: masks of an example, at least 1; they may overlap. Default 1.
        seed: seed of the draws.

    Raises:
        AudiotagError: in training, log-mel of fewer frames.
    """

    def __init__(self, frames: int, masks: int = 1, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self.frames = ranges.whole("frames of time_mask", frames)
        self.masks = ranges.whole("masks of time_mask", masks)

    def draw(self, shape: tuple[Any, ...]) -> Numbers:
        """Drawn: "first" frame of each mask and "width", (batch, masks) int32."""
        return draw_masks(self.uniform(2, shape[0], self.masks), self.frames, shape[1], "frames")

    def change(self, values: Any, numbers: Numbers) -> Any:
        """(batch, frames, mels, 1) float32, masked."""
        return with_mean(values, covered(numbers, ops.shape(values)[1])[:, :, None, None])

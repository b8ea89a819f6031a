"""SpecAugment's masks of neighbouring bands."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from audiotag.augment.batches import ranges
from audiotag.augment.batches.augmentation import Augmentation, Numbers
from audiotag.augment.batches.masks import covered, draw_masks, with_mean


@keras.saving.register_keras_serializable(package="audiotag")
class FrequencyMask(Augmentation):
    """Runs of neighbouring bands replaced by the example's mean (SpecAugment, arXiv 1904.08779).

    Args:
        bands: widest mask, at least 1; its width is uniform from 0.
        masks: masks of an example, at least 1; they may overlap. Default 1.
        seed: seed of the draws.

    Raises:
        AudiotagError: in training, log-mel of fewer bands.
    """

    def __init__(self, bands: int, masks: int = 1, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self.bands = ranges.whole("bands of frequency_mask", bands)
        self.masks = ranges.whole("masks of frequency_mask", masks)

    def draw(self, shape: tuple[Any, ...]) -> Numbers:
        """Drawn: "first" band of each mask and "width", (batch, masks) int32."""
        return draw_masks(self.uniform(2, shape[0], self.masks), self.bands, shape[2], "bands")

    def change(self, values: Any, numbers: Numbers) -> Any:
        """(batch, frames, mels, 1) float32, masked."""
        return with_mean(values, covered(numbers, ops.shape(values)[2])[:, None, :, None])

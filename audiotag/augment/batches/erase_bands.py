"""Random erasing of single bands."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from audiotag.augment.batches import levels, ranges
from audiotag.augment.batches.augmentation import Augmentation, Numbers, front_end_of
from audiotag.frontend.config import LogMelConfig


@keras.saving.register_keras_serializable(package="audiotag")
class EraseBands(Augmentation):
    """Single bands, anywhere, silent for the whole clip: none may be relied on alone.

    `FrequencyMask` hides neighbours, and puts the mean in their place.

    Args:
        probability: of every band, above 0, at most 1.
        front_end: of the log-mel: a configuration, its `to_dict()`, or the name of a preset.
        seed: seed of the draws.
    """

    def __init__(
        self,
        probability: float,
        front_end: LogMelConfig | dict[str, Any] | str = "efficientat",
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, **kwargs)
        self.probability = ranges.positive("probability of erase_bands", probability, 1.0)
        self.front_end = front_end_of(front_end)

    def draw(self, shape: tuple[Any, ...]) -> Numbers:
        """Drawn: "erased" (batch, mels) bool."""
        return {"erased": self.uniform(shape[0], shape[2]) < self.probability}

    def change(self, values: Any, numbers: Numbers) -> Any:
        """(batch, frames, mels, 1) float32, bands silenced."""
        return ops.where(numbers["erased"][:, None, :, None], levels.silence(self.front_end), values)

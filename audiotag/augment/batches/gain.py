"""Louder and quieter."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from audiotag.augment.batches import levels, ranges
from audiotag.augment.batches.augmentation import Augmentation, Numbers, front_end_of
from audiotag.frontend.config import LogMelConfig


@keras.saving.register_keras_serializable(package="audiotag")
class Gain(Augmentation):
    """The log-mel of a louder or quieter recording, exact up to what the front end's floor hides (`levels.amplify`).

    Args:
        decibels: most, louder or quieter, above 0, at most 60; 12 in EfficientAT's fine-tuning.
        front_end: of the log-mel: a configuration, its `to_dict()`, or the name of a preset.
        seed: seed of the draws.
    """

    def __init__(
        self,
        decibels: float,
        front_end: LogMelConfig | dict[str, Any] | str = "efficientat",
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, **kwargs)
        self.decibels = ranges.positive("decibels of gain", decibels, levels.MOST_DECIBELS)
        self.front_end = front_end_of(front_end)

    def draw(self, shape: tuple[Any, ...]) -> Numbers:
        """Drawn: "decibels" (batch,) float32: so much louder."""
        return {"decibels": self.decibels * (2.0 * self.uniform(shape[0]) - 1.0)}

    def change(self, values: Any, numbers: Numbers) -> Any:
        """(batch, frames, mels, 1) float32, louder."""
        return levels.amplify(values, ops.reshape(numbers["decibels"], (-1, 1, 1, 1)), self.front_end)

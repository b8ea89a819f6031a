"""Called by test_backends.py in a process of each backend: what a compiled policy draws, and what it makes of it."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from audiotag.augment.batches import BatchPolicy


class Record(keras.Model):
    """A policy taken apart: of each layer, the numbers that it draws and the batch that it gives."""

    def __init__(self, settings: dict[str, Any]) -> None:
        super().__init__()
        self.policy = BatchPolicy(settings, seed=1)
        self.built = True  # no trace before the compiled one

    def call(self, batch: dict[str, Any]) -> dict[str, Any]:
        """(numbers, batch) by the name of the augmentation."""
        stages = {}
        for name, layer in zip(self.policy.settings, self.policy.augmentations, strict=True):
            numbers = layer.draw(keras.ops.shape(batch["log_mel"]))
            batch = layer.apply(batch, numbers)
            stages[name] = (numbers, batch)
        return stages


def steps(settings: dict[str, Any], batch: dict[str, np.ndarray], xla: bool) -> list[dict[str, Any]]:
    """What two compiled steps give."""
    model = Record(settings)
    model.compile(jit_compile=xla)
    return [model.predict_on_batch(batch) for _ in range(2)]

"""Freq-MixStyle: the frequency response of another recording."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from audiotag.augment.batches import ranges
from audiotag.augment.batches.augmentation import Augmentation, Numbers
from audiotag.augment.batches.pairs import beta_quantiles, draw_pairs

_EPSILON = 1e-6


@keras.saving.register_keras_serializable(package="audiotag")
class FreqMixStyle(Augmentation):
    """Mean and deviation of every band mixed with those of another example, targets as they were.

    MixStyle (arXiv 2104.02008) over frequencies (arXiv 2305.07499), as in EfficientAT's DCASE20 recipe: statistics of a
    band over channel and time, the weight of an example's own from Beta(alpha, alpha), one decision for a whole batch.

    Args:
        probability: of a batch, above 0, at most 1. Default 0.4.
        alpha: positive. Default 0.4.
        seed: seed of the draws.
    """

    def __init__(self, probability: float = 0.4, alpha: float = 0.4, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self.probability = ranges.positive("probability of freq_mix_style", probability, 1.0)
        self.alpha = ranges.positive("alpha of freq_mix_style", alpha)
        self._quantiles = beta_quantiles(self.alpha)

    def draw(self, shape: tuple[Any, ...]) -> Numbers:
        """Drawn: "mixed" () bool; "partner" (batch,) integer; "weight" (batch,) float32, of the example's own."""
        partner, weight = draw_pairs(self.uniform(2, shape[0]), self._quantiles)
        return {"mixed": self.uniform(1)[0] < self.probability, "partner": partner, "weight": weight}

    def change(self, values: Any, numbers: Numbers) -> Any:
        """(batch, frames, mels, 1) float32, in mixed style."""
        _, frames, _, channels = ops.shape(values)
        mean = ops.mean(values, axis=(1, 3), keepdims=True)
        squares = ops.sum(ops.square(values - mean), axis=(1, 3), keepdims=True)
        count = ops.cast(frames * channels, "float32")
        deviation = ops.sqrt(squares / ops.maximum(count - 1.0, 1.0) + _EPSILON)
        weight = ops.reshape(numbers["weight"], (-1, 1, 1, 1))

        def mix(statistics: Any) -> Any:
            return weight * statistics + (1.0 - weight) * ops.take(statistics, numbers["partner"], axis=0)

        scale = mix(deviation) / deviation
        offset = mix(mean) - scale * mean
        return values * ops.where(numbers["mixed"], scale, 1.0) + ops.where(numbers["mixed"], offset, 0.0)

"""Mixup of log-mel, labels and a teacher's targets."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from audiotag.augment.batches import ranges
from audiotag.augment.batches.augmentation import LOG_MEL, Augmentation, Batch, Numbers
from audiotag.augment.batches.pairs import beta_quantiles, draw_pairs


@keras.saving.register_keras_serializable(package="audiotag")
class Mixup(Augmentation):
    """Every example mixed with another of its batch, with all its targets (Zhang et al., arXiv 1710.09412).

    The share of the other is min(w, 1 - w) with w from Beta(alpha, alpha), as in EfficientAT: an example stays the
    larger part. A target that nobody judged (NaN) stays so, or leaves the larger part alone.

    Args:
        alpha: positive; 0.3 in EfficientAT.
        seed: seed of the draws.
    """

    def __init__(self, alpha: float = 0.3, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self.alpha = ranges.positive("alpha of mixup", alpha)
        self._quantiles = beta_quantiles(self.alpha)

    def draw(self, shape: tuple[Any, ...]) -> Numbers:
        """Drawn: "partner" (batch,) integer, index of the other example; "share" (batch,) float32, of the other."""
        partner, weight = draw_pairs(self.uniform(2, shape[0]), self._quantiles)
        return {"partner": partner, "share": ops.minimum(weight, 1.0 - weight)}

    def change(self, values: Any, numbers: Numbers) -> Any:
        """(batch, …) float32, mixed."""
        share = ops.reshape(numbers["share"], (-1,) + (1,) * (len(values.shape) - 1))
        return values + share * (ops.take(values, numbers["partner"], axis=0) - values)

    def apply(self, batch: Batch, numbers: Numbers) -> Batch:
        """The batch mixed, its targets too."""
        mixed = {name: self.change(values, numbers) for name, values in batch.items()}
        targets = [name for name in batch if name != LOG_MEL]
        return mixed | {name: ops.where(ops.isnan(mixed[name]), batch[name], mixed[name]) for name in targets}

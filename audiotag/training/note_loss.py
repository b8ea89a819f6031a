"""The loss of notes: what is asked of every pitch at every step."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from audiotag.notes.rolls import FRAME, OFFSET, ONSET, VELOCITY

ONSET_WEIGHT = 5.0
"""How much more an onset counts than a step without one, of which there are some hundreds for each."""


@keras.saving.register_keras_serializable(package="audiotag")
class NoteLoss(keras.losses.Loss):
    """Binary cross-entropy of onset, frame and offset, and the squared error of the velocity where a note begins.

    They are added up over the pitches of a step, and averaged over the steps of a clip (arXiv 1710.11153). Steps with
    an onset count `onset_weight` times.

    Args:
        onset_weight: positive. Default 5.
        kwargs: `name`, `reduction` and `dtype`, as every loss has them.
    """

    def __init__(self, onset_weight: float = ONSET_WEIGHT, **kwargs: Any) -> None:
        super().__init__(**{"name": "notes"} | kwargs)
        self.onset_weight = onset_weight

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """(batch, steps, pitches, 4) targets, 0 to 1, and logits to losses, (batch,)."""
        onset = y_true[..., ONSET]
        losses = _cross_entropy(onset, y_pred[..., ONSET]) * (1 + (self.onset_weight - 1) * onset)
        for part in (FRAME, OFFSET):
            losses = losses + _cross_entropy(y_true[..., part], y_pred[..., part])
        error = ops.sigmoid(y_pred[..., VELOCITY]) - y_true[..., VELOCITY]
        return ops.mean(ops.sum(losses + onset * ops.square(error), axis=-1), axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Everything that `from_config` needs to make the loss again."""
        return {**super().get_config(), "onset_weight": self.onset_weight}


def _cross_entropy(target: Any, logits: Any) -> Any:
    """Of each element, from logits."""
    return ops.softplus(logits) - target * logits

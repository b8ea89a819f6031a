"""Losses: one by task, and the label and distillation terms reported apart."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from audiotag.task import Task


def loss_for(data: Any) -> keras.losses.Loss:
    """The loss that a data set's task asks for, from logits and with soft targets.

    Args:
        data: an open data set (`records.open`) or tokens, or its task: "multilabel" or "multiclass".

    Returns:
        See `Task.loss`; of a data set with classes that nobody judged `KnownCrossentropy`.
    """
    if isinstance(data, str):
        return Task(data).loss()
    return KnownCrossentropy(data.task) if data.masked else data.task.loss()


@keras.saving.register_keras_serializable(package="audiotag")
class KnownCrossentropy(keras.losses.Loss):
    """Cross-entropy from logits of what is known: a target that is NaN counts as 0.

    Binary, averaged over all classes, as PaSST and EfficientAT are trained on OpenMIC's partial labels; categorical,
    where a clip is known or not.

    Args:
        task: "multilabel" or "multiclass".
        kwargs: `name`, `reduction` and `dtype`, as every loss has them.
    """

    def __init__(self, task: str, **kwargs: Any) -> None:
        super().__init__(**{"name": "cross_entropy"} | kwargs)
        self.task = Task(task)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """(batch, classes) targets and logits to losses, (batch,)."""
        unknown = ops.isnan(y_true)
        target = ops.where(unknown, ops.zeros_like(y_true), y_true)
        if self.task.exclusive:
            losses = ops.categorical_crossentropy(target, y_pred, from_logits=True)
            return ops.where(ops.any(unknown, axis=-1), ops.zeros_like(losses), losses)
        losses = ops.binary_crossentropy(target, y_pred, from_logits=True)
        return ops.mean(ops.where(unknown, ops.zeros_like(losses), losses), axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Everything that `from_config` needs to make the loss again."""
        return {**super().get_config(), "task": str(self.task)}

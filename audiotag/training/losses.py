"""Losses: one by task, and the label and distillation terms reported apart."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from audiotag.task import Task
from audiotag.training.fused import twin_of


def loss_for(data: Any) -> keras.losses.Loss:
    """The loss that a data set's task asks for, from logits and with soft targets.

    Args:
        data: an open data set (`records.open`), or its task: "multilabel" or "multiclass".

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


def trainee(
    network: keras.Model, loss: keras.losses.Loss, optimizer: keras.optimizers.Optimizer, label_weight: float | None
) -> keras.Model:
    """A compiled model around `network`, sharing its variables; the network itself stays uncompiled.

    Args:
        network: log-mel (batch, frames, mels, 1) to logits (batch, classes).
        loss: see `loss_for`.
        optimizer: a fresh optimizer.
        label_weight: None: one loss. Otherwise the logits leave the model twice, as "label" and "distillation",
            and the loss is `label_weight * label + (1 - label_weight) * distillation`: the same as one loss
            against the blended target, but Keras reports `label_loss` and `distillation_loss` beside it (and where
            nobody judged, the teacher's part does not count more for it).
    """
    twin = twin_of(network)
    outputs, weights = twin.output, None
    if label_weight is not None:
        weights = {"label": label_weight, "distillation": 1 - label_weight}
        outputs, loss = dict.fromkeys(weights, outputs), dict.fromkeys(weights, loss)
    model = keras.Model(twin.input, outputs)
    model.compile(optimizer, loss, loss_weights=weights)
    return model

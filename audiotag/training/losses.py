"""Losses: one by task, and the label and distillation terms reported apart."""

from __future__ import annotations

from typing import Any

import keras

from audiotag.task import Task
from audiotag.training.fused import with_fused_normalization


def loss_for(data: Any) -> keras.losses.Loss:
    """The loss that a data set's task asks for, from logits and with soft targets.

    Args:
        data: an open data set (`records.open`), or its task: "multilabel" or "multiclass".

    Returns:
        See `Task.loss`.
    """
    return Task(data if isinstance(data, str) else data.task).loss()


def trainee(
    network: keras.Model, task: str, optimizer: keras.optimizers.Optimizer, label_weight: float | None
) -> keras.Model:
    """A compiled model around `network`, sharing its variables; the network itself stays uncompiled.

    Args:
        network: log-mel (batch, frames, mels, 1) to logits (batch, classes).
        task: "multilabel" or "multiclass".
        optimizer: a fresh optimizer.
        label_weight: None: one loss. Otherwise the logits leave the model twice, as "label" and "distillation",
            and the loss is `label_weight * label + (1 - label_weight) * distillation`: the same as one loss
            against the blended target, but Keras reports `label_loss` and `distillation_loss` beside it.
    """
    twin = with_fused_normalization(network)
    outputs, loss, weights = twin.output, loss_for(task), None
    if label_weight is not None:
        weights = {"label": label_weight, "distillation": 1 - label_weight}
        outputs, loss = dict.fromkeys(weights, outputs), dict.fromkeys(weights, loss)
    model = keras.Model(twin.input, outputs)
    model.compile(optimizer, loss, loss_weights=weights)
    return model

"""Heads: from the last feature map (batch, frames, mels, channels) to logits (batch, classes)."""

from __future__ import annotations

import keras
from keras import layers, ops

from audiotag.errors import AudiotagError, suggest
from audiotag.models.blocks import convolution, dense

HEADS = ("mlp", "fully_convolutional", "multihead_attention_pooling")


def check_head(head: str) -> None:
    """Refuse an unknown head; the nearest is suggested."""
    if head not in HEADS:
        raise AudiotagError(f"no head is named {head!r}: {suggest(str(head), HEADS)}")


def mlp(x: keras.KerasTensor, classes: int, units: int, dropout: float) -> keras.KerasTensor:
    """Mean over time and frequency, a hidden layer, dropout, logits."""
    x = layers.GlobalAveragePooling2D(name="features")(x)
    x = dense(x, units, "hidden")
    x = layers.Activation("hard_silu", name="hidden_activation")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    return dense(x, classes, "logits", dtype="float32")


def fully_convolutional(x: keras.KerasTensor, classes: int) -> keras.KerasTensor:
    """Logits at every place by a 1x1 convolution, then their mean."""
    x = convolution(x, classes, 1, 1, "logits")
    x = layers.BatchNormalization(epsilon=1e-5, momentum=0.9, name="logits_normalization")(x)
    return layers.GlobalAveragePooling2D(dtype="float32", name="logits")(x)


def attention_pooling(x: keras.KerasTensor, classes: int, heads: int) -> keras.KerasTensor:
    """Several weighted means over time, the weights learned from the input (arXiv 2102.01243)."""
    x = layers.AveragePooling2D((1, x.shape[2]), name="frequency_mean")(x)
    x = layers.Reshape((-1, x.shape[-1]), name="steps")(x)
    x = dense(x, 2 * heads * classes, "attention_projection")
    x = layers.Reshape((-1, 2, heads * classes), name="attention_and_value")(x)
    attention = ops.clip(ops.sigmoid(x[:, :, 0]), 1e-7, 1 - 1e-7)
    pooled = ops.sum(attention * x[:, :, 1], axis=1) / ops.sum(attention, axis=1)
    x = layers.Reshape((heads, classes), name="heads")(pooled)
    x = layers.Permute((2, 1), name="heads_last")(x)
    initializer = keras.initializers.Constant(1 / heads)
    x = layers.Dense(1, use_bias=False, kernel_initializer=initializer, name="head_weights")(x)
    return layers.Reshape((classes,), dtype="float32", name="logits")(x)

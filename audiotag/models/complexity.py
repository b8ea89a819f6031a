"""The size of a network: parameters, and multiply-adds for an input length."""

from __future__ import annotations

import math

import keras

from audiotag.models.layers import SelfAttention

_COUNTED = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.Dense, SelfAttention)


def parameters(model: keras.Model) -> int:
    """Number of trained values: kernels, biases, BatchNorm scales and shifts, embeddings; not running statistics."""
    running = ("moving_mean", "moving_variance")
    return sum(math.prod(weight.shape) for weight in model.weights if weight.name not in running)


def macs(model: keras.Model, frames: int, mels: int) -> int:
    """Multiply-adds of one forward pass over one clip.

    Counted are the products of convolutions, dense layers and attention, and one addition for each bias, as the
    published counts do. Nothing is computed: the shapes suffice.

    Args:
        model: a functional model (batch, frames, mels, 1) -> …
        frames: length of the clip, frames.
        mels: mel bands.
    """
    counted = [layer for layer in model.layers if isinstance(layer, _COUNTED)]
    outputs = keras.Model(model.input, [layer.output for layer in counted])
    shapes = outputs.compute_output_spec(keras.KerasTensor((1, frames, mels, 1)))
    return sum(_macs(layer, shape.shape) for layer, shape in zip(counted, shapes, strict=True))


def _macs(layer: keras.layers.Layer, shape: tuple[int, ...]) -> int:
    if isinstance(layer, SelfAttention):
        _, tokens, width = shape
        return 2 * tokens * tokens * width
    kernel, *bias = layer.weights
    places = math.prod(shape[1:-1])
    return places * sum(math.prod(weight.shape) for weight in (kernel, *bias))

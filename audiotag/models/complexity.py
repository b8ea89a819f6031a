"""The size of a network: parameters, and multiply-adds for an input length."""

from __future__ import annotations

import math

import keras

from audiotag.models.dynamic import DynamicConvolution, DynamicReLU
from audiotag.models.layers import SelfAttention

_DYNAMIC = (DynamicConvolution, DynamicReLU)
_CONTEXT = (
    *(keras.layers.Bidirectional, keras.layers.MultiHeadAttention),
    *(keras.layers.Conv1D, keras.layers.DepthwiseConv1D),
)
_COUNTED = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.Dense, SelfAttention, *_DYNAMIC, *_CONTEXT)


def parameters(model: keras.Model) -> int:
    """Number of trained values: kernels, biases, BatchNorm scales and shifts, embeddings.

    Not counted is what follows another rule: running statistics, the temperature of dynamic convolutions, the
    frequencies of rotary positions.
    """
    untrained = ("moving_mean", "moving_variance", "temperature", "frequencies")
    return sum(math.prod(weight.shape) for weight in model.weights if weight.name not in untrained)


def macs(model: keras.Model, frames: int, mels: int) -> int:
    """Multiply-adds of one forward pass over one clip.

    Counted are the products of convolutions, dense layers and attention, the mixing of dynamic kernels, and one
    addition for each bias, as the published counts do. Nothing is computed: the shapes suffice.

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
    if isinstance(layer, DynamicConvolution):
        # Once a clip: attention and mixture. At every place: one mixed kernel.
        once = layer.attention_kernel, layer.attention_bias, layer.kernel
        return sum(math.prod(weight.shape) for weight in once) + math.prod((*shape[1:-1], *layer.kernel.shape[1:]))
    if isinstance(layer, DynamicReLU):
        return sum(math.prod(weight.shape) for weight in layer.weights)
    places = math.prod(shape[:-1])  # the batch is one clip, in YAMNet its patches
    # Every weight of these is used once at every place, a GRU's and the projections of attention too.
    products = places * sum(math.prod(weight.shape) for weight in layer.weights)
    if isinstance(layer, keras.layers.MultiHeadAttention):
        products += 2 * places**2 * layer.num_heads * layer.key_dim
    return products

"""Published names of YAMNet's weights: those of its Keras 2 file, in which kernels lie as in Keras 3."""

from __future__ import annotations

from collections.abc import Iterator

import keras

from audiotag.models.published.entries import Entry, Layout
from audiotag.models.yamnet import BLOCKS

SAME = Layout(lambda s: s, lambda w: w)


def entries(model: keras.Model) -> Iterator[Entry]:
    """Every weight of the published YAMNet, and the variable of ours that it is."""
    yield from _convolution(model, "layer1/conv", "block1")
    for number in range(2, len(BLOCKS) + 2):
        for part in ("depthwise", "pointwise"):
            yield from _convolution(model, f"layer{number}/{part}_conv", f"block{number}_{part}")
    logits = model.get_layer("frame_logits")
    yield Entry("logits/kernel:0", logits.kernel, SAME, head=True)
    yield Entry("logits/bias:0", logits.bias, SAME, head=True)


def _convolution(model: keras.Model, published: str, ours: str) -> Iterator[Entry]:
    layer, normalization = model.get_layer(f"{ours}_convolution"), model.get_layer(f"{ours}_normalization")
    kernel = "depthwise_kernel" if isinstance(layer, keras.layers.DepthwiseConv2D) else "kernel"
    yield Entry(f"{published}/{kernel}:0", layer.kernel, SAME)
    # Its normalisations have no scale.
    yield Entry(f"{published}/bn/beta:0", normalization.beta, SAME)
    yield Entry(f"{published}/bn/moving_mean:0", normalization.moving_mean, SAME)
    yield Entry(f"{published}/bn/moving_variance:0", normalization.moving_variance, SAME)

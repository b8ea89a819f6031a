"""How published tensors lie in memory and where they go: what the files of this folder are written in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import keras
import numpy as np

Shape = tuple[int, ...]


class Layout(NamedTuple):
    """How a tensor lies in PyTorch (batch, channels, mels, frames) and in Keras (batch, frames, mels, channels)."""

    published_shape: Callable[[Shape], Shape]
    to_keras: Callable[[np.ndarray], np.ndarray]


CONVOLUTION = Layout(lambda s: (s[3], s[2], s[1], s[0]), lambda w: w.transpose(3, 2, 1, 0))
DEPTHWISE = Layout(lambda s: (s[2], 1, s[1], s[0]), lambda w: w.transpose(3, 2, 0, 1))
DENSE = Layout(lambda s: (s[1], s[0]), lambda w: w.T)
VECTOR = Layout(lambda s: s, lambda w: w)
TIME = Layout(lambda s: (1, s[1], 1, s[0]), lambda w: w[0, :, 0].T)
FREQUENCY = Layout(lambda s: (1, s[1], s[0], 1), lambda w: w[0, :, :, 0].T)
TOKENS = Layout(lambda s: (1, *s), lambda w: w[0])


class Entry(NamedTuple):
    """Where a published tensor goes; `head`: it depends on the number of classes."""

    name: str
    variable: keras.Variable
    layout: Layout
    head: bool = False


def convolution(model: keras.Model, published: str, ours: str, *, head: bool = False) -> Iterator[Entry]:
    """A convolution `{published}.0` and its batch normalisation `{published}.1`."""
    layer = model.get_layer(f"{ours}_convolution")
    layout = DEPTHWISE if isinstance(layer, keras.layers.DepthwiseConv2D) else CONVOLUTION
    yield Entry(f"{published}.0.weight", layer.kernel, layout, head)
    yield from normalization(model, f"{published}.1", f"{ours}_normalization", head=head)


def normalization(model: keras.Model, published: str, ours: str, *, head: bool = False) -> Iterator[Entry]:
    """A batch normalisation."""
    yield from scale(model, published, ours, head=head)
    layer = model.get_layer(ours)
    yield Entry(f"{published}.running_mean", layer.moving_mean, VECTOR, head)
    yield Entry(f"{published}.running_var", layer.moving_variance, VECTOR, head)


def scale(model: keras.Model, published: str, ours: str, *, head: bool = False) -> Iterator[Entry]:
    """Scale and shift of a normalisation."""
    layer = model.get_layer(ours)
    yield Entry(f"{published}.weight", layer.gamma, VECTOR, head)
    yield Entry(f"{published}.bias", layer.beta, VECTOR, head)


def dense(model: keras.Model, published: str, ours: str, *, head: bool = False) -> Iterator[Entry]:
    """A dense layer."""
    layer = model.get_layer(ours)
    yield Entry(f"{published}.weight", layer.kernel, DENSE, head)
    yield Entry(f"{published}.bias", layer.bias, VECTOR, head)

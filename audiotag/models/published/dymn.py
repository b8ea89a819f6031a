"""Published names of a DyMN's tensors (EfficientAT)."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np

from audiotag.models.dynamic import LINES, DynamicConvolution, DynamicDepthwise
from audiotag.models.mn import BLOCKS
from audiotag.models.published.entries import DENSE, VECTOR, Entry, Layout, convolution, normalization
from audiotag.models.published.mn import HEAD as HEAD
from audiotag.models.published.mn import head_entries

DROPPED = frozenset(
    f"layers.{index}.depth_act.{constant}" for index in range(len(BLOCKS)) for constant in ("lambdas", "init_v")
)
"""Constants of the dynamic ReLU, the same in every checkpoint."""

POINTWISE = Layout(lambda s: (s[1], s[0], 1, 1), lambda w: w[:, :, 0, 0].T)


def _lines(w: np.ndarray) -> np.ndarray:
    """(channels x coefficients, …) -> (…, coefficients x channels)."""
    by_channel = w.reshape(-1, 2 * LINES, *w.shape[1:])
    return np.moveaxis(by_channel.swapaxes(0, 1).reshape(w.shape), 0, -1)


LINES_KERNEL = Layout(lambda s: (s[1], s[0]), _lines)
LINES_BIAS = Layout(lambda s: s, _lines)


def entries(model: keras.Model) -> Iterator[Entry]:
    """Every tensor of a published DyMN that is ever read, and the variable of ours that it is."""
    names = {layer.name for layer in model.layers}
    yield from convolution(model, "in_c", "stem")
    for index in range(len(BLOCKS)):
        ours = f"block{index + 1}"
        inside = _dynamic if f"{ours}_context" in names else _plain
        present = [part for part in ("expand", "depthwise", "project") if f"{ours}_{part}_convolution" in names]
        yield from inside(model, f"layers.{index}", ours, present)
    yield from convolution(model, "out_c", "last")
    yield from head_entries(model)


def _plain(model: keras.Model, published: str, ours: str, present: list[str]) -> Iterator[Entry]:
    for position, part in enumerate(present):
        yield from convolution(model, f"{published}.block.{position}", f"{ours}_{part}")


def _dynamic(model: keras.Model, published: str, ours: str, present: list[str]) -> Iterator[Entry]:
    context = f"{published}.context_gen"
    yield Entry(f"{context}.joint_conv.weight", model.get_layer(f"{ours}_context").kernel, POINTWISE)
    yield from normalization(model, f"{context}.joint_norm", f"{ours}_context_normalization")
    for part, axis in (("conv_f", "mels"), ("conv_t", "frames")):
        layer = model.get_layer(f"{ours}_context_{axis}")
        yield Entry(f"{context}.{part}.weight", layer.kernel, POINTWISE)
        yield Entry(f"{context}.{part}.bias", layer.bias, VECTOR)
    for part in present:
        name = f"{published}.{({'expand': 'exp', 'depthwise': 'depth', 'project': 'proj'})[part]}"
        yield from _mixture(model.get_layer(f"{ours}_{part}_convolution"), f"{name}_conv")
        yield from normalization(model, f"{name}_norm", f"{ours}_{part}_normalization")
    activation = model.get_layer(f"{ours}_depthwise_activation")
    yield Entry(f"{published}.depth_act.coef_net.0.weight", activation.kernel, LINES_KERNEL)
    yield Entry(f"{published}.depth_act.coef_net.0.bias", activation.bias, LINES_BIAS)


def _mixture(layer: DynamicConvolution, published: str) -> Iterator[Entry]:
    turned = _depthwise if isinstance(layer, DynamicDepthwise) else _pointwise
    yield Entry(f"{published}.weight", layer.kernel, turned(layer))
    yield Entry(f"{published}.residuals.0.weight", layer.attention_kernel, DENSE)
    yield Entry(f"{published}.residuals.0.bias", layer.attention_bias, VECTOR)


def _pointwise(layer: DynamicConvolution) -> Layout:
    """(1, 1, kernels, out x in) -> (kernels, in, out)."""
    kernels, entering, leaving = layer.kernel.shape
    return Layout(
        lambda s: (1, 1, kernels, leaving * entering),
        lambda w: w.reshape(kernels, leaving, entering).swapaxes(1, 2),
    )


def _depthwise(layer: DynamicConvolution) -> Layout:
    """(1, 1, kernels, channels x mels x frames) -> (kernels, frames, mels, channels)."""
    kernels, frames, mels, channels = layer.kernel.shape
    return Layout(
        lambda s: (1, 1, kernels, channels * mels * frames),
        lambda w: w.reshape(kernels, channels, mels, frames).transpose(0, 3, 2, 1),
    )

"""PyTorch: its own batch normalisation, and convolutions of channels-last maps without a copy."""

from __future__ import annotations

from typing import Any

import keras
import torch

from audiotag.training.fused.twin import Twin, followers, normalizes_channels


def twins(network: keras.Model) -> dict[keras.layers.Layer, keras.layers.Layer]:
    """The twin of each layer that has one; padding that is part of a convolution's twin does nothing itself."""
    follower = followers(network)
    result: dict[keras.layers.Layer, keras.layers.Layer] = {}
    for layer in network.layers:
        after = follower.get(layer)
        if normalizes_channels(layer):
            result[layer] = Normalization(layer)
        elif layer not in result and (own := _padding(layer)) is not None:
            result[layer] = Convolution(layer, own)
        elif type(layer) is keras.layers.ZeroPadding2D and _padding(after) == (0, 0):
            (top, bottom), (left, right) = layer.padding
            if (top, left) == (bottom, right):
                result[layer] = keras.layers.Identity(name=f"{layer.name}_fused", dtype=layer.dtype_policy)
                result[after] = Convolution(after, (top, left))
    return result


class Normalization(Twin):
    """Batch normalisation of maps by one kernel."""

    def call(self, inputs: Any, training: bool = False, mask: Any = None) -> Any:
        """Normalise by the batch's statistics and move the running ones, or by the running ones in inference."""
        plain = self.plain
        count = inputs.numel() // inputs.shape[-1]
        # PyTorch refuses to normalise a single value.
        if not (training and plain.trainable) or count == 1:
            return plain(inputs, training=training)
        # PyTorch moves the running variance by one divided by n - 1, Keras by one divided by n.
        correction = (count - 1) / count
        variance = plain.moving_variance.value / correction
        outputs = torch.nn.functional.batch_norm(
            inputs.permute(0, 3, 1, 2),
            plain.moving_mean.value,
            variance,
            plain.gamma.value,
            plain.beta.value,
            True,
            1.0 - plain.momentum,
            plain.epsilon,
        )
        plain.moving_variance.assign(variance * correction)
        return outputs.permute(0, 2, 3, 1)


class Convolution(Twin):
    """A convolution that takes (batch, frames, mels, channels) for what it is: PyTorch's channels-last format.

    Keras makes a copy of the map with the channels first, and of that one with the channels last again.

    Args:
        plain: the convolution.
        padding: zeros on either side of frames and of mels.
    """

    def __init__(self, plain: keras.layers.Layer, padding: tuple[int, int]) -> None:
        super().__init__(plain)
        self.padding = padding

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The shape that the layer gives of the padded map."""
        batch, *sides, channels = input_shape
        if self.plain.padding == "valid":
            sides = [side and side + 2 * more for side, more in zip(sides, self.padding, strict=True)]
        return self.plain.compute_output_shape((batch, *sides, channels))

    def call(self, inputs: Any) -> Any:
        """Map to map."""
        plain = self.plain
        kernel = plain.kernel.value
        if type(plain) is keras.layers.DepthwiseConv2D:
            kernel = kernel.flatten(2)[:, :, None]
        outputs = torch.nn.functional.conv2d(
            inputs.permute(0, 3, 1, 2),
            kernel.permute(3, 2, 0, 1),
            None if plain.bias is None else plain.bias.value,
            plain.strides,
            self.padding,
            plain.dilation_rate,
            inputs.shape[-1] // kernel.shape[2],
        )
        return plain.activation(outputs.permute(0, 2, 3, 1))


def _padding(layer: keras.layers.Layer | None) -> tuple[int, int] | None:
    """What a convolution pads on either side; None for any other layer, or if the sides differ: PyTorch's cannot."""
    if type(layer) not in (keras.layers.Conv2D, keras.layers.DepthwiseConv2D) or layer.data_format != "channels_last":
        return None
    if layer.padding == "valid":
        return 0, 0
    if set(layer.strides) != {1} or not all(size % 2 for size in layer.kernel_size):
        return None
    return tuple(rate * (size // 2) for size, rate in zip(layer.kernel_size, layer.dilation_rate, strict=True))

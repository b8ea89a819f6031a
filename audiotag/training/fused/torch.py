"""PyTorch: its own batch normalisation, and convolutions of channels-last maps without a copy."""

from __future__ import annotations

from typing import Any

import keras
import torch

from audiotag.training.fused.twin import Twin, normalizes_channels

CONVOLUTIONS = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)


def twins(network: keras.Model) -> dict[keras.layers.Layer, Twin]:
    """The twin of each layer that has one."""
    result: dict[keras.layers.Layer, Twin] = {}
    for layer in network.layers:
        if normalizes_channels(layer):
            result[layer] = Normalization(layer)
        elif type(layer) in CONVOLUTIONS and _pads_alike(layer):
            result[layer] = Convolution(layer)
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
        moving_mean, moving_variance = plain.moving_mean.value, plain.moving_variance.value
        # PyTorch moves the running variance by one divided by n - 1, Keras by one divided by n.
        correction = (count - 1) / count
        variance = moving_variance / correction
        outputs = torch.nn.functional.batch_norm(
            inputs.permute(0, 3, 1, 2),
            moving_mean,
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
    """

    def call(self, inputs: Any) -> Any:
        """Map to map."""
        plain = self.plain
        kernel, groups = plain.kernel.value, plain.groups
        if type(plain) is keras.layers.DepthwiseConv2D:
            kernel, groups = kernel.flatten(2)[:, :, None], inputs.shape[-1]
        padding = [
            rate * (size // 2) if plain.padding == "same" else 0
            for size, rate in zip(plain.kernel_size, plain.dilation_rate, strict=True)
        ]
        outputs = torch.nn.functional.conv2d(
            inputs.permute(0, 3, 1, 2),
            kernel.permute(3, 2, 0, 1),
            None if plain.bias is None else plain.bias.value,
            plain.strides,
            padding,
            plain.dilation_rate,
            groups,
        )
        return plain.activation(outputs.permute(0, 2, 3, 1))


def _pads_alike(layer: keras.layers.Layer) -> bool:
    """Whether a convolution pads both sides of its maps alike, if at all: PyTorch's can do no other."""
    if layer.data_format != "channels_last":
        return False
    return layer.padding == "valid" or (set(layer.strides) == {1} and all(size % 2 for size in layer.kernel_size))

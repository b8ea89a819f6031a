"""The dynamic layers of DyMN (arXiv 2310.15648): each example's context chooses its kernels and its activation."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from audiotag.models.layers import SettingsLayer, Shape

LINES = 2  # of the dynamic ReLU


class DynamicConvolution(SettingsLayer):
    """A convolution without bias whose kernel every example mixes for itself, from its context.

    The weights of the mixture are `softmax(dense(context) / temperature)`. A high temperature makes them even, so that
    all kernels learn from the start. It is a variable that is saved and not trained: assign to `temperature` to change
    it, also between the steps of a compiled model, or see `audiotag.training.Temperature`.

    Args:
        kernels: how many kernels are mixed.
        temperature: start value, positive. Published AudioSet weights use 1, ImageNet weights 30.
    """

    def __init__(self, kernels: int = 4, temperature: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kernels, self.start_temperature = kernels, temperature
        self.temperature: keras.Variable | None = None  # once it is built

    def build_mixture(self, context: int, kernel: Shape, fan_out: int) -> None:
        """Make the weights for `context` channels of context and one kernel's shape."""
        # kaiming_normal_(mode="fan_out") of each kernel
        initializer = keras.initializers.RandomNormal(stddev=math.sqrt(2 / fan_out))
        self.kernel = self.add_weight(shape=(self.kernels, *kernel), initializer=initializer, name="kernel")
        narrow = keras.initializers.RandomNormal(stddev=0.01)
        self.attention_kernel = self.add_weight(
            shape=(context, self.kernels), initializer=narrow, name="attention_kernel"
        )
        self.attention_bias = self.add_weight(shape=(self.kernels,), initializer="zeros", name="attention_bias")
        self.temperature = self.add_weight(
            shape=(),
            initializer=keras.initializers.Constant(self.start_temperature),
            trainable=False,
            name="temperature",
        )

    def mixture(self, context: Any) -> Any:
        """(batch, context) -> each example's kernel, flat: (batch, values of a kernel)."""
        scores = ops.matmul(context, self.attention_kernel) + self.attention_bias
        attention = ops.softmax(scores / self.temperature, axis=-1)
        return ops.matmul(attention, ops.reshape(self.kernel, (self.kernels, -1)))

    def get_config(self) -> dict[str, Any]:
        """Settings that make the same layer again."""
        return {**super().get_config(), "temperature": self.start_temperature}


@keras.saving.register_keras_serializable(package="audiotag")
class DynamicPointwise(DynamicConvolution):
    """A dynamic 1x1 convolution.

    Args:
        channels: channels of the output.
        kernels: how many kernels are mixed.
        temperature: start value of the temperature, positive.
    """

    def __init__(self, channels: int, kernels: int = 4, temperature: float = 1.0, **kwargs: Any) -> None:
        super().__init__(kernels, temperature, **kwargs)
        self.channels = channels

    def build(self, input_shape: list[Shape]) -> None:
        """Make the weights for the shapes of map and context."""
        spectrogram, context = input_shape
        self.build_mixture(context[-1], (spectrogram[-1], self.channels), self.channels)

    def call(self, inputs: list[Any]) -> Any:
        """[(batch, frames, mels, entering), (batch, context)] -> (batch, frames, mels, channels)."""
        x, context = inputs
        batch, frames, mels, entering = ops.shape(x)
        kernel = ops.reshape(self.mixture(context), (-1, entering, self.channels))
        # One product of matrices an example.
        mixed = ops.matmul(ops.reshape(x, (batch, frames * mels, entering)), kernel)
        return ops.reshape(mixed, (batch, frames, mels, self.channels))

    def compute_output_shape(self, input_shape: list[Shape]) -> Shape:
        """Shape of the output for the shapes of the inputs."""
        return (*input_shape[0][:-1], self.channels)


@keras.saving.register_keras_serializable(package="audiotag")
class DynamicDepthwise(DynamicConvolution):
    """A dynamic depthwise convolution, padded alike on both sides.

    Args:
        size: edge of the kernel, odd.
        stride: 1 or 2, in both directions.
        kernels: how many kernels are mixed.
        temperature: start value of the temperature, positive.
    """

    def __init__(self, size: int, stride: int = 1, kernels: int = 4, temperature: float = 1.0, **kwargs: Any) -> None:
        super().__init__(kernels, temperature, **kwargs)
        self.size, self.stride = size, stride

    def build(self, input_shape: list[Shape]) -> None:
        """Make the weights for the shapes of map and context."""
        spectrogram, context = input_shape
        channels = spectrogram[-1]
        self.build_mixture(context[-1], (self.size, self.size, channels), channels * self.size**2)

    def call(self, inputs: list[Any]) -> Any:
        """[(batch, frames, mels, channels), (batch, context)] -> (batch, frames / stride, mels / stride, channels)."""
        x, context = inputs
        kernel = ops.reshape(self.mixture(context), (-1, *self.kernel.shape[1:]))
        # XLA fuses a sum of products into one loop, and is ten to a hundred times slower at a depthwise convolution.
        convolve = _shifted if keras.backend.backend() == "jax" else _side_by_side
        return convolve(x, kernel, self.stride)

    def compute_output_shape(self, input_shape: list[Shape]) -> Shape:
        """Shape of the output for the shapes of the inputs."""
        batch, *sides, channels = input_shape[0]
        return (batch, *(None if side is None else -(-side // self.stride) for side in sides), channels)


def _side_by_side(x: Any, kernel: Any, stride: int) -> Any:
    """Depthwise convolution of each example with its own kernel: the channels of all examples as those of one."""
    batch, size, _, channels = ops.shape(kernel)
    padding = "same"
    if stride > 1:
        # "same" is uneven at stride 2.
        x, padding = _padded(x, size), "valid"
    _, frames, mels, _ = ops.shape(x)
    x = ops.reshape(ops.transpose(x, (1, 2, 0, 3)), (1, frames, mels, batch * channels))
    kernel = ops.reshape(ops.transpose(kernel, (1, 2, 0, 3)), (size, size, batch * channels, 1))
    x = ops.depthwise_conv(x, kernel, stride, padding, data_format="channels_last")
    _, frames, mels, _ = ops.shape(x)
    return ops.transpose(ops.reshape(x, (frames, mels, batch, channels)), (2, 0, 1, 3))


def _shifted(x: Any, kernel: Any, stride: int) -> Any:
    """The same as a sum over the places of the kernel: each times the input moved by it."""
    _, frames, mels, _ = ops.shape(x)
    size = ops.shape(kernel)[1]
    x = _padded(x, size)
    products = (
        x[:, row : row + frames : stride, column : column + mels : stride] * kernel[:, row, column][:, None, None]
        for row in range(size)
        for column in range(size)
    )
    return sum(products)


def _padded(x: Any, size: int) -> Any:
    edges = (size // 2, size // 2)
    return ops.pad(x, ((0, 0), edges, edges, (0, 0)))


@keras.saving.register_keras_serializable(package="audiotag")
class DynamicReLU(keras.layers.Layer):
    """The greater of two lines, whose slopes and offsets an example chooses for every channel (arXiv 2003.10027, B).

    At its start it is near a plain ReLU: slopes 1 and 0, offsets 0.
    """

    def build(self, input_shape: list[Shape]) -> None:
        """Make the weights for the shapes of map and context."""
        channels, context = (shape[-1] for shape in input_shape)
        narrow = keras.initializers.RandomNormal(stddev=0.01)
        self.kernel = self.add_weight(shape=(context, 2 * LINES * channels), initializer=narrow, name="kernel")
        self.bias = self.add_weight(shape=(2 * LINES * channels,), initializer="zeros", name="bias")

    def call(self, inputs: list[Any]) -> Any:
        """[(batch, frames, mels, channels), (batch, context)] -> the shape of the first."""
        x, context = inputs
        theta = 2 * ops.sigmoid(ops.matmul(context, self.kernel) + self.bias) - 1
        theta = ops.reshape(theta, (-1, 1, 1, 2 * LINES * x.shape[-1]))
        slope1, slope2, offset1, offset2 = ops.split(theta, 2 * LINES, axis=-1)
        return ops.maximum(x * (slope1 + 1) + 0.5 * offset1, x * slope2 + 0.5 * offset2)

    def compute_output_shape(self, input_shape: list[Shape]) -> Shape:
        """Shape of the output for the shapes of the inputs."""
        return input_shape[0]

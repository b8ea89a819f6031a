"""What families of networks share: their contract, and parts padded and initialised as the published PyTorch ones."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

import keras
from keras import layers

from audiotag.errors import AudiotagError, suggest

Stride = int | tuple[int, int]
"""Of frames and mels alike, or of each."""


class Architecture(ABC):
    """A network to be: of each family a frozen dataclass of settings, which are checked when it is made."""

    def network(self, name: str, classes: int, mels: int, frames: int | None) -> keras.Model:
        """The model: (batch, frames, mels, 1) -> logits (batch, classes), float32.

        Args:
            name: name of the model.
            classes: number of classes.
            mels: mel bands of the input.
            frames: of a PaSST the longest input, frames; of a network that takes one length only, that; of any other
                only checked, as it takes any length that it needs: a run on fewer frames fails.

        Raises:
            AudiotagError: an input that the family cannot take.
        """
        spectrogram = keras.Input((self._length(frames), mels, 1), name="log_mel")
        return keras.Model(spectrogram, self._logits(spectrogram, classes, frames), name=name)

    def _length(self, frames: int | None) -> int | None:
        """The only length that the network takes, frames; None: any."""
        return None

    @abstractmethod
    def _logits(self, spectrogram: keras.KerasTensor, classes: int, frames: int | None) -> keras.KerasTensor:
        """Logits (batch, classes) of the input."""

    def _check_counts(self, kind: str, *names: str) -> None:
        for name in names:
            if getattr(self, name) < 1:
                raise AudiotagError(f"{name} of a {kind} must be at least 1, received {getattr(self, name)}")


def check_choice(what: str, value: str, known: Iterable[str]) -> None:
    """Refuse a name that is none of those known; the nearest is suggested."""
    if value not in known:
        raise AudiotagError(f"no {what} is named {value!r}: {suggest(str(value), known)}")


def make_divisible(value: float, divisor: int = 8) -> int:
    """The multiple of `divisor` nearest to `value`, at least `divisor` and never below 0.9 `value`."""
    nearest = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return nearest + divisor if nearest < 0.9 * value else nearest


def require_frames(spectrogram: keras.KerasTensor, least: int) -> keras.KerasTensor:
    """The input unchanged, made sure to have at least `least` frames: a run on fewer fails.

    What convolutions and poolings make of too short an input depends on the processor, and may pass for logits. A
    reshape to a given size fails everywhere, also in a compiled graph that leaves the length open; and as it is Keras'
    own, the saved network opens without audiotag.
    """
    first = layers.Reshape((least, *spectrogram.shape[2:]), name="least_frames")(spectrogram[:, :least])
    return layers.Concatenate(axis=1, name="all_frames")([first, spectrogram[:, least:]])


def convolution(x: keras.KerasTensor, channels: int, kernel: int, stride: int, name: str) -> keras.KerasTensor:
    """Convolution without bias, padded alike on both sides; layers `{name}_padding` and `{name}_convolution`."""
    if kernel > 1:
        x = layers.ZeroPadding2D(kernel // 2, name=f"{name}_padding")(x)
    # kaiming_normal_(mode="fan_out")
    initializer = keras.initializers.VarianceScaling(2, "fan_out", "untruncated_normal")
    return layers.Conv2D(
        channels, kernel, stride, use_bias=False, kernel_initializer=initializer, name=f"{name}_convolution"
    )(x)


def depthwise(
    x: keras.KerasTensor, kernel: int, stride: Stride, dilation: int | tuple[int, int], name: str
) -> keras.KerasTensor:
    """Depthwise convolution without bias, padded alike on both sides; layer `{name}_convolution`."""
    padding = "same"
    frames, mels = stride if isinstance(stride, tuple) else (stride, stride)
    both = min(frames, mels)
    if both > 1:
        # Keras pads "same" unevenly at stride 2; PyTorch pads both sides alike.
        x, padding = layers.ZeroPadding2D(kernel // 2, name=f"{name}_padding")(x), "valid"
    # PyTorch's fan_out of a depthwise kernel counts every channel, which is fan_in in Keras' layout of it.
    initializer = keras.initializers.VarianceScaling(2, "fan_in", "untruncated_normal")
    x = layers.DepthwiseConv2D(
        kernel,
        both,
        padding,
        dilation_rate=dilation,
        use_bias=False,
        depthwise_initializer=initializer,
        name=f"{name}_convolution",
    )(x)
    if frames != mels:
        # TensorFlow knows no depthwise convolution of two strides: every second place of one axis is left out after it.
        x = layers.MaxPooling2D(1, (frames // both, mels // both), name=f"{name}_stride")(x)
    return x


def normalization(x: keras.KerasTensor, name: str, activation: str | None = None) -> keras.KerasTensor:
    """Batch normalisation, then an activation; layers `{name}_normalization` and `{name}_activation`."""
    x = layers.BatchNormalization(epsilon=1e-3, momentum=0.99, name=f"{name}_normalization")(x)
    return layers.Activation(activation, name=f"{name}_activation")(x) if activation else x


def dense(
    x: keras.KerasTensor,
    units: int,
    name: str,
    activation: str | None = None,
    dtype: str | None = None,
    deviation: float = 0.01,
) -> keras.KerasTensor:
    """Dense layer `name` with a normal start of a given standard deviation."""
    initializer = keras.initializers.RandomNormal(stddev=deviation)
    return layers.Dense(units, activation, kernel_initializer=initializer, dtype=dtype, name=name)(x)

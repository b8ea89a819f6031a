"""PANNs' Cnn6, Cnn10 and Cnn14 (arXiv 1912.10211), of standard Keras layers only."""

from __future__ import annotations

from dataclasses import dataclass

import keras
from keras import layers

from audiotag.errors import AudiotagError
from audiotag.models import heads
from audiotag.models.blocks import Architecture, require_frames

FIRST_CHANNELS = 64
BLOCK_DROPOUT, HEAD_DROPOUT = 0.2, 0.5
_SIZES = {
    6: (4, 1, 5),
    10: (4, 2, 3),
    14: (6, 2, 3),
}  # by layers: blocks, convolutions of a block, edge of their kernel


@dataclass(frozen=True)
class PANN(Architecture):
    """A PANN; each block doubles the channels and halves frames and mel bands, beginning at 64 channels.

    Layer "features" holds the published embedding: 512 numbers, or 2048 with 14 layers. The published models have 64
    mel bands; they mask and mix spectrograms after "mel_normalization" in training, which is here the input pipeline's
    work before it.

    Args:
        layers: 6 (four blocks of one 5x5 convolution), 10 (four blocks of two 3x3 convolutions) or 14 (six such blocks,
            the last without pooling). Default 14.

    Raises:
        AudiotagError: another number of layers.
    """

    layers: int = 14

    def __post_init__(self) -> None:
        if self.layers not in _SIZES:
            raise AudiotagError(f"a PANN has 6, 10 or 14 layers, received {self.layers!r}: choose one of these")

    @property
    def smallest(self) -> int:
        """Fewest frames, and fewest mel bands, that its poolings leave something of: 16, or 32 with 14 layers."""
        return 2 ** min(_SIZES[self.layers][0], 5)

    def _logits(self, spectrogram: keras.KerasTensor, classes: int, frames: int | None) -> keras.KerasTensor:
        for value, what in ((spectrogram.shape[2], "mel bands"), (frames, "frames")):
            if value is not None and value < self.smallest:
                raise AudiotagError(
                    f"a PANN of {self.layers} layers needs at least {self.smallest} {what}, received {value}: "
                    "take longer clips, more bands, or fewer layers"
                )
        x = require_frames(spectrogram, self.smallest)
        x = layers.BatchNormalization(axis=2, epsilon=1e-5, momentum=0.9, name="mel_normalization")(x)
        for number in range(1, _SIZES[self.layers][0] + 1):
            x = self._block(x, FIRST_CHANNELS * 2 ** (number - 1), number)
        x = layers.AveragePooling2D((1, x.shape[2]), name="frequency_mean")(x)
        over_time = (layers.GlobalMaxPooling2D(name="time_maximum"), layers.GlobalAveragePooling2D(name="time_mean"))
        x = layers.Add(name="pooled")([pooling(x) for pooling in over_time])
        x = layers.Dropout(HEAD_DROPOUT, name="pooled_dropout")(x)
        x = layers.Dense(x.shape[-1], "relu", name="features")(x)
        x = layers.Dropout(HEAD_DROPOUT, name="dropout")(x)
        return layers.Dense(classes, dtype="float32", name="logits")(x)

    def _block(self, x: keras.KerasTensor, channels: int, number: int) -> keras.KerasTensor:
        _, convolutions, kernel = _SIZES[self.layers]
        for part in range(1, convolutions + 1):
            name = f"block{number}_{part}"
            x = layers.Conv2D(channels, kernel, padding="same", use_bias=False, name=f"{name}_convolution")(x)
            x = layers.BatchNormalization(epsilon=1e-5, momentum=0.9, name=f"{name}_normalization")(x)
            x = layers.Activation("relu", name=f"{name}_activation")(x)
        if number <= 5:
            x = layers.AveragePooling2D(2, name=f"block{number}_pooling")(x)
        return layers.Dropout(BLOCK_DROPOUT, name=f"block{number}_dropout")(x)


def steps(network: keras.Model) -> keras.KerasTensor:
    """A PANN's head over every step and its neighbours."""
    x = network.get_layer("frequency_mean").output
    x = layers.Reshape((-1, x.shape[-1]), name="steps")(x)
    most = layers.MaxPooling1D(3, 1, "same", name="near_maximum")(x)
    mean = layers.AveragePooling1D(3, 1, "same", name="near_mean")(x)
    hidden = network.get_layer("features")(layers.Add(name="near_pooled")([most, mean]))
    return heads.bounded(network.get_layer("logits")(hidden), network)

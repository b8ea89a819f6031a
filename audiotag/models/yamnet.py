"""YAMNet, the MobileNetV1 (arXiv 1704.04861) that Google trained on AudioSet."""

from __future__ import annotations

from dataclasses import dataclass

import keras
from keras import layers, ops

from audiotag.errors import AudiotagError
from audiotag.models import heads
from audiotag.models.blocks import Architecture, require_frames

PATCH_FRAMES = 96  # 0.96 s at a hop of 10 ms
PATCH_HOP = 48
STEM_CHANNELS = 32
# Stride and channels of the separable convolutions, blocks 2 … 14; every kernel is 3 x 3.
BLOCKS = (
    (1, 64),
    (2, 128),
    (1, 128),
    (2, 256),
    (1, 256),
    (2, 512),
    *5 * ((1, 512),),
    (2, 1024),
    (1, 1024),
)


@dataclass(frozen=True)
class YAMNet(Architecture):
    """YAMNet, which hears patches of 96 frames, one every 48.

    Frames after the last whole patch are left out. The published program first fills the waveform up with silence to
    15600 + n * 7680 samples, so that nothing is left out: fill a waveform up so, and the scores are the published ones.

    Layer "frame_logits" holds the logits of every patch, (batch, patches, classes); the logits of a clip are those of
    the mean of its patches' scores. Layer "patch_features" holds the embedding of every patch, (batch, patches, 1024).
    The published one has 64 mel bands.
    """

    def _logits(self, spectrogram: keras.KerasTensor, classes: int, frames: int | None) -> keras.KerasTensor:
        if frames is not None and frames < PATCH_FRAMES:
            raise AudiotagError(
                f"YAMNet hears patches of {PATCH_FRAMES} frames (0.975 s: 0.96 s and the rest of its last window), "
                f"received {frames} frames: fill the clips up"
            )
        mels = spectrogram.shape[2]
        x = layers.Reshape((-1, mels), name="frames")(require_frames(spectrogram, PATCH_FRAMES))
        # Last frames of patches, every 48th.
        ends = layers.Cropping1D((PATCH_FRAMES - 1, 0), name="patch_ends")(x)[:, ::PATCH_HOP, 0]
        x = ops.extract_sequences(layers.Permute((2, 1), name="bands")(x), PATCH_FRAMES, PATCH_HOP)
        x = ops.reshape(layers.Permute((2, 3, 1), name="time_patches")(x), (-1, PATCH_FRAMES, mels, 1))
        x = layers.Conv2D(STEM_CHANNELS, 3, 2, "same", use_bias=False, name="block1_convolution")(x)
        x = _normalization(x, "block1")
        for number, (stride, channels) in enumerate(BLOCKS, 2):
            x = _separable(x, stride, channels, f"block{number}")
        x = layers.GlobalAveragePooling2D(name="pooling")(x)
        x = _by_clip(x, ends)
        x = layers.Dense(classes, dtype="float32", name="frame_logits")(x)
        return heads.pool(x, "mean")


def _by_clip(x: keras.KerasTensor, patches: keras.KerasTensor) -> keras.KerasTensor:
    """(batch * patches, channels) -> (batch, patches, channels); `patches`, (batch, patches), is only counted."""
    # A functional model cannot ask how many patches there are, so it counts them: each is taken by its number.
    one = ops.cast(ops.ones_like(patches), "int32")
    clip, patch = ops.cumsum(one, axis=0) - 1, ops.cumsum(one, axis=1) - 1
    number = clip * ops.sum(one, axis=1, keepdims=True) + patch
    return layers.Identity(name="patch_features")(ops.take(x, number, axis=0))


def _separable(x: keras.KerasTensor, stride: int, channels: int, name: str) -> keras.KerasTensor:
    # TensorFlow's "same", which pads the end first, is the published padding here.
    x = layers.DepthwiseConv2D(3, stride, "same", use_bias=False, name=f"{name}_depthwise_convolution")(x)
    x = _normalization(x, f"{name}_depthwise")
    x = layers.Conv2D(channels, 1, use_bias=False, name=f"{name}_pointwise_convolution")(x)
    return _normalization(x, f"{name}_pointwise")


def _normalization(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    x = layers.BatchNormalization(scale=False, epsilon=1e-4, name=f"{name}_normalization")(x)
    return layers.Activation("relu", name=f"{name}_activation")(x)

"""PaSST, the patchout spectrogram transformer (arXiv 2110.05069), as a functional Keras model."""

from __future__ import annotations

from dataclasses import dataclass

import keras
from keras import layers

from audiotag.errors import AudiotagError
from audiotag.models import heads
from audiotag.models.blocks import Architecture, check_choice, dense
from audiotag.models.layers import (
    DEVIATION,
    ClassTokens,
    LeastFrames,
    Patchout,
    PositionEmbedding,
    SelfAttention,
    TakeTokens,
    TimeTokens,
)

FRAMES = 998
HEADS = ("tokens", "frames")


@dataclass(frozen=True)
class PaSST(Architecture):
    """A patchout spectrogram transformer.

    Args:
        width: channels of a token, a multiple of `heads`. Default 768.
        depth: number of transformer blocks. Default 12.
        heads: attention heads of a block. Default 12.
        patch: edge of a square patch, frames and mel bands. Default 16.
        stride: distance of two patches, in frames and in mel bands, or (frames, mel bands). Default 10.
        columns: length of the time embedding in patches, where published weights fix it. Default: as `frames` gives.
        patchout_time: columns left out in training (AudioSet 40, ESC-50 10). Default 0.
        patchout_frequency: rows left out in training (AudioSet 4, ESC-50 3). Default 0.
        patchout: single patches left out in training; not with the "frames" head. Default 0.
        head: "tokens" (logits from the mean of the class and distillation tokens, as published) or "frames" (the mean
            of each column's patches is a step of time, 100 ms at a stride of 10 frames and a hop of 10 ms; logits of
            every step, then `pooling`; patchout of time leaves steps out). Default "tokens".
        pooling: of the "frames" head, one of `heads.POOLINGS`, which `heads.pool` defines. Default "linear_softmax".

    Raises:
        AudiotagError: a value outside its range.
    """

    width: int = 768
    depth: int = 12
    heads: int = 12
    patch: int = 16
    stride: int | tuple[int, int] = 10
    columns: int | None = None
    patchout_time: int = 0
    patchout_frequency: int = 0
    patchout: int = 0
    head: str = "tokens"
    pooling: str = "linear_softmax"

    def __post_init__(self) -> None:
        stride = (self.stride, self.stride) if isinstance(self.stride, int) else tuple(self.stride)
        object.__setattr__(self, "stride", stride)
        if len(stride) != 2 or min(stride) < 1:
            raise AudiotagError(f"stride is one positive number or two (frames, mel bands), received {stride}")
        self._check_counts("PaSST", "width", "depth", "heads", "patch")
        if self.width % self.heads:
            raise AudiotagError(
                f"the heads of a PaSST share its width evenly, received width {self.width} and {self.heads} heads: "
                "choose a width that is a multiple of heads"
            )
        for name in ("patchout_time", "patchout_frequency", "patchout"):
            if getattr(self, name) < 0:
                raise AudiotagError(f"{name} is 0 or more, received {getattr(self, name)}")
        check_choice("head of a PaSST", self.head, HEADS)
        check_choice("pooling over time", self.pooling, heads.POOLINGS)
        if self.head == "frames" and self.patchout:
            raise AudiotagError(
                f"the frames head needs whole columns, received patchout {self.patchout}: "
                "leave out columns and rows instead (patchout_time, patchout_frequency)"
            )

    def grid(self, frames: int, mels: int) -> tuple[int, int]:
        """Columns and rows of patches of an input of `frames` x `mels`."""
        if frames < self.patch or mels < self.patch:
            raise AudiotagError(
                f"input must hold one patch of {self.patch} x {self.patch}, received {frames} frames x {mels} mels: "
                "use longer clips or a smaller patch"
            )
        return (frames - self.patch) // self.stride[0] + 1, (mels - self.patch) // self.stride[1] + 1

    def _logits(self, spectrogram: keras.KerasTensor, classes: int, frames: int | None) -> keras.KerasTensor:
        mels = spectrogram.shape[2]
        columns, rows = self._grid_of_places(frames, mels)
        limit = (self.patch * self.patch) ** -0.5
        tokens = layers.Conv2D(
            self.width,
            self.patch,
            self.stride,
            kernel_initializer=keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform"),
            bias_initializer=keras.initializers.RandomUniform(-limit, limit),
            name="patches",
        )(LeastFrames(self.patch, name="least_frames")(spectrogram))
        tokens = PositionEmbedding(columns, self.patch, self.stride[0], name="position")(tokens)
        tokens = Patchout(self.patchout_time, self.patchout_frequency, self.patchout, name="patchout")(tokens)
        tokens = ClassTokens(name="tokens")(tokens)
        for number in range(1, self.depth + 1):
            tokens = self._block(tokens, f"block{number}")
        return self._head(tokens, classes, rows)

    def _head(self, tokens: keras.KerasTensor, classes: int, rows: int) -> keras.KerasTensor:
        if self.head == "tokens":  # normalising is per token: only the two that are read need it
            tokens = TakeTokens(name="read_tokens")(tokens)
            features = layers.GlobalAveragePooling1D(name="features")(_normalize(tokens, "normalization"))
        else:
            steps = TimeTokens(rows, self.patchout_frequency, name="steps")
            features = steps(_normalize(tokens, "normalization"))
        hidden = layers.LayerNormalization(epsilon=1e-5, name="logits_normalization")(features)
        if self.head == "frames":
            return heads.frames(hidden, classes, self.pooling)
        return dense(hidden, classes, "logits", dtype="float32", deviation=DEVIATION)

    def _grid_of_places(self, frames: int | None, mels: int) -> tuple[int, int]:
        """Columns and rows of the embeddings of place."""
        columns, rows = self.grid(frames or FRAMES, mels)
        if frames is not None and self.columns is not None and columns > self.columns:
            longest = (self.columns - 1) * self.stride[0] + self.patch + self.stride[0] - 1
            raise AudiotagError(
                f"this PaSST takes at most {longest} frames ({self.columns} patches of time), received {frames}: "
                "cut the clips into windows, or choose an architecture for longer ones (passt_s_20sec, passt)"
            )
        return self.columns or columns, rows

    def _block(self, tokens: keras.KerasTensor, name: str) -> keras.KerasTensor:
        hidden = _normalize(tokens, f"{name}_attention_normalization")
        hidden = dense(hidden, 3 * self.width, f"{name}_attention_projection", deviation=DEVIATION)
        hidden = SelfAttention(self.heads, name=f"{name}_attention")(hidden)
        hidden = dense(hidden, self.width, f"{name}_attention_output", deviation=DEVIATION)
        tokens = layers.Add(name=f"{name}_attention_add")([tokens, hidden])
        hidden = _normalize(tokens, f"{name}_mlp_normalization")
        hidden = dense(hidden, 4 * self.width, f"{name}_mlp_hidden", "gelu", deviation=DEVIATION)
        hidden = dense(hidden, self.width, f"{name}_mlp_output", deviation=DEVIATION)
        return layers.Add(name=f"{name}_mlp_add")([tokens, hidden])


def _normalize(tokens: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return layers.LayerNormalization(epsilon=1e-6, name=name)(tokens)

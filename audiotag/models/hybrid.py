"""CNNs whose steps of time see each other: recurrent, transformer, and transformer with recurrent context."""

from __future__ import annotations

from dataclasses import dataclass

import keras
from keras import layers

from audiotag.errors import AudiotagError
from audiotag.models import heads
from audiotag.models.blocks import (
    Architecture,
    check_choice,
    convolution,
    make_divisible,
    normalization,
    require_frames,
)

CONTEXTS = ("gru", "transformer", "transformer_gru")
HEADS = ("frames", "ctc")
CHANNELS = (16, 32, 64, 128, 128, 128)
HALVED = 2  # blocks that halve time
STEP_FRAMES = 2**HALVED
BANDS = 4  # fewer bands than this are not halved any more
PLACE_KERNEL = 15


@dataclass(frozen=True)
class Hybrid(Architecture):
    """A small CNN, then layers in which every step of time sees the others, then a head of `heads`.

    Six blocks (3x3 convolution, batch normalisation, ReLU, mean pooling) bring time to steps of 4 frames (40 ms at a
    hop of 10 ms) and 128 mel bands to 2, which join the channels of their step. At width 1 and 10 classes the three
    contexts have 1.0, 1.6 and 2.2 million parameters. Input of any length from 4 frames on.

    Attention sees the whole clip at once, so its tokens can say anywhere what sounds somewhere, and labels of clips do
    not tell them otherwise. What it finds therefore only weighs the channels of each step, by factors of 0 to 1: when
    something sounds is said by what the CNN hears there.

    Args:
        context: "gru" (bidirectional GRUs: arXiv 1702.06286, and the baseline of DCASE task 4), "transformer"
            (encoder blocks: arXiv 1912.04761) or "transformer_gru" (encoder blocks whose tokens go through
            bidirectional GRUs, as arXiv 2303.03689 does with a pretrained transformer). Default "gru".
        width: multiplier of the CNN's channels, positive. Default 1.
        units: GRU units of a direction; a transformer's token has twice as many channels. Default 128.
        depth: encoder blocks and GRU layers of the context, at least 1. Default 2.
        heads: attention heads of an encoder block; they divide twice `units`. Default 4.
        dropout: rate after every block of the CNN and in the context, 0 to 1. Default 0.2.
        head: "frames" (every class, each step for itself), or "ctc" (characters, in their order). Default "frames".
        pooling: of the "frames" head, one of `heads.POOLINGS`, which `heads.pool` defines. Default "linear_softmax".

    Raises:
        AudiotagError: a value outside its range.
    """

    context: str = "gru"
    width: float = 1.0
    units: int = 128
    depth: int = 2
    heads: int = 4
    dropout: float = 0.2
    head: str = "frames"
    pooling: str = "linear_softmax"

    def __post_init__(self) -> None:
        check_choice("context", self.context, CONTEXTS)
        check_choice("head of a hybrid", self.head, HEADS)
        check_choice("pooling over time", self.pooling, heads.POOLINGS)
        if not self.width > 0:
            raise AudiotagError(f"width of a hybrid is a positive multiplier, received {self.width}")
        self._check_counts("hybrid", "units", "depth", "heads")
        if not 0 <= self.dropout < 1:
            raise AudiotagError(f"dropout of a hybrid is a rate in 0 to 1, received {self.dropout}")
        if 2 * self.units % self.heads:
            raise AudiotagError(
                f"the heads of a hybrid share twice its units evenly, received {self.units} units and {self.heads} "
                "heads: choose units that are a multiple of heads"
            )

    def _logits(self, spectrogram: keras.KerasTensor, classes: int, frames: int | None) -> keras.KerasTensor:
        if frames is not None and frames < STEP_FRAMES:
            raise AudiotagError(
                f"a hybrid needs at least {STEP_FRAMES} frames, one step of time, received {frames}: take longer clips"
            )
        x = require_frames(spectrogram, STEP_FRAMES)
        for number, channels in enumerate(CHANNELS, 1):
            x = self._block(x, make_divisible(channels * self.width), number)
        x = layers.Reshape((-1, x.shape[2] * x.shape[3]), name="steps")(x)
        x = self._recurrent(x) if self.context == "gru" else self._weighed(x)
        return heads.ctc(x, classes) if self.head == "ctc" else heads.frames(x, classes, self.pooling)

    def _weighed(self, x: keras.KerasTensor) -> keras.KerasTensor:
        context = self._encoder(x)
        if self.context == "transformer_gru":
            context = self._recurrent(context)
        gates = layers.Dense(x.shape[-1], "sigmoid", name="gates")(context)
        return layers.Multiply(name="gated")([x, gates])

    def _block(self, x: keras.KerasTensor, channels: int, number: int) -> keras.KerasTensor:
        name = f"block{number}"
        x = normalization(convolution(x, channels, 3, 1, name), name, "relu")
        size = (2 if number <= HALVED else 1, 2 if x.shape[2] >= BANDS else 1)
        if size != (1, 1):
            x = layers.AveragePooling2D(size, name=f"{name}_pooling")(x)
        return layers.Dropout(self.dropout, name=f"{name}_dropout")(x)

    def _recurrent(self, x: keras.KerasTensor) -> keras.KerasTensor:
        for number in range(1, self.depth + 1):
            both = layers.Bidirectional(layers.GRU(self.units, return_sequences=True), name=f"gru{number}")
            x = layers.Dropout(self.dropout, name=f"gru{number}_dropout")(both(x))
        return x

    def _encoder(self, x: keras.KerasTensor) -> keras.KerasTensor:
        width = 2 * self.units
        x = layers.Dense(width, name="tokens")(x)
        # What a step's neighbours are tells attention where it lies, at any length of input (arXiv 2102.10882).
        place = layers.DepthwiseConv1D(PLACE_KERNEL, padding="same", name="place")(x)
        x = layers.Add(name="place_add")([x, place])
        for number in range(1, self.depth + 1):
            x = self._encoder_block(x, width, f"encoder{number}")
        return layers.LayerNormalization(epsilon=1e-6, name="encoder_normalization")(x)

    def _encoder_block(self, x: keras.KerasTensor, width: int, name: str) -> keras.KerasTensor:
        attention = layers.MultiHeadAttention(
            self.heads, width // self.heads, dropout=self.dropout, name=f"{name}_attention"
        )
        hidden = layers.LayerNormalization(epsilon=1e-6, name=f"{name}_attention_normalization")(x)
        x = layers.Add(name=f"{name}_attention_add")([x, attention(hidden, hidden)])
        hidden = layers.LayerNormalization(epsilon=1e-6, name=f"{name}_mlp_normalization")(x)
        hidden = layers.Dense(2 * width, "gelu", name=f"{name}_mlp_hidden")(hidden)
        hidden = layers.Dropout(self.dropout, name=f"{name}_mlp_dropout")(hidden)
        hidden = layers.Dense(width, name=f"{name}_mlp_output")(hidden)
        return layers.Add(name=f"{name}_mlp_add")([x, hidden])

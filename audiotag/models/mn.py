"""MN, the MobileNetV3-Large students of EfficientAT (arXiv 2211.04772), of standard Keras layers only."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import keras
from keras import layers

from audiotag.errors import AudiotagError
from audiotag.models import heads
from audiotag.models.blocks import (
    Architecture,
    Stride,
    check_choice,
    convolution,
    dense,
    depthwise,
    make_divisible,
    normalization,
)

FUSIONS = {"max": layers.Maximum, "avg": layers.Average, "add": layers.Add, "min": layers.Minimum}
STEM_CHANNELS = 16
FINAL_KERNEL_SCALE = 6  # channels of the last convolution over those of the last block
HIDDEN_UNITS = 1280


class Block(NamedTuple):
    """One inverted residual block.

    In `BLOCKS` channels are those of width 1, and `stride` is 0 … 3 for s0 … s3, None for stride 1; in a network both
    are what they are there.
    """

    kernel: int
    expanded: int
    channels: int
    squeezes: bool
    activation: str
    stride: Stride | None = None


BLOCKS = (
    Block(3, 16, 16, False, "relu"),
    Block(3, 64, 24, False, "relu", 0),
    Block(3, 72, 24, False, "relu"),
    Block(5, 72, 40, True, "relu", 1),
    Block(5, 120, 40, True, "relu"),
    Block(5, 120, 40, True, "relu"),
    Block(3, 240, 80, False, "hard_silu", 2),
    Block(3, 200, 80, False, "hard_silu"),
    Block(3, 184, 80, False, "hard_silu"),
    Block(3, 184, 80, False, "hard_silu"),
    Block(3, 480, 112, True, "hard_silu"),
    Block(3, 672, 112, True, "hard_silu"),
    Block(5, 672, 160, True, "hard_silu", 3),
    Block(5, 960, 160, True, "hard_silu"),
    Block(5, 960, 160, True, "hard_silu"),
)
DILATED_BLOCKS = ("block13", "block14", "block15")


@dataclass(frozen=True)
class MobileNet(Architecture):
    """What MN and DyMN have in common: a stem, fifteen blocks, a last convolution, a head.

    Args:
        width: multiplier of every channel count, positive. Default 1.
        head: "mlp" (pooling, a hidden layer, dropout), "fully_convolutional" (1x1 convolution, then pooling),
            "multihead_attention_pooling" (weighted mean over time, arXiv 2102.01243) or "frames" (logits of every
            step of time, `heads.frames`, then `pooling`). Default "mlp".
        strides: strides s0 … s3 of blocks 2, 4, 7 and 13, each 1 or 2. Default (2, 2, 2, 2): a step of time is 32
            frames, 8 with (2, 2, 1, 1).
        attention_heads: heads of the attention pooling. Default 4.
        dropout: rate before the last layer of the mlp head. Default 0.2.
        pooling: of the "frames" head, one of `heads.POOLINGS`, which `heads.pool` defines. Default "linear_softmax".

    Raises:
        AudiotagError: a value outside its range.
    """

    width: float = 1.0
    head: str = "mlp"
    strides: tuple[int, ...] = (2, 2, 2, 2)
    attention_heads: int = 4
    dropout: float = 0.2
    pooling: str = "linear_softmax"

    def __post_init__(self) -> None:
        kind = type(self).__name__
        object.__setattr__(self, "strides", tuple(self.strides))
        if not self.width > 0:
            raise AudiotagError(f"width of {kind} is a positive multiplier, received {self.width}")
        check_choice("head", self.head, heads.HEADS)
        check_choice("pooling over time", self.pooling, heads.POOLINGS)
        if len(self.strides) != 4 or not set(self.strides) <= {1, 2}:
            raise AudiotagError(f"strides of {kind} are four of 1 or 2, received {self.strides}")
        if self.attention_heads < 1 or not 0 <= self.dropout < 1:
            raise AudiotagError(
                f"{kind} has at least 1 attention head and a dropout in 0 to 1, received "
                f"attention_heads {self.attention_heads}, dropout {self.dropout}"
            )

    def channels(self, count: int) -> int:
        """A channel count of width 1, at this width."""
        return make_divisible(count * self.width)

    def _logits(self, spectrogram: keras.KerasTensor, classes: int, frames: int | None) -> keras.KerasTensor:
        strides = [1 if block.stride is None else self.strides[block.stride] for block in BLOCKS]
        x = convolutions(spectrogram, self.width, strides, self._inside)
        if self.head == "mlp":
            return heads.mlp(x, classes, self.channels(HIDDEN_UNITS), self.dropout)
        if self.head == "fully_convolutional":
            return heads.fully_convolutional(x, classes)
        if self.head == "frames":
            return heads.frames(x, classes, self.pooling)
        return heads.attention_pooling(x, classes, self.attention_heads)

    @abstractmethod
    def _inside(self, x: keras.KerasTensor, block: Block, name: str) -> keras.KerasTensor:
        """A block up to its projection."""


@dataclass(frozen=True)
class MN(MobileNet):
    """An MN student.

    Args:
        width: this and the other fields of `MobileNet`.
        dilated: blocks 13-15 dilate by 2 instead of striding. Default False.
        se_dims: what squeeze-and-excitation gates: letters of "c" (channels), "f" (frequency) and "t" (time), or
            "none"; "f" fixes the number of mels, "t" that of frames. Default "c".
        se_fusion: how several gated maps become one: "max", "avg", "add" or "min". Default "max".

    Raises:
        AudiotagError: a value outside its range.
    """

    dilated: bool = False
    se_dims: str = "c"
    se_fusion: str = "max"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.se_dims != "none":
            # Published blocks number their gates in this order.
            object.__setattr__(self, "se_dims", "".join(sorted(self.se_dims)))
        check_choice("se_fusion of an MN", self.se_fusion, FUSIONS)
        dims = "" if self.se_dims == "none" else self.se_dims
        if not set(dims) <= set("cft") or len(set(dims)) != len(dims) or self.se_dims == "":
            raise AudiotagError(f"se_dims are letters of 'cft', each once, or 'none', received {self.se_dims!r}")

    def _length(self, frames: int | None) -> int | None:
        if self.se_dims == "none" or "t" not in self.se_dims:
            return None
        if frames is None:
            raise AudiotagError(f"se_dims {self.se_dims!r} gates time and fixes the input's length: give frames")
        return frames

    def _inside(self, x: keras.KerasTensor, block: Block, name: str) -> keras.KerasTensor:
        dilation = 2 if self.dilated and name in DILATED_BLOCKS else 1
        x = widened(x, block if dilation == 1 else block._replace(stride=1), name, dilation)
        if block.squeezes and self.se_dims != "none":
            gated = [squeeze_excitation(x, dim, f"{name}_squeeze_{dim}") for dim in self.se_dims]
            x = gated[0] if len(gated) == 1 else FUSIONS[self.se_fusion](name=f"{name}_squeeze_fusion")(gated)
        return convolution(x, block.channels, 1, 1, f"{name}_project")


def convolutions(
    spectrogram: keras.KerasTensor,
    width: float,
    strides: Sequence[Stride],
    inside: Callable[[keras.KerasTensor, Block, str], keras.KerasTensor],
) -> keras.KerasTensor:
    """The stem, the blocks and the last convolution.

    Args:
        spectrogram: (batch, frames, mels, 1).
        width: multiplier of every channel count.
        strides: of each block.
        inside: what a block is up to its projection, of its input, its settings and its name.

    Returns:
        (batch, steps, bands, channels), layer "last_activation".
    """
    x = convolution(spectrogram, make_divisible(STEM_CHANNELS * width), 3, 2, "stem")
    x = normalization(x, "stem", "hard_silu")
    for number, (block, stride) in enumerate(zip(BLOCKS, strides, strict=True), 1):
        expanded, channels = (make_divisible(count * width) for count in (block.expanded, block.channels))
        entry, name = x, f"block{number}"
        x = inside(entry, block._replace(stride=stride, expanded=expanded, channels=channels), name)
        x = normalization(x, f"{name}_project")
        # As published, a stride that dilation replaces still rules out the residual.
        if stride == 1 and channels == entry.shape[-1]:
            x = layers.Add(name=f"{name}_add")([x, entry])
    x = convolution(x, FINAL_KERNEL_SCALE * x.shape[-1], 1, 1, "last")
    return normalization(x, "last", "hard_silu")


def widened(x: keras.KerasTensor, block: Block, name: str, dilation: int | tuple[int, int] = 1) -> keras.KerasTensor:
    """The beginning of a block: more channels, then a depthwise convolution."""
    if block.expanded != x.shape[-1]:
        x = convolution(x, block.expanded, 1, 1, f"{name}_expand")
        x = normalization(x, f"{name}_expand", block.activation)
    x = depthwise(x, block.kernel, block.stride, dilation, f"{name}_depthwise")
    return normalization(x, f"{name}_depthwise", block.activation)


def squeeze_excitation(x: keras.KerasTensor, dim: str, name: str) -> keras.KerasTensor:
    """Gate one axis of (frames, mels, channels) by what the mean over the other two says (arXiv 1709.01507)."""
    order = {"t": (3, 2, 1), "f": (1, 3, 2), "c": (1, 2, 3)}[dim]
    squeezed = x if dim == "c" else layers.Permute(order, name=f"{name}_permute")(x)
    squeezed = layers.GlobalAveragePooling2D(name=f"{name}_mean")(squeezed)
    size = squeezed.shape[-1]
    gate = dense(squeezed, make_divisible(size // 4), f"{name}_reduce", "relu")
    gate = dense(gate, size, f"{name}_expand", "sigmoid")
    shape = {"t": (size, 1, 1), "f": (1, size, 1), "c": (1, 1, size)}[dim]
    gate = layers.Reshape(shape, name=f"{name}_gate")(gate)
    return layers.Multiply(name=f"{name}_multiply")([x, gate])
